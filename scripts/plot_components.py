from differland.figures import style
from differland.figures.components import draw_components
from differland.files import read_netcdf
from differland_script import run


def plot_components(components: str, png: str, pdf: str) -> None:
    """Draw the loadings of the trait components."""
    style.save(draw_components(read_netcdf(components)), png, pdf)


if __name__ == "__main__":
    run(plot_components, snakemake)
