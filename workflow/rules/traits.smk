# Axes along which traits vary together (Fig. 3a-d).


rule traits:
    input:
        expand(
            "<results>/figures/{setup}/{figure}.png",
            setup=REFERENCE,
            figure=["components", "component_maps"],
        ),


rule derive_components:
    input:
        library("analysis/traits.py"),
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        components="<results>/analysis/{setup}/components.nc",
    log:
        "<logs>/derive_components/{setup}.log",
    benchmark:
        "<benchmarks>/derive_components/{setup}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("derive_components"),
        runtime=runtime("derive_components"),
    params:
        number=config["analysis"]["components"],
    message:
        "Deriving the principal components of the traits of {wildcards.setup}"
    script:
        "../../scripts/derive_components.py"


rule plot_components:
    input:
        library("figures/components.py", "figures/style.py"),
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/components.png",
            caption="../report/components.rst",
            category="Traits",
            subcategory="{setup}",
            labels={
                "figure": "component loadings",
            },
        ),
        pdf="<results>/figures/{setup}/components.pdf",
    log:
        "<logs>/plot_components/{setup}.log",
    benchmark:
        "<benchmarks>/plot_components/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_components"),
        runtime=runtime("plot_components"),
    message:
        "Drawing the loadings of the trait components of {wildcards.setup}"
    script:
        "../../scripts/plot_components.py"


rule plot_component_maps:
    input:
        library("figures/components.py", "figures/maps.py", "figures/style.py"),
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/component_maps.png",
            caption="../report/component_maps.rst",
            category="Traits",
            subcategory="{setup}",
            labels={
                "figure": "component maps",
            },
        ),
        pdf="<results>/figures/{setup}/component_maps.pdf",
    log:
        "<logs>/plot_component_maps/{setup}.log",
    benchmark:
        "<benchmarks>/plot_component_maps/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_component_maps"),
        runtime=runtime("plot_component_maps"),
    message:
        "Drawing maps of the trait components of {wildcards.setup}"
    script:
        "../../scripts/plot_component_maps.py"
