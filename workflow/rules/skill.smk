# How well ensembles meet the observations: by default the reference setup, in the stage whose skill is
# reported (develop). The same figures of any other setup or stage are made when they are asked for by name.

from differland.observables import OBSERVABLES

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


rule skill:
    input:
        "<results>/tables/metrics.csv",
        "<results>/tables/skills.csv",
        [
            "<results>/tables/skill_differences.csv",
            "<results>/figures/normalised_errors.png",
        ]
        if len(COMPARED) > 1
        else [],
        expand("<results>/figures/{setup}/losses.png", setup=config["setups"]),
        expand("<results>/figures/develop/{setup}/skill.png", setup=COMPARED),
        expand(
            "<results>/figures/develop/{setup}/fit/{target}.png",
            setup=REFERENCE,
            target=TARGETS,
        ),
        expand(
            "<results>/figures/develop/{setup}/skill_map/{target}.png",
            setup=REFERENCE,
            target=TARGETS_IN_TIME,
        ),
        expand(
            "<results>/figures/develop/{setup}/{figure}.png",
            setup=REFERENCE,
            figure=[
                *(["site_gradients"] if TARGETS_AT_TOWERS else []),
                *(["biomass_maps", "biomass_years"] if "biomass" in TARGETS else []),
            ],
        ),
        expand("<results>/figures/final/{setup}/sites", setup=REFERENCE),
    message:
        "Target {rule}"


rule plot_losses:
    input:
        losses=[members(stage, "{setup}", ["losses.csv"]) for stage in STAGES],
        ensembles=expand("<results>/ensembles/{stage}/{{setup}}.json", stage=STAGES),
    output:
        png=report(
            "<results>/figures/{setup}/losses.png",
            caption="../report/losses.rst",
            category="12 Training",
            labels={
                "setup": "{setup}",
            },
        ),
        pdf="<results>/figures/{setup}/losses.pdf",
    message:
        "Drawing the loss curves of {wildcards.setup}"
    script:
        "../../scripts/plot_losses.py"


