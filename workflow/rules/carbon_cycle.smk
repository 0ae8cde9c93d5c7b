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
CARBON_FIGURES = [
    "seasonal_cycle",
    "anomalies",
    "trajectories",
    "agreement",
    "regional_agreement",
]


rule carbon_cycle:
    input:
        expand("<results>/figures/carbon_cycle/{figure}.png", figure=CARBON_FIGURES)
        + ["<results>/figures/carbon_cycle/regions.png"]
        if INVERSIONS
        else [],
    message:
        "Target {rule}"


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
        "Putting {wildcards.land_model} on the cells of the study"
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
        "Finding the cells that all inversions and land models have"
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
        "Adding up what regions exchange with the atmosphere in every member"
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
        agreement=report(
            "<results>/tables/carbon_cycle.csv",
            caption="../report/carbon_cycle_table.rst",
            category="07 Carbon cycle",
            labels={"table": "agreement with inversions"},
        ),
        trends=report(
            "<results>/tables/carbon_cycle_trends.csv",
            caption="../report/carbon_cycle_trends.rst",
            category="07 Carbon cycle",
            labels={"table": "means and trends"},
        ),
    params:
        inversions=INVERSIONS,
        land_models=LAND_MODELS,
        spin_up_months=config["evaluation"]["spin_up_months"],
    message:
        "Comparing the carbon exchange of regions with inversions and land models"
    script:
        "../../scripts/compare_carbon_cycle.py"


rule plot_carbon_cycle:
    input:
        series="<results>/analysis/carbon_cycle.nc",
        agreement="<results>/tables/carbon_cycle.csv",
    output:
        png=[
            report(
                "<results>/figures/carbon_cycle/seasonal_cycle.png",
                caption="../report/carbon_seasonal_cycle.rst",
                category="07 Carbon cycle",
                labels={"figure": "seasonal cycle"},
            ),
            report(
                "<results>/figures/carbon_cycle/anomalies.png",
                caption="../report/carbon_anomalies.rst",
                category="07 Carbon cycle",
                labels={"figure": "annual anomalies"},
            ),
            report(
                "<results>/figures/carbon_cycle/trajectories.png",
                caption="../report/carbon_trajectories.rst",
                category="07 Carbon cycle",
                labels={"figure": "annual totals and trends"},
            ),
            report(
                "<results>/figures/carbon_cycle/agreement.png",
                caption="../report/carbon_agreement.rst",
                category="07 Carbon cycle",
                labels={"figure": "agreement of all sources, global"},
            ),
            report(
                "<results>/figures/carbon_cycle/regional_agreement.png",
                caption="../report/carbon_regional_agreement.rst",
                category="07 Carbon cycle",
                labels={"figure": "agreement of all sources, regions"},
            ),
        ],
        pdf=[f"<results>/figures/carbon_cycle/{name}.pdf" for name in CARBON_FIGURES],
    params:
        names=CARBON_FIGURES,
    message:
        "Drawing the carbon exchange of regions"
    script:
        "../../scripts/plot_carbon_cycle.py"


rule plot_regions:
    input:
        cells="<results>/analysis/carbon_cycle_cells.nc",
    output:
        png=report(
            "<results>/figures/carbon_cycle/regions.png",
            caption="../report/carbon_regions.rst",
            category="07 Carbon cycle",
            labels={"figure": "regions"},
        ),
        pdf="<results>/figures/carbon_cycle/regions.pdf",
    message:
        "Drawing the regions of the carbon budget"
    script:
        "../../scripts/plot_regions.py"
