# What traits would be under a projected climate, by space for time (Fig. S2, Table S5).

# Traits of other setups do not depend on climate.
CHANGED = [
    setup
    for setup in TRACED
    if {"mean_annual_temperature", "mean_annual_precipitation"}
    <= set(configuration.predictors_of(config, setup))
]


rule projection:
    input:
        "<results>/figures/projection.png" if PROJECTION["models"] and CHANGED else [],
    message:
        "Target {rule}"


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
        "Putting the climate of {wildcards.model} on the study's grid"
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
        table=report(
            "<results>/analysis/projection.csv",
            caption="../report/projection_table.rst",
            category="06 Projection",
            labels={
                "content": "means of regions",
            },
        ),
        models=report(
            "<results>/analysis/climate_models.csv",
            caption="../report/climate_models.rst",
            category="06 Projection",
            labels={
                "content": "climate models",
            },
        ),
    params:
        members=lambda wildcards, input: str(
            Path(input.ensembles[0]).parents[2] / "members"
        ),
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
        "Projecting traits by space for time"
    script:
        "../../scripts/project_traits.py"


rule plot_projection:
    input:
        projection="<results>/analysis/projection.nc",
    output:
        png=report(
            "<results>/figures/projection.png",
            caption="../report/projection.rst",
            category="06 Projection",
            labels={
                "content": "maps of change",
            },
        ),
        pdf="<results>/figures/projection.pdf",
    message:
        "Drawing maps of traits under the projected climate"
    script:
        "../../scripts/plot_projection.py"
