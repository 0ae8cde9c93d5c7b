from differland.figures import style
from differland.figures.components import draw_loadings
from differland.files import read_netcdf
from differland_script import run


def plot_loadings(components: str, png: str, pdf: str) -> None:
    """Draw the traits in the space of their first three components."""
    style.save(draw_loadings(read_netcdf(components)), png, pdf)


if __name__ == "__main__":
    run(plot_loadings, snakemake)
