from differland.analysis.traits import principal_components
from differland.files import read_netcdf, write_netcdf
from differland.logs import record


def derive_components(parameters: str, number: int, components: str) -> None:
    """Derive the principal components of the traits."""
    write_netcdf(principal_components(read_netcdf(parameters), number), components)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        derive_components(
            parameters=snakemake.input.parameters,
            number=snakemake.params.number,
            components=snakemake.output.components,
        )
