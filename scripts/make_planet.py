from typing import Any

from differland.files import write_netcdf
from differland.logs import record
from differland.synthetic import planet as synthetic


def make_planet(settings: dict[str, Any], driver: str, truth: str) -> None:
    """Generate a synthetic planet: its driver, and the parameters that it was made with."""
    planet, parameters = synthetic.make_planet(synthetic.PlanetSettings(**settings))
    write_netcdf(planet, driver)
    write_netcdf(parameters, truth)


if __name__ == "__main__":
    with record(snakemake.log[0]):
        make_planet(
            settings=snakemake.params.settings,
            driver=snakemake.output.driver,
            truth=snakemake.output.truth,
        )
