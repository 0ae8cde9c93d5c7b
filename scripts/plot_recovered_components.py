import pandas as pd

from differland.figures import agreement, style
from differland.files import read_netcdf
from differland_script import run


def plot_recovered_components(table: str, true: str, found: str, png: str, pdf: str) -> None:
    """Draw true and recovered trait axes."""
    figure = agreement.draw_recovered_components(
        read_netcdf(true), read_netcdf(found), pd.read_csv(table)
    )
    style.save(figure, png, pdf)


if __name__ == "__main__":
    run(plot_recovered_components, snakemake)
