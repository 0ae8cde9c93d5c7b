import pandas as pd

from differland.figures import biomass, style
from differland.files import read_netcdf
from differland_script import run


def plot_biomass(
    cells: str,
    years: str,
    table: str,
    pngs: list[str],
    pdfs: list[str],
) -> None:
    """Draw maps of mean and trend of biomass, and its sum over the years."""
    maps = biomass.draw_biomass_maps(read_netcdf(cells))
    sums = biomass.draw_biomass_years(pd.read_csv(years), pd.read_csv(table))
    for figure, png, pdf in zip((maps, sums), pngs, pdfs, strict=True):
        style.save(figure, png, pdf)


if __name__ == "__main__":
    run(plot_biomass, snakemake)
