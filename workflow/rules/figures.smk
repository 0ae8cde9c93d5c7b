# Figures. By default those of the reference setup: its fit in the stage whose skill is reported (develop),
# everything else in the stage whose parameters the analyses read (final). The same figures of any other setup
# or stage are made when they are asked for by name.


rule figures:
    input:
        expand(
            "<results>/figures/develop/{setup}/fit/{target}.png",
            setup=REFERENCE,
            target=TARGETS,
        ),
        expand("<results>/figures/final/{setup}/sites", setup=REFERENCE),
        expand("<results>/figures/{setup}/losses.png", setup=config["setups"]),
        expand(
            "<results>/figures/{setup}/maps/{trait}.png", setup=REFERENCE, trait=TRAITS
        ),
        expand(
            "<results>/figures/{setup}/{figure}.png",
            setup=REFERENCE,
            figure=[
                "identifiability",
                "components",
                "component_maps",
                "attribution/all",
            ],
        ),
        "<results>/figures/partition.png" if PARTITIONED else [],
        expand(
            "<results>/figures/partition_map/{target}.png",
            target=TARGETS if PARTITIONED else [],
        ),


rule plot_fits:
    input:
        library("figures/fit.py", "figures/style.py", "metrics.py", "observables.py"),
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
    output:
        png=[
            report(
                f"<results>/figures/{{stage}}/{{setup}}/fit/{target}.png",
                caption="../report/fit.rst",
                category="Fit",
                subcategory="{setup}",
                labels={
                    "quantity": target,
                    "stage": "{stage}",
                },
            )
            for target in TARGETS
        ],
        pdf=[
            f"<results>/figures/{{stage}}/{{setup}}/fit/{target}.pdf"
            for target in TARGETS
        ],
    log:
        "<logs>/plot_fits/{stage}/{setup}.log",
    benchmark:
        "<benchmarks>/plot_fits/{stage}/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_fits"),
        runtime=runtime("plot_fits"),
    params:
        spin_up_months=config["evaluation"]["spin_up_months"],
        observed_variables=OBSERVED,
    message:
        "Drawing the fit of {wildcards.setup} to observations, stage {wildcards.stage}"
    script:
        "../../scripts/plot_fits.py"


rule plot_losses:
    input:
        library("figures/losses.py", "figures/style.py"),
        losses=[
            f"<results>/members/{stage}/{{setup}}/{seed}/losses.csv"
            for stage in STAGES
            for seed in SEEDS
        ],
        ensembles=expand("<results>/ensembles/{stage}/{{setup}}.json", stage=STAGES),
    output:
        png=report(
            "<results>/figures/{setup}/losses.png",
            caption="../report/losses.rst",
            category="Training",
            labels={
                "setup": "{setup}",
            },
        ),
        pdf="<results>/figures/{setup}/losses.pdf",
    log:
        "<logs>/plot_losses/{setup}.log",
    benchmark:
        "<benchmarks>/plot_losses/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_losses"),
        runtime=runtime("plot_losses"),
    message:
        "Drawing the loss curves of {wildcards.setup}"
    script:
        "../../scripts/plot_losses.py"


rule plot_sites:
    input:
        library("figures/sites.py", "figures/style.py", "metrics.py", "observables.py"),
        driver="<results>/driver/driver.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
    output:
        pages=report(
            directory("<results>/figures/{stage}/{setup}/sites"),
            patterns=["{site}.png"],
            caption="../report/site.rst",
            category="Sites",
            subcategory="{setup}",
            labels={
                "site": "{site}",
                "stage": "{stage}",
            },
        ),
    log:
        "<logs>/plot_sites/{stage}/{setup}.log",
    benchmark:
        "<benchmarks>/plot_sites/{stage}/{setup}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_sites"),
        runtime=runtime("plot_sites"),
    params:
        sites=config["figures"]["sites"],
        spin_up_months=config["evaluation"]["spin_up_months"],
        observed_variables=OBSERVED,
    message:
        "Drawing a page for each site with {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_sites.py"


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
