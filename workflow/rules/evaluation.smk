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


for name, block in zip(SETUP_RULES["evaluate_ensemble"], SETUP_BLOCKS):
    job = f"{{stage}}/{first_to_last(block)}"

    rule:
        name:
            name
        input:
            [members("{stage}", setup) for setup in block],
            ensembles=[f"<results>/ensembles/{{stage}}/{setup}.json" for setup in block],
            driver="<results>/driver/driver.nc",
            patches="<results>/driver/patches.nc",
        output:
            **{
                kind: [
                    f"<results>/evaluation/{{stage}}/{setup}/{file}" for setup in block
                ]
                for kind, file in {
                    "metrics": "metrics.csv",
                    "cells": "cells.nc",
                    "sums": "patches.nc",
                    "simulations": "simulation.nc",
                }.items()
            },
        log:
            f"<logs>/evaluate_ensemble/{job}.log",
        benchmark:
            f"<benchmarks>/evaluate_ensemble/{job}.tsv"
        conda:
            "../../envs/model.yaml"
        resources:
            **needs("evaluate_ensemble", setups=len(block)),
        params:
            members=members_root,
            observed_variables=OBSERVED,
            spin_up_months=config["evaluation"]["spin_up_months"],
        message:
            f"Evaluating {len(block)} setup(s): {shown(job)}"
        script:
            "../../scripts/evaluate_ensemble.py"


for name, block in zip(SETUP_RULES["map_parameters"], SETUP_BLOCKS):
    job = first_to_last(block)

    rule:
        name:
            name
        input:
            [members("final", setup) for setup in block],
            ensembles=[f"<results>/ensembles/final/{setup}.json" for setup in block],
            driver="<results>/driver/driver.nc",
            patches="<results>/driver/patches.nc",
        output:
            parameters=[f"<results>/maps/{setup}/parameters.nc" for setup in block],
        log:
            f"<logs>/map_parameters/{job}.log",
        benchmark:
            f"<benchmarks>/map_parameters/{job}.tsv"
        conda:
            "../../envs/model.yaml"
        resources:
            **needs("map_parameters", setups=len(block)),
        params:
            members=members_root,
        message:
            f"Mapping the parameters of {len(block)} setup(s): {shown(job)}"
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
        table=reported(
            "<results>/tables/metrics.csv",
            "Fit and skill",
            content="table: all metrics",
        ),
    conda:
        "../../envs/model.yaml"
    params:
        # The driver that each table is about: the study's own, or an applied one.
        drivers=["driver"] * len(TRAINED)
        + [name for name in config["apply"] for setup in config["setups"]],
    message:
        "Collecting the metrics of all setups"
    script:
        "../../scripts/tabulate_metrics.py"