rule plot_fits:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
    output:
        png=[
            report(
                f"<results>/figures/{{stage}}/{{setup}}/fit/{target}.png",
                caption="../report/fit.rst",
                category="02 Fit and skill",
                subcategory="{setup}",
                labels={
                    "content": "modelled against observed",
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
    params:
        spin_up_months=config["evaluation"]["spin_up_months"],
        observed_variables=OBSERVED,
    message:
        "Drawing the fit of {wildcards.setup} to observations, stage {wildcards.stage}"
    script:
        "../../scripts/plot_fits.py"


rule plot_sites:
    input:
        driver="<results>/driver/driver.nc",
        simulation="<results>/evaluation/{stage}/{setup}/simulation.nc",
        sites="<results>/tables/sites.csv" if SITE_FLUXES else [],
        fluxes=SITE_FLUXES,
    output:
        pages=report(
            directory("<results>/figures/{stage}/{setup}/sites"),
            patterns=["{site}.png"],
            caption="../report/site.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "flux tower",
                "quantity": "{site}",
                "stage": "{stage}",
            },
        ),
    params:
        sites=config["figures"]["sites"],
        spin_up_months=config["evaluation"]["spin_up_months"],
        observed_variables=OBSERVED,
    message:
        "Drawing a page for each site with {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_sites.py"


rule compare_setups:
    input:
        sums=expand("<results>/evaluation/develop/{setup}/patches.nc", setup=COMPARED),
    output:
        differences=report(
            "<results>/tables/skill_differences.csv",
            caption="../report/skill_differences.rst",
            category="02 Fit and skill",
            labels={
                "content": "table: differences between setups",
            },
        ),
        errors=report(
            "<results>/tables/normalised_errors.csv",
            caption="../report/normalised_errors_table.rst",
            category="02 Fit and skill",
            labels={
                "content": "table: errors over those of a baseline",
            },
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
        png=report(
            "<results>/figures/normalised_errors.png",
            caption="../report/normalised_errors.rst",
            category="02 Fit and skill",
            labels={
                "content": "errors of setups",
            },
        ),
        pdf="<results>/figures/normalised_errors.pdf",
    params:
        baseline=COMPARED[0],
    message:
        "Drawing the errors of setups on test patches"
    script:
        "../../scripts/plot_normalised_errors.py"


rule tabulate_skills:
    input:
        metrics=expand(
            "<results>/evaluation/develop/{setup}/metrics.csv", setup=config["setups"]
        ),
    output:
        table=report(
            "<results>/tables/skills.csv",
            caption="../report/skills.rst",
            category="02 Fit and skill",
            labels={
                "content": "table: skill, mean ± spread",
            },
        ),
    message:
        "Writing the skill of all setups as mean and spread"
    script:
        "../../scripts/tabulate_skills.py"


rule plot_skill:
    input:
        metrics="<results>/evaluation/{stage}/{setup}/metrics.csv",
    output:
        png=report(
            "<results>/figures/{stage}/{setup}/skill.png",
            caption="../report/skill.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "R2 of all targets",
                "quantity": "all",
                "stage": "{stage}",
            },
        ),
        pdf="<results>/figures/{stage}/{setup}/skill.pdf",
    message:
        "Drawing R2 of {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_skill.py"


rule plot_skill_maps:
    input:
        cells="<results>/evaluation/{stage}/{setup}/cells.nc",
    output:
        png=[
            report(
                f"<results>/figures/{{stage}}/{{setup}}/skill_map/{target}.png",
                caption="../report/skill_map.rst",
                category="02 Fit and skill",
                subcategory="{setup}",
                labels={
                    "content": "map of skill in time",
                    "quantity": target,
                    "stage": "{stage}",
                },
            )
            for target in TARGETS_IN_TIME
        ],
        pdf=[
            f"<results>/figures/{{stage}}/{{setup}}/skill_map/{target}.pdf"
            for target in TARGETS_IN_TIME
        ],
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
        skills=report(
            "<results>/analysis/{stage}/{setup}/site_skills.csv",
            caption="../report/site_skills.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "table: skill at flux towers",
                "quantity": "GPP, RECO, ET",
                "stage": "{stage}",
            },
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
        png=report(
            "<results>/figures/{stage}/{setup}/site_gradients.png",
            caption="../report/site_gradients.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "means of flux towers",
                "quantity": "GPP, RECO, ET",
                "stage": "{stage}",
            },
        ),
        pdf="<results>/figures/{stage}/{setup}/site_gradients.pdf",
    message:
        "Drawing the means of flux towers with {wildcards.setup}, stage {wildcards.stage}"
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
        table=report(
            "<results>/analysis/{stage}/{setup}/biomass.csv",
            caption="../report/biomass.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "table: mean and trend",
                "quantity": "biomass",
                "stage": "{stage}",
            },
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
        maps_png=report(
            "<results>/figures/{stage}/{setup}/biomass_maps.png",
            caption="../report/biomass_maps.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "maps of mean and trend",
                "quantity": "biomass",
                "stage": "{stage}",
            },
        ),
        maps_pdf="<results>/figures/{stage}/{setup}/biomass_maps.pdf",
        years_png=report(
            "<results>/figures/{stage}/{setup}/biomass_years.png",
            caption="../report/biomass_years.rst",
            category="02 Fit and skill",
            subcategory="{setup}",
            labels={
                "content": "sum over the years",
                "quantity": "biomass",
                "stage": "{stage}",
            },
        ),
        years_pdf="<results>/figures/{stage}/{setup}/biomass_years.pdf",
    message:
        "Drawing the biomass of {wildcards.setup}, stage {wildcards.stage}"
    script:
        "../../scripts/plot_biomass.py"
