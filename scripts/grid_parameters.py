from differland.analysis.fields import parameter_fields
from differland.files import read_netcdf, write_netcdf_parts
from differland_script import run


def grid_parameters(parameters: str, fields: str) -> None:
    """Put the parameters and traits of an ensemble, and their spread, onto the grid."""
    write_netcdf_parts(parameter_fields(read_netcdf(parameters)), fields)


if __name__ == "__main__":
    run(grid_parameters, snakemake)
