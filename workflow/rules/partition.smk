# What each group of predictors explains (Fig. 2).


rule partition:
    input:
        part(
            "Predictor groups",
            when=PARTITIONED,
            absent=(
                "partition of explained variance (Fig. 2)",
                "analysis.groups is empty",
            ),
            tables=[
                "<results>/analysis/partition.csv",
                "<results>/analysis/partition_summary.csv",
            ],
            summarised={
                "<results>/figures/partition.png": "Variance that each group of predictors explains (Fig. 2)."
            },
            files=expand(
                "<results>/figures/{map}/{target}.png",
                map=["partition_map", "contribution_map"],
                target=TARGETS,
            ),
        ),
        part(
            "Predictor groups",
            when="PFT" in config["analysis"]["groups"],
            absent=(
                "plant types and the heterogeneity of land cover (Fig. 2)",
                "analysis.groups has no PFT",
            ),
            tables=["<results>/analysis/heterogeneity.csv"],
            files=["<results>/figures/heterogeneity.png"],
        ),


rule partition_variance:
    input:
        metrics=expand(
            "<results>/evaluation/develop/{setup}/metrics.csv", setup=PARTITIONED
        ),
        cells=expand("<results>/evaluation/develop/{setup}/cells.nc", setup=PARTITIONED),
    output:
        table=reported(
            "<results>/analysis/partition.csv",
            "Predictor groups",
            caption="partition_table",
            content="table: contributions of the groups",
        ),
        contributions="<results>/analysis/partition_cells.nc",
        summary=reported(
            "<results>/analysis/partition_summary.csv",
            "Predictor groups",
            content="table: groups over the cells",
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
        **figure(
            "<results>/figures/partition",
            "Predictor groups",
            content="contributions of the groups",
        ),
    message:
        "Plotting the variance that each predictor group explains"
    script:
        "../../scripts/plot_partition.py"


rule plot_partition_maps:
    input:
        cells="<results>/analysis/partition_cells.nc",
    output:
        **figures(
            "<results>/figures/partition_map",
            TARGETS,
            "Predictor groups",
            caption="partition_map",
            content="dominant group, {name}",
        ),
    params:
        targets=TARGETS,
    message:
        "Mapping the dominant predictor group of each cell"
    script:
        "../../scripts/plot_partition_maps.py"


rule plot_contribution_maps:
    input:
        cells="<results>/analysis/partition_cells.nc",
    output:
        **figures(
            "<results>/figures/contribution_map",
            TARGETS,
            "Predictor groups",
            caption="contribution_map",
            content="contribution of each group, {name}",
        ),
    params:
        targets=TARGETS,
    message:
        "Mapping the contribution of each predictor group"
    script:
        "../../scripts/plot_contribution_maps.py"


rule correlate_heterogeneity:
    input:
        cells="<results>/analysis/partition_cells.nc",
        driver="<results>/driver/driver.nc",
    output:
        table=reported(
            "<results>/analysis/heterogeneity.csv",
            "Predictor groups",
            caption="heterogeneity_table",
            content="table: plant types and heterogeneity",
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
        **figure(
            "<results>/figures/heterogeneity",
            "Predictor groups",
            content="plant types and heterogeneity",
        ),
    message:
        "Plotting the importance of plant types against the heterogeneity of the land cover"
    script:
        "../../scripts/plot_heterogeneity.py"
