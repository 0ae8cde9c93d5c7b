import pandas as pd

from differland.analysis import recovery
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def compare_parameters(
    parameters: str, identifiability: str, truth: str, table: str, cells: str
) -> None:
    """Compare the parameters and traits of an ensemble with the true ones."""
    recovered = recovery.recover(read_netcdf(parameters), read_netcdf(truth))
    rows = recovery.compare_parameters(recovered, pd.read_csv(identifiability))
    write_netcdf(recovered, cells)
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(compare_parameters, snakemake)
