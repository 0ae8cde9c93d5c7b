from differland.analysis.traits import principal_components
from differland.files import read_netcdf, write_netcdf
from differland_script import run


def derive_components(parameters: str, number: int, components: str) -> None:
    """Derive the principal components of the traits."""
    write_netcdf(principal_components(read_netcdf(parameters), number), components)


if __name__ == "__main__":
    run(derive_components, snakemake)
