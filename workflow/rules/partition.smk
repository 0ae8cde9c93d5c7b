# What each group of predictors explains (Fig. 2).


rule partition:
    input:
        [
            "<results>/figures/partition.png",
            *expand("<results>/figures/partition_map/{target}.png", target=TARGETS),
        ]
        if PARTITIONED
        else [],


rule partition_variance:
    input:
        library("analysis/partition.py"),
        metrics=expand(
            "<results>/evaluation/develop/{setup}/metrics.csv", setup=PARTITIONED
        ),
        cells=expand("<results>/evaluation/develop/{setup}/cells.nc", setup=PARTITIONED),
    output:
        table="<results>/analysis/partition.csv",
        cells="<results>/analysis/partition_cells.nc",
    log:
        "<logs>/partition_variance.log",
    benchmark:
        "<benchmarks>/partition_variance.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("partition_variance"),
        runtime=runtime("partition_variance"),
    params:
        setups=PARTITIONED,
        groups=config["analysis"]["groups"],
    message:
        "Partitioning explained variance among predictor groups"
    script:
        "../../scripts/partition_variance.py"


rule plot_partition:
    input:
        library("figures/partition.py", "figures/style.py"),
        table="<results>/analysis/partition.csv",
    output:
        png=report(
            "<results>/figures/partition.png",
            caption="../report/partition.rst",
            category="Explained variance",
            labels={
                "figure": "shares of the groups",
            },
        ),
        pdf="<results>/figures/partition.pdf",
    log:
        "<logs>/plot_partition.log",
    benchmark:
        "<benchmarks>/plot_partition.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_partition"),
        runtime=runtime("plot_partition"),
    message:
        "Drawing the shares of explained variance"
    script:
        "../../scripts/plot_partition.py"


rule plot_partition_maps:
    input:
        library("figures/partition.py", "figures/maps.py", "figures/style.py"),
        cells="<results>/analysis/partition_cells.nc",
    output:
        png=[
            report(
                f"<results>/figures/partition_map/{target}.png",
                caption="../report/partition_map.rst",
                category="Explained variance",
                labels={
                    "figure": f"dominant group, {target}",
                },
            )
            for target in TARGETS
        ],
        pdf=[f"<results>/figures/partition_map/{target}.pdf" for target in TARGETS],
    log:
        "<logs>/plot_partition_maps.log",
    benchmark:
        "<benchmarks>/plot_partition_maps.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_partition_maps"),
        runtime=runtime("plot_partition_maps"),
    params:
        targets=TARGETS,
    message:
        "Drawing the dominant group of each cell"
    script:
        "../../scripts/plot_partition_maps.py"
