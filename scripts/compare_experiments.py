import pandas as pd

from differland.analysis.experiments import compare_experiments as compare
from differland.files import read_netcdf, write_text
from differland_script import run


def compare_experiments(
    metrics: str,
    setups: list[str],
    sums: list[str],
    descriptions: dict[str, str],
    bootstrap: dict[str, int],
    table: str,
) -> None:
    """Set the skill of the experiments beside that of the study."""
    patches = dict(zip(setups, map(read_netcdf, sums), strict=True))
    compared = compare(pd.read_csv(metrics), patches, descriptions, **bootstrap)
    write_text(compared.to_csv(index=False), table)


if __name__ == "__main__":
    run(compare_experiments, snakemake)
