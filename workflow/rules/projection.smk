# What traits would be under a projected climate, by space for time (Fig. S2, Table S5).

# Traits of other setups do not depend on climate.
CHANGED = [
    setup
    for setup in TRACED
    if {"mean_annual_temperature", "mean_annual_precipitation"}
    <= set(configuration.predictors_of(STUDY, setup))
]


rule projection:
    input:
        part(
            "Projection",
            when=PROJECTION["models"] and CHANGED,
            absent=(
                "projected traits (Fig. S2)",
                (
                    "no compared setup has temperature and precipitation"
                    if PROJECTION["models"]
                    else "projection.models is empty"
                ),
            ),
            tables=[
                "<results>/analysis/projection.csv",
                "<results>/analysis/climate_models.csv",
            ],
            files=["<results>/figures/projection.png"],
        ),


rule regrid_climates:
    input:
        unpack(climate_files),
    output:
        climates="<results>/projection/{model}.nc",
    wildcard_constraints:
        model=any_of(PROJECTION["models"]),
    conda:
        "../../envs/regrid.yaml"
    params:
        periods=CLIMATE_PERIODS,
        window=window(),
        weights=f"{RESULTS}/weights",
    message:
        "Regridding the climate of {wildcards.model} to the study's grid"
    script:
        "../../scripts/regrid_climates.py"


rule project_traits:
    input:
        [members("final", setup) for setup in CHANGED],
        ensembles=expand("<results>/ensembles/final/{setup}.json", setup=CHANGED),
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        climates=expand("<results>/projection/{model}.nc", model=PROJECTION["models"]),
    output:
        projection="<results>/analysis/projection.nc",
        table=reported(
            "<results>/analysis/projection.csv",
            "Projection",
            caption="projection_table",
            content="means of regions",
        ),
        models=reported(
            "<results>/analysis/climate_models.csv",
            "Projection",
            content="climate models",
        ),
    params:
        members=members_root,
        setups=CHANGED,
        settings={
            "climate": {
                key: PROJECTION[key] for key in ["method", "precipitation_change"]
            },
            "traits": {
                "aware": REFERENCE,
                "plant_type_threshold": config["analysis"]["attribution"][
                    "plant_type_threshold"
                ],
            },
        },
    message:
        "Projecting traits by space-for-time substitution"
    script:
        "../../scripts/project_traits.py"


rule plot_projection:
    input:
        projection="<results>/analysis/projection.nc",
    output:
        **figure("<results>/figures/projection", "Projection", content="maps of change"),
    message:
        "Mapping traits under the projected climate"
    script:
        "../../scripts/plot_projection.py"
