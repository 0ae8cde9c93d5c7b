import pandas as pd

from differland.analysis import recovery
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record


def compare_parameters(
    parameters: str, identifiability: str, truth: str, table: str, cells: str
) -> None:
    """Compare the parameters and traits of an ensemble with the true ones."""
    recovered = recovery.recover(read_netcdf(parameters), read_netcdf(truth))
    rows = recovery.compare_parameters(recovered, pd.read_csv(identifiability))
    write_netcdf(recovered, cells)
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        compare_parameters(
            parameters=snakemake.input.parameters,
            identifiability=snakemake.input.identifiability,
            truth=snakemake.input.truth,
            table=snakemake.output.table,
            cells=snakemake.output.cells,
        )
