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


rule quality:
    input:
        "<results>/driver/quality.csv",
        expand("<results>/figures/driver/{variable}.png", variable=PLOTTED),
    message:
        "Target {rule}"


rule check_quality:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
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
    conda:
        "../../envs/model.yaml"
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
    params:
        variables=PLOTTED,
    message:
        "Drawing the variables of the driver"
    script:
        "../../scripts/plot_quality.py"
