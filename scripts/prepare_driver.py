from differland.driver import check_predictors, read_driver
from differland.files import write_netcdf
from differland.logs import record


def prepare_driver(
    source: str, trained_on: bool, setups: list[str], predictors: dict[str, list[str]], driver: str
) -> None:
    """Check a driver file, and write it in the form that all later steps read."""
    checked = read_driver(source, in_patches=trained_on)
    check_predictors(checked, source, setups, predictors)
    write_netcdf(checked, driver)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        prepare_driver(
            source=snakemake.input.driver,
            trained_on=snakemake.wildcards.place == "driver",
            setups=snakemake.config["setups"],
            predictors=snakemake.config["predictors"],
            driver=snakemake.output.driver,
        )
