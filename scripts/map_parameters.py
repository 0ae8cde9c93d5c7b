from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf
from differland.logs import record


def map_parameters(ensemble: str, members: str, driver: str, patches: str, parameters: str) -> None:
    """Write the parameters and traits of every selected member in every cell."""
    maps = read_ensemble(ensemble, members).parameters(read_netcdf(driver), read_netcdf(patches))
    write_netcdf(maps, parameters)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        map_parameters(
            ensemble=snakemake.input.ensemble,
            members=snakemake.params.members,
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            parameters=snakemake.output.parameters,
        )
