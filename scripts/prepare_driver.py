from typing import Any

import numpy as np

from differland.driver import check_predictors, read_driver
from differland.files import write_netcdf
from differland.glance import SITE, check_sites, check_spin_up, site_names
from differland_script import run


def prepare_driver(source: str, place: str, configuration: dict[str, Any], driver: str) -> None:
    """Check a driver file, and write it in the form that all later steps read."""
    trained_on = place == "driver"
    checked = read_driver(source, in_patches=trained_on)
    check_predictors(checked, source, configuration["setups"], configuration["predictors"])
    check_spin_up(checked.sizes["time"], source, configuration["evaluation"]["spin_up_months"])
    if trained_on:
        cells = checked[SITE].to_numpy() if SITE in checked.variables else np.empty(0, str)
        # Sites of raw products that share a cell have a page each.
        split = configuration["driver"]["source"] == "raw"
        check_sites(list(site_names(cells, split)), source, configuration["figures"]["sites"])
    write_netcdf(checked, driver)


if __name__ == "__main__":
    run(prepare_driver, snakemake, configuration=snakemake.config)
