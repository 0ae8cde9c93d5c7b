from typing import Any

from differland.driver import check_predictors, check_spin_up, read_driver
from differland.files import write_netcdf
from differland_script import run


def prepare_driver(source: str, place: str, configuration: dict[str, Any], driver: str) -> None:
    """Check a driver file, and write it in the form that all later steps read."""
    checked = read_driver(source, in_patches=place == "driver")
    check_predictors(checked, source, configuration["setups"], configuration["predictors"])
    check_spin_up(checked, source, configuration["evaluation"]["spin_up_months"])
    write_netcdf(checked, driver)


if __name__ == "__main__":
    run(prepare_driver, snakemake, configuration=snakemake.config)
