import pandas as pd

from differland.analysis.experiments import compare_experiments as compare
from differland.files import read_netcdf, write_text
from differland.logs import record


def compare_experiments(
    metrics: str,
    sums: dict[str, str],
    descriptions: dict[str, str],
    bootstrap: dict[str, int],
    table: str,
) -> None:
    """Set the skill of the experiments beside that of the study."""
    patches = {setup: read_netcdf(file) for setup, file in sums.items()}
    compared = compare(pd.read_csv(metrics), patches, descriptions, **bootstrap)
    write_text(compared.to_csv(index=False), table)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        compare_experiments(
            metrics=snakemake.input.metrics,
            sums=dict(zip(snakemake.params.setups, snakemake.input.sums, strict=True)),
            descriptions=snakemake.params.descriptions,
            bootstrap=snakemake.params.bootstrap,
            table=snakemake.output.table,
        )
