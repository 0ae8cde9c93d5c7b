import pandas as pd

from differland.analysis.partition import partition, summarise_cells
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def partition_variance(
    metrics: list[str],
    cells: list[str],
    setups: list[str],
    groups: list[str],
    table: str,
    contributions: str,
    summary: str,
) -> None:
    """Partition explained variance among predictor groups, for all cells together and for each."""
    shares, shares_of_cells = partition(
        pd.concat(map(pd.read_csv, metrics)),
        dict(zip(setups, map(read_netcdf, cells), strict=True)),
        groups,
    )
    write_text(shares.to_csv(index=False), table)
    write_netcdf(shares_of_cells, contributions)
    write_text(summarise_cells(shares_of_cells).to_csv(index=False), summary)


if __name__ == "__main__":
    run(partition_variance, snakemake)
