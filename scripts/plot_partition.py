import pandas as pd

from differland.figures import partition, style
from differland_script import run


def plot_partition(table: str, png: str, pdf: str) -> None:
    """Draw the shares of explained variance of the predictor groups."""
    style.save(partition.draw_partition(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    run(plot_partition, snakemake)
