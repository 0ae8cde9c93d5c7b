from differland.analysis.covariance import parameter_covariance
from differland.files import read_netcdf, write_netcdf
from differland.tables import PARAMETERS
from differland_script import run


def derive_parameter_covariance(
    parameters: str,
    driver: str,
    plant_types: list[str],
    threshold: float,
    minimum_cells: int,
    covariance: str,
) -> None:
    """Derive means and covariances of the parameters, overall and by plant type."""
    result = parameter_covariance(
        read_netcdf(parameters, names=PARAMETERS),
        read_netcdf(driver, names=plant_types),
        threshold,
        minimum_cells,
    )
    write_netcdf(result, covariance)


if __name__ == "__main__":
    run(derive_parameter_covariance, snakemake)
