import pandas as pd

from differland.figures import recovery, style
from differland.files import read_netcdf
from differland_script import run


def plot_recovered_traits(cells: str, table: str, png: str, pdf: str) -> None:
    """Draw the recovered traits against the true ones."""
    figure = recovery.draw_recovered_traits(read_netcdf(cells), pd.read_csv(table))
    style.save(figure, png, pdf)


if __name__ == "__main__":
    run(plot_recovered_traits, snakemake)
