import numpy as np

from differland.driver import check_predictors, read_driver
from differland.files import write_netcdf
from differland.glance import SITE, check_sites, check_spin_up, site_names
from differland.logs import record


def prepare_driver(
    source: str,
    trained_on: bool,
    setups: list[str],
    predictors: dict[str, list[str]],
    spin_up_months: int,
    sites: str | int | list[str],
    driver: str,
    of_raw_products: bool,
) -> None:
    """Check a driver file, and write it in the form that all later steps read."""
    checked = read_driver(source, in_patches=trained_on)
    check_predictors(checked, source, setups, predictors)
    check_spin_up(checked.sizes["time"], source, spin_up_months)
    if trained_on:
        cells = checked[SITE].to_numpy() if SITE in checked.variables else np.empty(0, str)
        # Sites of raw products that share a cell have a page each.
        check_sites(list(site_names(cells, split=of_raw_products)), source, sites)
    write_netcdf(checked, driver)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        prepare_driver(
            source=snakemake.input.driver,
            trained_on=snakemake.wildcards.place == "driver",
            setups=snakemake.config["setups"],
            predictors=snakemake.config["predictors"],
            spin_up_months=snakemake.config["evaluation"]["spin_up_months"],
            sites=snakemake.config["figures"]["sites"],
            driver=snakemake.output.driver,
            of_raw_products=snakemake.config["driver"]["source"] == "raw",
        )
