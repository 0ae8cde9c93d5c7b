# Which predictors shape traits and their axes, by Kernel SHAP (Fig. 3e-g, Fig. 4).


rule attribution:
    input:
        expand("<results>/figures/{setup}/attribution/all.png", setup=REFERENCE),


rule attribute_predictors:
    input:
        members("final", "{setup}"),
        library("analysis/attribution.py", "analysis/shapley.py", "ensemble.py"),
        ensemble="<results>/ensembles/final/{setup}.json",
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        components="<results>/analysis/{setup}/components.nc",
    output:
        shap="<results>/analysis/{setup}/attribution.nc",
        table="<results>/analysis/{setup}/attribution.csv",
    log:
        "<logs>/attribute_predictors/{setup}.log",
    benchmark:
        "<benchmarks>/attribute_predictors/{setup}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory("attribute_predictors"),
        runtime=runtime("attribute_predictors"),
    params:
        members=members_root,
        settings=config["analysis"]["attribution"],
    message:
        "Attributing the traits of {wildcards.setup} to predictors"
    script:
        "../../scripts/attribute_predictors.py"


rule plot_attribution:
    input:
        library("figures/attribution.py", "figures/style.py"),
        table="<results>/analysis/{setup}/attribution.csv",
    output:
        png=report(
            "<results>/figures/{setup}/attribution/{population}.png",
            caption="../report/attribution.rst",
            category="Attribution",
            subcategory="{setup}",
            labels={
                "cells": "{population}",
            },
        ),
        pdf="<results>/figures/{setup}/attribution/{population}.pdf",
    log:
        "<logs>/plot_attribution/{setup}/{population}.log",
    benchmark:
        "<benchmarks>/plot_attribution/{setup}/{population}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_attribution"),
        runtime=runtime("plot_attribution"),
    message:
        "Drawing which predictors shape the trait components of {wildcards.setup}, cells: {wildcards.population}"
    script:
        "../../scripts/plot_attribution.py"
