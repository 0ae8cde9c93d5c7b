# What the driver holds, variable by variable, and what looks wrong about it: to be looked at before training.

PLOTTED = list(
    dict.fromkeys(
        [
            *(name for names in config["predictors"].values() for name in names),
            *tables.FORCING,
            *OBSERVED.values(),
        ]
    )
)


# Products are compared where the driver is made of them.
CONSISTENCY = (
    ["<results>/gridded/consistency.csv"] if config["driver"]["source"] == "raw" else []
)


rule quality:
    input:
        CONSISTENCY,
        "<results>/driver/quality.csv",
        expand("<results>/figures/driver/{variable}.png", variable=PLOTTED),
    message:
        "Target {rule}"


rule check_quality:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        consistency=CONSISTENCY,
    output:
        table=report(
            "<results>/driver/quality.csv",
            caption="../report/quality.rst",
            category="11 Driver",
            labels={
                "variable": "all",
                "content": "statistics and remarks",
            },
        ),
    log:
        "<logs>/check_quality.log",
    benchmark:
        "<benchmarks>/check_quality.tsv"
    conda:
        "../../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory("check_quality"),
        runtime=runtime("check_quality"),
    params:
        variables=PLOTTED,
    message:
        "Checking the quality of the driver"
    script:
        "../../scripts/check_quality.py"


rule plot_quality:
    input:
        driver="<results>/driver/driver.nc",
        table="<results>/driver/quality.csv",
    output:
        png=[
            report(
                f"<results>/figures/driver/{variable}.png",
                caption="../report/quality_variable.rst",
                category="11 Driver",
                labels={
                    "variable": variable,
                    "content": "in space and time",
                },
            )
            for variable in PLOTTED
        ],
        pdf=[f"<results>/figures/driver/{variable}.pdf" for variable in PLOTTED],
    log:
        "<logs>/plot_quality.log",
    benchmark:
        "<benchmarks>/plot_quality.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot_quality"),
        runtime=runtime("plot_quality"),
    params:
        variables=PLOTTED,
    message:
        "Drawing the variables of the driver"
    script:
        "../../scripts/plot_quality.py"
