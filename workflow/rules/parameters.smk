# The parameters that ensembles have learnt: maps, how far members agree.


rule parameters:
    input:
        expand("<results>/figures/{setup}/identifiability.png", setup=REFERENCE),
        expand(
            "<results>/figures/{setup}/maps/{trait}.png", setup=REFERENCE, trait=TRAITS
        ),


rule assess_identifiability:
    input:
        library("analysis/identifiability.py"),
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        table="<results>/analysis/{setup}/identifiability.csv",
        cells="<results>/analysis/{setup}/identifiability.nc",
    log:
        "<logs>/assess_identifiability/{setup}.log",
    benchmark:
        "<benchmarks>/assess_identifiability/{setup}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("assess_identifiability"),
        runtime=runtime("assess_identifiability"),
    params:
        threshold=config["analysis"]["identifiability_threshold"],
    message:
        "Assessing how well the members of {wildcards.setup} agree on each parameter"
    script:
        "../../scripts/assess_identifiability.py"


rule plot_identifiability:
    input:
        library("figures/identifiability.py", "figures/style.py"),
        table="<results>/analysis/{setup}/identifiability.csv",
    output:
        png=report(
            "<results>/figures/{setup}/identifiability.png",
            caption="../report/identifiability.rst",
            category="Parameters",
            subcategory="{setup}",
            labels={
                "figure": "identifiability",
            },
        ),
        pdf="<results>/figures/{setup}/identifiability.pdf",
    log:
        "<logs>/plot_identifiability/{setup}.log",
    benchmark:
        "<benchmarks>/plot_identifiability/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_identifiability"),
        runtime=runtime("plot_identifiability"),
    message:
        "Drawing the identifiability of the parameters of {wildcards.setup}"
    script:
        "../../scripts/plot_identifiability.py"


rule plot_parameter_maps:
    input:
        library("figures/maps.py", "figures/style.py"),
        parameters="<results>/maps/{setup}/parameters.nc",
    output:
        png=[
            report(
                f"<results>/figures/{{setup}}/maps/{trait}.png",
                caption="../report/map.rst",
                category="Traits",
                subcategory="{setup}",
                labels={
                    "figure": f"map of {trait}",
                },
            )
            for trait in TRAITS
        ],
        pdf=[f"<results>/figures/{{setup}}/maps/{trait}.pdf" for trait in TRAITS],
    log:
        "<logs>/plot_parameter_maps/{setup}.log",
    benchmark:
        "<benchmarks>/plot_parameter_maps/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_parameter_maps"),
        runtime=runtime("plot_parameter_maps"),
    params:
        traits=TRAITS,
    message:
        "Drawing maps of the traits of {wildcards.setup}"
    script:
        "../../scripts/plot_parameter_maps.py"
