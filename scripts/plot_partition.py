import pandas as pd

from differland.figures import partition, style
from differland.logs import record


def plot_partition(table: str, png: str, pdf: str) -> None:
    """Draw the shares of explained variance of the predictor groups."""
    style.save(partition.draw_partition(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_partition(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
