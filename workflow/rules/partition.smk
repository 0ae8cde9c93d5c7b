# What each group of predictors explains (Fig. 2).


rule partition:
    input:
        [
            "<results>/figures/partition.png",
            *expand("<results>/figures/partition_map/{target}.png", target=TARGETS),
            *expand("<results>/figures/contribution_map/{target}.png", target=TARGETS),
        ]
        if PARTITIONED
        else [],
        "<results>/figures/heterogeneity.png"
        if "PFT" in config["analysis"]["groups"]
        else [],
    message:
        "Target {rule}"


rule partition_variance:
    input:
        metrics=expand(
            "<results>/evaluation/develop/{setup}/metrics.csv", setup=PARTITIONED
        ),
        cells=expand("<results>/evaluation/develop/{setup}/cells.nc", setup=PARTITIONED),
    output:
        table=report(
            "<results>/analysis/partition.csv",
            caption="../report/partition_table.rst",
            category="03 Predictor groups",
            labels={
                "content": "table: contributions of the groups",
            },
        ),
        cells="<results>/analysis/partition_cells.nc",
        summary=report(
            "<results>/analysis/partition_summary.csv",
            caption="../report/partition_summary.rst",
            category="03 Predictor groups",
            labels={
                "content": "table: groups over the cells",
            },
        ),
    params:
        setups=PARTITIONED,
        groups=config["analysis"]["groups"],
    message:
        "Partitioning explained variance among predictor groups"
    script:
        "../../scripts/partition_variance.py"


rule plot_partition:
    input:
        table="<results>/analysis/partition.csv",
    output:
        png=report(
            "<results>/figures/partition.png",
            caption="../report/partition.rst",
            category="03 Predictor groups",
            labels={
                "content": "contributions of the groups",
            },
        ),
        pdf="<results>/figures/partition.pdf",
    message:
        "Drawing the shares of explained variance"
    script:
        "../../scripts/plot_partition.py"


rule plot_partition_maps:
    input:
        cells="<results>/analysis/partition_cells.nc",
    output:
        png=[
            report(
                f"<results>/figures/partition_map/{target}.png",
                caption="../report/partition_map.rst",
                category="03 Predictor groups",
                labels={
                    "content": f"dominant group, {target}",
                },
            )
            for target in TARGETS
        ],
        pdf=[f"<results>/figures/partition_map/{target}.pdf" for target in TARGETS],
    params:
        targets=TARGETS,
    message:
        "Drawing the dominant group of each cell"
    script:
        "../../scripts/plot_partition_maps.py"


rule plot_contribution_maps:
    input:
        cells="<results>/analysis/partition_cells.nc",
    output:
        png=[
            report(
                f"<results>/figures/contribution_map/{target}.png",
                caption="../report/contribution_map.rst",
                category="03 Predictor groups",
                labels={
                    "content": f"contribution of each group, {target}",
                },
            )
            for target in TARGETS
        ],
        pdf=[f"<results>/figures/contribution_map/{target}.pdf" for target in TARGETS],
    params:
        targets=TARGETS,
    message:
        "Drawing the contribution of each group in each cell"
    script:
        "../../scripts/plot_contribution_maps.py"


rule correlate_heterogeneity:
    input:
        cells="<results>/analysis/partition_cells.nc",
        driver="<results>/driver/driver.nc",
    output:
        table=report(
            "<results>/analysis/heterogeneity.csv",
            caption="../report/heterogeneity_table.rst",
            category="03 Predictor groups",
            labels={
                "content": "table: plant types and heterogeneity",
            },
        ),
        bins="<results>/analysis/heterogeneity_bins.csv",
    params:
        plant_types=config["predictors"]["PFT"],
        bootstrap=config["analysis"]["bootstrap"],
    message:
        "Correlating the importance of plant types with the heterogeneity of the land cover"
    script:
        "../../scripts/correlate_heterogeneity.py"


rule plot_heterogeneity:
    input:
        table="<results>/analysis/heterogeneity.csv",
        bins="<results>/analysis/heterogeneity_bins.csv",
    output:
        png=report(
            "<results>/figures/heterogeneity.png",
            caption="../report/heterogeneity.rst",
            category="03 Predictor groups",
            labels={
                "content": "plant types and heterogeneity",
            },
        ),
        pdf="<results>/figures/heterogeneity.pdf",
    message:
        "Drawing the importance of plant types against the heterogeneity of the land cover"
    script:
        "../../scripts/plot_heterogeneity.py"
