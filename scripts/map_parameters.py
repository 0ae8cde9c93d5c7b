from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf
from differland_script import run


def map_parameters(
    ensembles: list[str], members: str, driver: str, patches: str, parameters: list[str]
) -> None:
    """Write the parameters and traits of every selected member in every cell."""
    files = read_netcdf(driver), read_netcdf(patches)
    for ensemble, path in zip(ensembles, parameters, strict=True):
        chosen = read_ensemble(ensemble, members)
        chosen.check_trained_on(*files)
        write_netcdf(chosen.parameters(*files), path)


if __name__ == "__main__":
    run(map_parameters, snakemake)
