# The sites of flux towers, known before training: where they are, and why some are not used.

from differland.terms import OBSERVABLES

TARGETS_AT_TOWERS = [name for name in TARGETS if OBSERVABLES[name].support == "site"]
NO_TOWERS = "no term of the loss is observed at flux towers"
TOWERS = RAW["products"]["flux_towers"] or {}
# What each site observed: only the files of the networks tell.
SITE_FLUXES = (
    "<results>/gridded/towers.csv"
    if config["driver"]["source"] == "raw" and WITH_TOWERS
    else []
)


rule towers:
    input:
        part(
            "Driver",
            when=TARGETS_AT_TOWERS,
            absent=("sites of flux towers (Fig. S33, Table S4)", NO_TOWERS),
            tables=["<results>/tables/sites.csv"],
            files=["<results>/figures/site_map.png"],
        ),


rule tabulate_sites:
    input:
        driver="<results>/driver/driver.nc",
        patches="<results>/driver/patches.nc",
        fluxes=SITE_FLUXES,
        sites="<results>/gridded/sites.csv" if SITE_FLUXES else [],
        cover="<results>/gridded/mcd12c1.nc" if SITE_FLUXES else [],
    output:
        table=reported(
            "<results>/tables/sites.csv",
            "Driver",
            variable="flux towers",
            content="table of sites",
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
        "Tabulating the sites of flux towers"
    script:
        "../../scripts/tabulate_sites.py"


rule plot_site_map:
    input:
        sites="<results>/tables/sites.csv",
    output:
        **figure(
            "<results>/figures/site_map",
            "Driver",
            variable="flux towers",
            content="map of sites",
        ),
    message:
        "Mapping the sites of flux towers"
    script:
        "../../scripts/plot_site_map.py"
