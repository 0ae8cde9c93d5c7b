from differland.analysis.fields import parameter_fields
from differland.files import read_netcdf, write_netcdf_parts
from differland.logs import record


def grid_parameters(parameters: str, fields: str) -> None:
    """Put the parameters and traits of an ensemble, and their spread, onto the grid."""
    write_netcdf_parts(parameter_fields(read_netcdf(parameters)), fields)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        grid_parameters(
            parameters=snakemake.input.parameters,
            fields=snakemake.output.fields,
        )
