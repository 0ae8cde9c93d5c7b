# How well ensembles meet the observations: by default the reference setup, in the stage whose skill is
# reported (develop). The same figures of any other setup or stage are made when they are asked for by name.

from differland.terms import OBSERVABLES

TARGETS_IN_TIME = [name for name in TARGETS if OBSERVABLES[name].resolution != "static"]

# Least cover of a tower's plant type in its cell: that of the targets, and others that a driver may hold.
REPRESENTATIVENESS = {
    "raw": TOWERS.get("representativeness"),
    "published": 0.25,
}.get(config["driver"]["source"])
TOWER_VARIABLES = [
    variable + weight
    for target in TARGETS_AT_TOWERS
    for variable in [
        OBSERVED[target],
        *(
            f"{target}_{100 * share:g}percent"
            for share in TOWERS.get("representativeness_tests", [0.1, 0.5])
        ),
    ]
    for weight in ["", "_weight"]
]

BIOMASS_FIGURES = {
    "biomass_maps": "maps of mean and trend",
    "biomass_years": "sum over the years",
}
OF_REFERENCE = f"<results>/figures/develop/{REFERENCE}"

for key, setup in {
    "plant_type_setup": PLANT_TYPE,
    "environment_setup": ENVIRONMENT,
}.items():
    part(
        "Fit and skill",
        when=setup in COMPARED,
        absent=(
            f"comparison with {setup} (Fig. 2a, 4, S2, S27, S28)",
            f"setups has no {setup} (analysis.{key})",
        ),
    )


rule skill:
    input:
        part(
            "Fit and skill",
            tables=["<results>/tables/skills.csv"],
            files=[
                "<results>/tables/metrics.csv",
                *expand(
                    "<results>/figures/{setup}/losses.png", setup=config["setups"]
                ),
                *expand("<results>/figures/develop/{setup}/skill.png", setup=COMPARED),
                *expand(f"{OF_REFERENCE}/fit/{{target}}.png", target=TARGETS),
                *expand(
                    f"{OF_REFERENCE}/skill_map/{{target}}.png", target=TARGETS_IN_TIME
                ),
                f"<results>/figures/final/{REFERENCE}/sites",
            ],
        ),
        part(
            "Fit and skill",
            when=len(COMPARED) > 1,
            tables=[
                "<results>/tables/skill_differences.csv",
                "<results>/tables/normalised_errors.csv",
            ],
            summarised={
                "<results>/figures/normalised_errors.png": "Mean absolute error on held-out patches, relative to plant types alone (Fig. 2a)."
            },
        ),
        part(
            "Fit and skill",
            when=TARGETS_AT_TOWERS,
            absent=("skill at flux towers", NO_TOWERS),
            tables=[f"<results>/analysis/develop/{REFERENCE}/site_skills.csv"],
            files=[f"{OF_REFERENCE}/site_gradients.png"],
        ),
        part(
            "Fit and skill",
            when="biomass" in TARGETS,
            absent=(
                "mean and trend of biomass",
                "the study has no observed biomass (loss.biomass.observation)",
            ),
            tables=[f"<results>/analysis/develop/{REFERENCE}/biomass.csv"],
            files=expand(f"{OF_REFERENCE}/{{figure}}.png", figure=BIOMASS_FIGURES),
        ),


rule plot_losses:
    input:
        losses=[members(stage, "{setup}", ["losses.csv"]) for stage in STAGES],
        ensembles=expand("<results>/ensembles/{stage}/{{setup}}.json", stage=STAGES),
    output:
        **figure("<results>/figures/{setup}/losses", "Training", setup="{setup}"),
    message:
        "Plotting the loss curves of {wildcards.setup}"
    script:
        "../../scripts/plot_losses.py"


rule plot_fits:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
    output:
        **figures(
            "<results>/figures/{stage}/{setup}/fit",
            TARGETS,
            "Fit and skill",
            caption="fit",
            content="modelled against observed",
            quantity="{name}",
        ),
    params:
        spin_up_months=config["evaluation"]["spin_up_months"],
        observed_variables=OBSERVED,
    message:
        "Plotting modelled against observed values of {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_fits.py"


rule plot_sites:
    input:
        driver="<results>/driver/driver.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
        sites="<results>/tables/sites.csv" if SITE_FLUXES else [],
        fluxes=SITE_FLUXES,
    output:
        pages=reported(
            directory("<results>/figures/{stage}/{setup}/sites"),
            "Fit and skill",
            caption="site",
            patterns=["{site}.png"],
            content="flux tower",
            quantity="{site}",
        ),
    params:
        chosen=config["figures"]["sites"],
        spin_up_months=config["evaluation"]["spin_up_months"],
        observed_variables=OBSERVED,
    message:
        "Plotting the time series of each flux tower for {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_sites.py"


