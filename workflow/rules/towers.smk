# The sites of flux towers, known before training: where they are, and why some are not used.

from differland.observables import OBSERVABLES

TARGETS_AT_TOWERS = [name for name in TARGETS if OBSERVABLES[name].support == "site"]
TOWERS = RAW["products"]["flux_towers"] or {}
# What each site observed: only the files of the networks tell.
SITE_FLUXES = (
    "<results>/gridded/towers.csv"
    if config["driver"]["source"] == "raw" and WITH_TOWERS
    else []
)


rule towers:
    input:
        ["<results>/tables/sites.csv", "<results>/figures/site_map.png"]
        if TARGETS_AT_TOWERS
        else [],
    message:
        "Target {rule}"


rule tabulate_sites:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        fluxes=SITE_FLUXES,
        sites="<results>/gridded/sites.csv" if SITE_FLUXES else [],
        cover="<results>/gridded/mcd12c1.nc" if SITE_FLUXES else [],
    output:
        table=report(
            "<results>/tables/sites.csv",
            caption="../report/sites.rst",
            category="11 Driver",
            labels={
                "variable": "flux towers",
                "content": "table of sites",
            },
        ),
    conda:
        "../../envs/regrid.yaml"
    params:
        window=RAW["window"],
        towers=TOWERS,
        settings={
            "seeds": SEEDS,
            "development_fraction": config["patches"]["development_fraction"],
            "variables": {target: OBSERVED[target] for target in TARGETS_AT_TOWERS},
        },
    message:
        "Listing the sites of flux towers"
    script:
        "../../scripts/tabulate_sites.py"


rule plot_site_map:
    input:
        sites="<results>/tables/sites.csv",
    output:
        png=report(
            "<results>/figures/site_map.png",
            caption="../report/site_map.rst",
            category="11 Driver",
            labels={
                "variable": "flux towers",
                "content": "map of sites",
            },
        ),
        pdf="<results>/figures/site_map.pdf",
    message:
        "Drawing where the flux towers are"
    script:
        "../../scripts/plot_site_map.py"
