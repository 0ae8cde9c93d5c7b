# Predictors, forcing and observations, checked; the patches that training goes through.


rule driver:
    input:
        expand("<results>/{place}/driver.nc", place=PLACES),
        "<results>/driver/patches.nc",
        part(
            "Driver",
            when=config["driver"]["source"] == "raw",
            tables=["<results>/tables/datasets.csv"],
        ),


rule import_published_driver:
    input:
        driver=published("differland_global_driver_v6.nc"),
        valid=published("era_valid_v6.nc"),
        bulk=published("assimilate_bulk_variable_v6.nc"),
        runs=published("run_simulation_idx_v6.nc"),
        co2=published("co2_mm_gl_01_23.csv"),
    output:
        driver=PUBLISHED,
    conda:
        "../../envs/model.yaml"
    params:
        predictors=[name for names in config["predictors"].values() for name in names],
        vpd_units=config["driver"]["vpd_units"],
    message:
        "Importing the published driver {input.driver}"
    script:
        "../../scripts/import_published_driver.py"


# Ahead of all else, so that a driver that cannot be used is told before training begins. The setups that
# it is checked for are no parameter: a new one must not make a new driver and train all others anew.
# Their own jobs check them again.
rule prepare_driver:
    input:
        source=source_of,
    output:
        driver="<results>/{place}/driver.nc",
    priority: 100
    conda:
        "../../envs/model.yaml"
    message:
        "Checking the driver {input.source}"
    script:
        "../../scripts/prepare_driver.py"


rule draw_patches:
    input:
        driver="<results>/driver/driver.nc",
    output:
        patches="<results>/driver/patches.nc",
    priority: 100
    conda:
        "../../envs/model.yaml"
    params:
        settings={
            key: value
            for key, value in config["patches"].items()
            if key != "development_fraction"
        },
    message:
        "Sampling the patches for training and the held-out test set"
    script:
        "../../scripts/draw_patches.py"
