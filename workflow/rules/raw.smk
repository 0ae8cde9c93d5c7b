# From the providers' files to gridded products on the study's window, and from these to the driver.
# Which products and years there are is known from the configuration; files are looked for when a job needs them.

STATIC = sources.products_of_kind(RAW, "static")
YEARLY = {
    product: sources.product_years(product, RAW)
    for product in sources.products_of_kind(RAW, "yearly")
}
GRIDDED = [
    *(f"<results>/gridded/{product}.nc" for product in STATIC),
    *(
        f"<results>/gridded/{product}/{year}.nc"
        for product, years in YEARLY.items()
        for year in years
    ),
]
GRIDDED_FILES = {
    "static": {product: f"{RESULTS}/gridded/{product}.nc" for product in STATIC},
    "yearly": {
        product: {year: f"{RESULTS}/gridded/{product}/{year}.nc" for year in years}
        for product, years in YEARLY.items()
    },
}
TOWER_YEARS = (
    sources.product_years("flux_towers", RAW) if RAW["products"]["flux_towers"] else []
)
WITH_TOWERS = bool(TOWER_YEARS)

# Weights of ESMF take much more memory than those of the exact operator.
REGRIDDING = (
    ""
    if RAW["method"] == "exact" and RAW["products"]["era5"]["nodes"] == "conservative"
    else "_xesmf"
)


rule gridded:
    input:
        GRIDDED,


rule regrid_static:
    input:
        unpack(
            raw_files(
                lambda wildcards: sources.product_sources(
                    wildcards.product, RAW, lister=LIST_NAMES
                )
            )
        ),
    output:
        gridded="<results>/gridded/{product}.nc",
    conda:
        "../../envs/regrid.yaml"
    resources:
        **needs(f"regrid_static{REGRIDDING}"),
    params:
        folder=lambda wildcards: str(sources.product_folder(wildcards.product, RAW)),
        settings=product_settings,
        window=window(),
        weights=f"{RESULTS}/weights",
    message:
        "Regridding {wildcards.product} to the study's grid"
    script:
        "../../scripts/regrid_static.py"


rule regrid_year:
    input:
        unpack(
            raw_files(
                lambda wildcards: {
                    **regions_of_calibration(wildcards.product),
                    **sources.product_sources(
                        wildcards.product, RAW, int(wildcards.year), LIST_NAMES
                    ),
                }
            )
        ),
        calibration=lambda wildcards: (
            ["<results>/gridded/burned_area_calibration.csv"]
            if wildcards.product == sources.BURNED_AREA_EXTENSION
            else []
        ),
    output:
        gridded="<results>/gridded/{product}/{year}.nc",
    conda:
        "../../envs/regrid.yaml"
    resources:
        **needs(f"regrid_year{REGRIDDING}"),
    params:
        settings=product_settings,
        window=window(),
        weights=f"{RESULTS}/weights",
    message:
        "Regridding {wildcards.product} of {wildcards.year} to the study's grid"
    script:
        "../../scripts/regrid_year.py"


rule calibrate_burned_area:
    input:
        unpack(
            raw_files(
                lambda wildcards: {
                    **regions_of_calibration(sources.BURNED_AREA_EXTENSION),
                    **sources.calibration_sources(RAW),
                }
            )
        ),
    output:
        table=reported(
            "<results>/gridded/burned_area_calibration.csv",
            "Driver",
            caption="calibration",
            table="burned area of MODIS calibrated to GFED5",
        ),
    conda:
        "../../envs/regrid.yaml"
    params:
        settings=RAW["products"][sources.BURNED_AREA_EXTENSION],
    message:
        "Calibrating the burned area of MODIS to that of GFED5"
    script:
        "../../scripts/calibrate_burned_area.py"


rule read_towers:
    input:
        unpack(raw_files(lambda wildcards: sources.product_sources("flux_towers", RAW))),
    output:
        fluxes="<results>/gridded/towers.csv",
        sites="<results>/gridded/sites.csv",
    conda:
        "../../envs/regrid.yaml"
    params:
        folder=(
            str(sources.product_folder("flux_towers", RAW)) if WITH_TOWERS else None
        ),
        settings=RAW["products"]["flux_towers"],
        years=[min(TOWER_YEARS), max(TOWER_YEARS)] if WITH_TOWERS else None,
    message:
        "Reading flux towers"
    script:
        "../../scripts/read_towers.py"


# Input that is wrong and looks right: what products know of each other.
rule compare_products:
    input:
        GRIDDED,
    output:
        table=reported(
            "<results>/gridded/consistency.csv",
            "Driver",
            variable="all",
            content="products compared with each other",
        ),
    conda:
        "../../envs/regrid.yaml"
    params:
        **GRIDDED_FILES,
        domain=RAW["domain"],
    message:
        "Comparing the gridded products with each other"
    script:
        "../../scripts/compare_products.py"


# Apart from the comparison, whose table is there to be read when products are refused.
rule accept_products:
    input:
        table="<results>/gridded/consistency.csv",
    output:
        accepted="<results>/gridded/accepted.txt",
    conda:
        "../../envs/regrid.yaml"
    params:
        stop_at=config["quality"]["stop_at"],
    message:
        "Looking for contradictions between the gridded products"
    script:
        "../../scripts/accept_products.py"


rule assemble_driver:
    input:
        unpack(
            raw_files(
                lambda wildcards: {
                    "co2": sources.product_sources("noaa_co2", RAW)["table"]
                }
            )
        ),
        GRIDDED,
        # Not `ancient`: Snakemake would then overlook changed choices of this rule whenever products are compared again.
        accepted="<results>/gridded/accepted.txt",
        towers="<results>/gridded/towers.csv" if WITH_TOWERS else [],
        sites="<results>/gridded/sites.csv" if WITH_TOWERS else [],
    output:
        driver=ASSEMBLED,
    conda:
        "../../envs/regrid.yaml"
    params:
        **GRIDDED_FILES,
        raw=RAW,
    message:
        "Assembling the driver from gridded products"
    script:
        "../../scripts/assemble_driver.py"


rule tabulate_datasets:
    output:
        table=reported("<results>/tables/datasets.csv", "Driver", table="raw datasets"),
    conda:
        "../../envs/regrid.yaml"
    params:
        products=RAW["products"],
        years=YEARLY,
    message:
        "Tabulating the raw datasets"
    script:
        "../../scripts/tabulate_datasets.py"
