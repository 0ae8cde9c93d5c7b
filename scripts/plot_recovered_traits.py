import pandas as pd

from differland.figures import recovery, style
from differland.files import read_netcdf
from differland.logs import record


def plot_recovered_traits(cells: str, table: str, png: str, pdf: str) -> None:
    """Draw the recovered traits against the true ones."""
    figure = recovery.draw_recovered_traits(read_netcdf(cells), pd.read_csv(table))
    style.save(figure, png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_recovered_traits(
            cells=snakemake.input.cells,
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
