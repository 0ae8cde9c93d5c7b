# Ensembles against observations; the parameter maps that the analyses read.


rule evaluation:
    input:
        rules.ensembles.input,
        [
            f"<results>/evaluation/{stage}/{setup}/simulation.nc"
            for stage, setup in TRAINED
        ],
        expand("<results>/maps/{setup}/parameters.nc", setup=config["setups"]),
        "<results>/tables/metrics.csv",
    message:
        "Target {rule}"


rule evaluate_ensemble:
    input:
        members("{stage}", "{setup}"),
        library("evaluation.py", "ensemble.py", "metrics.py"),
        ensemble="<results>/ensembles/{stage}/{setup}.json",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
    output:
        metrics="<results>/evaluation/{stage}/{setup}/metrics.csv",
        cells="<results>/evaluation/{stage}/{setup}/cells.nc",
        patches="<results>/evaluation/{stage}/{setup}/patches.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
    log:
        "<logs>/evaluate_ensemble/{stage}/{setup}.log",
    benchmark:
        "<benchmarks>/evaluate_ensemble/{stage}/{setup}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate_ensemble"),
        runtime=runtime("evaluate_ensemble"),
    params:
        members=members_root,
        observed_variables=OBSERVED,
        spin_up_months=config["evaluation"]["spin_up_months"],
    message:
        "Evaluating {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/evaluate_ensemble.py"


rule map_parameters:
    input:
        members("final", "{setup}"),
        library("ensemble.py"),
        ensemble="<results>/ensembles/final/{setup}.json",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
    output:
        parameters="<results>/maps/{setup}/parameters.nc",
    log:
        "<logs>/map_parameters/{setup}.log",
    benchmark:
        "<benchmarks>/map_parameters/{setup}.tsv"
    conda:
        "../../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory("map_parameters"),
        runtime=runtime("map_parameters"),
    params:
        members=members_root,
    message:
        "Mapping the parameters of {wildcards.setup}"
    script:
        "../../scripts/map_parameters.py"


rule tabulate_metrics:
    input:
        metrics=[
            *(
                f"<results>/evaluation/{stage}/{setup}/metrics.csv"
                for stage, setup in TRAINED
            ),
            *expand(
                "<results>/applied/{name}/{setup}/metrics.csv",
                name=config["apply"],
                setup=config["setups"],
            ),
        ],
    output:
        metrics=report(
            "<results>/tables/metrics.csv",
            caption="../report/metrics.rst",
            category="02 Fit and skill",
            labels={"content": "table: all metrics"},
        ),
    log:
        "<logs>/tabulate_metrics.log",
    benchmark:
        "<benchmarks>/tabulate_metrics.tsv"
    conda:
        "../../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory("tabulate_metrics"),
        runtime=runtime("tabulate_metrics"),
    params:
        # The driver that each table is about: the study's own, or an applied one.
        drivers=["driver"] * len(TRAINED)
        + [name for name in config["apply"] for setup in config["setups"]],
    message:
        "Collecting the metrics of all setups"
    script:
        "../../scripts/tabulate_metrics.py"
