# Axes along which traits vary together (Fig. 3a-d, S27, S28), and how far setups and members agree on them.


rule traits:
    input:
        expand(
            "<results>/figures/{setup}/{figure}.png",
            setup=COMPARED,
            figure=[
                "components",
                "component_maps",
                # Three axes make a space.
                *(["loadings"] if config["analysis"]["components"] >= 3 else []),
            ],
        ),
        "<results>/figures/component_agreement.png",
    message:
        "Target {rule}"


rule derive_components:
    input:
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
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/components.png",
            caption="../report/components.rst",
            category="04 Trait axes",
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


rule plot_loadings:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/loadings.png",
            caption="../report/loadings.rst",
            category="04 Trait axes",
            subcategory="{setup}",
            labels={
                "figure": "loadings in space",
            },
        ),
        pdf="<results>/figures/{setup}/loadings.pdf",
    log:
        "<logs>/plot_loadings/{setup}.log",
    benchmark:
        "<benchmarks>/plot_loadings/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_loadings"),
        runtime=runtime("plot_loadings"),
    message:
        "Drawing the traits in the space of their components, {wildcards.setup}"
    script:
        "../../scripts/plot_loadings.py"


rule plot_component_maps:
    input:
        components="<results>/analysis/{setup}/components.nc",
    output:
        png=report(
            "<results>/figures/{setup}/component_maps.png",
            caption="../report/component_maps.rst",
            category="04 Trait axes",
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


rule assess_component_agreement:
    input:
        components=expand("<results>/analysis/{setup}/components.nc", setup=COMPARED),
        parameters=expand("<results>/maps/{setup}/parameters.nc", setup=COMPARED),
    output:
        table="<results>/analysis/component_agreement.csv",
    log:
        "<logs>/assess_component_agreement.log",
    benchmark:
        "<benchmarks>/assess_component_agreement.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("assess_component_agreement"),
        runtime=runtime("assess_component_agreement"),
    params:
        setups=COMPARED,
    message:
        "Assessing how far setups and members agree on the axes of traits"
    script:
        "../../scripts/assess_component_agreement.py"


rule plot_component_agreement:
    input:
        table="<results>/analysis/component_agreement.csv",
    output:
        png=report(
            "<results>/figures/component_agreement.png",
            caption="../report/component_agreement.rst",
            category="04 Trait axes",
            labels={
                "figure": "agreement of setups and members",
            },
        ),
        pdf="<results>/figures/component_agreement.pdf",
    log:
        "<logs>/plot_component_agreement.log",
    benchmark:
        "<benchmarks>/plot_component_agreement.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_component_agreement"),
        runtime=runtime("plot_component_agreement"),
    message:
        "Drawing how far setups and members agree on the axes of traits"
    script:
        "../../scripts/plot_component_agreement.py"