rule compare_setups:
    input:
        sums=expand("<results>/evaluation/develop/{setup}/patches.nc", setup=COMPARED),
    output:
        differences=reported(
            "<results>/tables/skill_differences.csv",
            "Fit and skill",
            content="table: differences between setups",
        ),
        errors=reported(
            "<results>/tables/normalised_errors.csv",
            "Fit and skill",
            caption="normalised_errors_table",
            content="table: errors over those of a baseline",
        ),
    params:
        setups=COMPARED,
        bootstrap=config["analysis"]["bootstrap"],
    message:
        "Comparing the skill of setups on test patches"
    script:
        "../../scripts/compare_setups.py"


rule plot_normalised_errors:
    input:
        errors="<results>/tables/normalised_errors.csv",
    output:
        **figure(
            "<results>/figures/normalised_errors",
            "Fit and skill",
            content="errors of setups",
        ),
    params:
        baseline=COMPARED[0],
    message:
        "Plotting the errors of setups on test patches"
    script:
        "../../scripts/plot_normalised_errors.py"


rule tabulate_skills:
    input:
        metrics=expand(
            "<results>/evaluation/develop/{setup}/metrics.csv", setup=config["setups"]
        ),
    output:
        table=reported(
            "<results>/tables/skills.csv",
            "Fit and skill",
            content="table: skill, mean ± spread",
        ),
    message:
        "Tabulating the skill of all setups, mean and spread over members"
    script:
        "../../scripts/tabulate_skills.py"


rule plot_skill:
    input:
        metrics="<results>/evaluation/{stage}/{setup}/metrics.csv",
    output:
        **figure(
            "<results>/figures/{stage}/{setup}/skill",
            "Fit and skill",
            content="R2 of all targets",
            quantity="all",
        ),
    message:
        "Plotting R2 of {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_skill.py"


rule plot_skill_maps:
    input:
        cells="<results>/evaluation/{stage}/{setup}/cells.nc",
    output:
        **figures(
            "<results>/figures/{stage}/{setup}/skill_map",
            TARGETS_IN_TIME,
            "Fit and skill",
            caption="skill_map",
            content="map of skill in time",
            quantity="{name}",
        ),
    params:
        targets=TARGETS_IN_TIME,
    message:
        "Mapping the skill of {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_skill_maps.py"


rule compare_sites:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
        sites="<results>/tables/sites.csv" if SITE_FLUXES else [],
        fluxes=SITE_FLUXES,
    output:
        means="<results>/analysis/{stage}/{setup}/site_means.csv",
        skills=reported(
            "<results>/analysis/{stage}/{setup}/site_skills.csv",
            "Fit and skill",
            content="table: skill at flux towers",
            quantity="GPP, RECO, ET",
        ),
    params:
        variables=TOWER_VARIABLES,
        settings={
            "observations": OBSERVED,
            "representativeness": REPRESENTATIVENESS,
            "spin_up_months": config["evaluation"]["spin_up_months"],
        },
    message:
        "Comparing {wildcards.setup} with flux towers, stage {wildcards.stage}"
    script:
        "../../scripts/compare_sites.py"


rule plot_gradients:
    input:
        means="<results>/analysis/{stage}/{setup}/site_means.csv",
        skills="<results>/analysis/{stage}/{setup}/site_skills.csv",
    output:
        **figure(
            "<results>/figures/{stage}/{setup}/site_gradients",
            "Fit and skill",
            content="means of flux towers",
            quantity="GPP, RECO, ET",
        ),
    message:
        "Plotting the site means of flux towers for {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_gradients.py"


rule compare_biomass:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
    output:
        cells="<results>/analysis/{stage}/{setup}/biomass.nc",
        years="<results>/analysis/{stage}/{setup}/biomass_years.csv",
        table=reported(
            "<results>/analysis/{stage}/{setup}/biomass.csv",
            "Fit and skill",
            content="table: mean and trend",
            quantity="biomass",
        ),
    params:
        variable=OBSERVED.get("biomass"),
        spin_up_months=config["evaluation"]["spin_up_months"],
    message:
        "Comparing the biomass of {wildcards.setup} with observations, stage {wildcards.stage}"
    script:
        "../../scripts/compare_biomass.py"


rule plot_biomass:
    input:
        cells="<results>/analysis/{stage}/{setup}/biomass.nc",
        years="<results>/analysis/{stage}/{setup}/biomass_years.csv",
        table="<results>/analysis/{stage}/{setup}/biomass.csv",
    output:
        **figures(
            "<results>/figures/{stage}/{setup}",
            BIOMASS_FIGURES,
            "Fit and skill",
            caption="{name}",
            called=BIOMASS_FIGURES.get,
            content="{name}",
            quantity="biomass",
        ),
    message:
        "Plotting mean and trend of the biomass of {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_biomass.py"
