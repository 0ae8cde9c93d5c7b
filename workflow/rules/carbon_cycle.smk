# Net biosphere exchange of regions against inversions and land models (Fig. S8-S12).

CARBON = config["carbon_cycle"]
TRENDY = CARBON["trendy"]
LAND_MODELS = {
    model: f"{RESULTS}/gridded/trendy/{model}.nc" for model in TRENDY["models"]
}

# The assimilated inversion comes first: it is the reference, or else the first of the others.
ASSIMILATED = OBSERVED.get("nbe") if CARBON["compare"] else None
INVERSIONS = {
    variable: name
    for variable, name in {ASSIMILATED: ASSIMILATED, **CARBON["inversions"]}.items()
    if ASSIMILATED and may_have(variable)
}
NO_INVERSIONS = (
    "carbon_cycle.compare is false"
    if not CARBON["compare"]
    else (
        "loss.nbe.observation is null"
        if not ASSIMILATED
        else f"the driver has no inversion ({', '.join({ASSIMILATED: 0, **CARBON['inversions']})})"
    )
)
CARBON_FIGURES = {
    "seasonal_cycle": "seasonal cycle",
    "anomalies": "annual anomalies",
    "trajectories": "annual totals and trends",
    "agreement": "agreement of all sources, global",
    "regional_agreement": "agreement of all sources, regions",
}


rule carbon_cycle:
    input:
        part(
            "Carbon cycle",
            when=INVERSIONS,
            absent=(
                "net biosphere exchange against inversions and land models (Fig. S8-S12, Table S6)",
                NO_INVERSIONS,
            ),
            tables=[
                "<results>/tables/carbon_cycle.csv",
                "<results>/tables/carbon_cycle_trends.csv",
            ],
            summarised={
                "<results>/figures/carbon_cycle/anomalies.png": "Annual anomalies of net biosphere exchange (Fig. S11)."
            },
            files=expand(
                "<results>/figures/carbon_cycle/{figure}.png",
                figure=[*CARBON_FIGURES, "regions"],
            ),
        ),
        part(
            "Carbon cycle",
            when=LAND_MODELS,
            absent=(
                "land models in the carbon cycle (Table S6)",
                "carbon_cycle.trendy.models is empty",
            ),
        ),


rule regrid_land_model:
    input:
        unpack(land_model_files),
        driver="<results>/driver/driver.nc",
    output:
        exchange="<results>/gridded/trendy/{land_model}.nc",
    wildcard_constraints:
        land_model=any_of(LAND_MODELS),
    conda:
        "../../envs/regrid.yaml"
    params:
        options=lambda wildcards: TRENDY["models"][wildcards.land_model],
        last_year=TRENDY["last_year"],
        minimum_coverage=RAW["minimum_coverage"],
    message:
        "Regridding the net biosphere exchange of {wildcards.land_model} to the study's cells"
    script:
        "../../scripts/regrid_land_model.py"


rule find_common_cells:
    input:
        LAND_MODELS.values(),
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
    output:
        cells="<results>/analysis/carbon_cycle_cells.nc",
    params:
        inversions=INVERSIONS,
        land_models=LAND_MODELS,
    message:
        "Finding the cells that all inversions and land models cover"
    script:
        "../../scripts/find_common_cells.py"


rule sum_members:
    input:
        members("final", REFERENCE),
        ensemble=f"<results>/ensembles/final/{REFERENCE}.json",
        driver="<results>/driver/driver.nc",
        cells="<results>/analysis/carbon_cycle_cells.nc",
    output:
        totals="<results>/analysis/carbon_cycle_members.nc",
    conda:
        "../../envs/model.yaml"
    params:
        members=members_root,
    message:
        "Summing the net biosphere exchange of regions in every member"
    script:
        "../../scripts/sum_members.py"


rule compare_carbon_cycle:
    input:
        LAND_MODELS.values(),
        driver="<results>/driver/driver.nc",
        cells="<results>/analysis/carbon_cycle_cells.nc",
        members="<results>/analysis/carbon_cycle_members.nc",
    output:
        series="<results>/analysis/carbon_cycle.nc",
        agreement=reported(
            "<results>/tables/carbon_cycle.csv",
            "Carbon cycle",
            caption="carbon_cycle_table",
            table="agreement with inversions",
        ),
        trends=reported(
            "<results>/tables/carbon_cycle_trends.csv",
            "Carbon cycle",
            table="means and trends",
        ),
    params:
        inversions=INVERSIONS,
        land_models=LAND_MODELS,
        spin_up_months=config["evaluation"]["spin_up_months"],
    message:
        "Comparing the net biosphere exchange of regions with inversions and land models"
    script:
        "../../scripts/compare_carbon_cycle.py"


rule plot_carbon_cycle:
    input:
        series="<results>/analysis/carbon_cycle.nc",
        agreement="<results>/tables/carbon_cycle.csv",
    output:
        **figures(
            "<results>/figures/carbon_cycle",
            CARBON_FIGURES,
            "Carbon cycle",
            caption="carbon_{name}",
            called=CARBON_FIGURES.get,
            figure="{name}",
        ),
    params:
        names=list(CARBON_FIGURES),
    message:
        "Plotting the net biosphere exchange of regions"
    script:
        "../../scripts/plot_carbon_cycle.py"


rule plot_regions:
    input:
        cells="<results>/analysis/carbon_cycle_cells.nc",
    output:
        **figure(
            "<results>/figures/carbon_cycle/regions",
            "Carbon cycle",
            caption="carbon_regions",
            figure="regions",
        ),
    message:
        "Mapping the regions of the carbon budget"
    script:
        "../../scripts/plot_regions.py"
