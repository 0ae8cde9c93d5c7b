from differland.figures import style
from differland.figures.components import draw_component_maps
from differland.files import read_netcdf
from differland_script import run


def plot_component_maps(components: str, png: str, pdf: str) -> None:
    """Draw maps of the trait components."""
    style.save(draw_component_maps(read_netcdf(components)), png, pdf)


if __name__ == "__main__":
    run(plot_component_maps, snakemake)
