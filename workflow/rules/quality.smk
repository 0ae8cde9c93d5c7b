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
        part(
            "Driver",
            tables=["<results>/driver/quality.csv", *CONSISTENCY],
            files=expand("<results>/figures/driver/{variable}.png", variable=PLOTTED),
        ),


rule check_quality:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        consistency=CONSISTENCY,
    output:
        table=reported(
            "<results>/driver/quality.csv",
            "Driver",
            variable="all",
            content="statistics and remarks",
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
        **figures(
            "<results>/figures/driver",
            PLOTTED,
            "Driver",
            caption="quality_variable",
            variable="{name}",
            content="in space and time",
        ),
    params:
        variables=PLOTTED,
    message:
        "Plotting the variables of the driver"
    script:
        "../../scripts/plot_quality.py"
