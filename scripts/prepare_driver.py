from differland.driver import check_predictors, check_spin_up, read_driver
from differland.files import write_netcdf
from differland.logs import record


def prepare_driver(
    source: str,
    trained_on: bool,
    setups: list[str],
    predictors: dict[str, list[str]],
    spin_up_months: int,
    driver: str,
) -> None:
    """Check a driver file, and write it in the form that all later steps read."""
    checked = read_driver(source, in_patches=trained_on)
    check_predictors(checked, source, setups, predictors)
    check_spin_up(checked, source, spin_up_months)
    write_netcdf(checked, driver)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        prepare_driver(
            source=snakemake.input.driver,
            trained_on=snakemake.wildcards.place == "driver",
            setups=snakemake.config["setups"],
            predictors=snakemake.config["predictors"],
            spin_up_months=snakemake.config["evaluation"]["spin_up_months"],
            driver=snakemake.output.driver,
        )
