# How well ensembles meet the observations: by default the reference setup, in the stage whose skill is
# reported (develop). The same figures of any other setup or stage are made when they are asked for by name.


rule skill:
    input:
        "<results>/tables/metrics.csv",
        expand("<results>/figures/{setup}/losses.png", setup=config["setups"]),
        expand(
            "<results>/figures/develop/{setup}/fit/{target}.png",
            setup=REFERENCE,
            target=TARGETS,
        ),
        expand("<results>/figures/final/{setup}/sites", setup=REFERENCE),


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
