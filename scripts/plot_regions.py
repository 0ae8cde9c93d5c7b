from differland.figures import carbon_cycle, style
from differland.files import read_netcdf
from differland_script import run


def plot_regions(cells: str, png: str, pdf: str) -> None:
    """Draw a map of the regions of the carbon budget."""
    style.save(carbon_cycle.draw_regions(read_netcdf(cells)), png, pdf)


if __name__ == "__main__":
    run(plot_regions, snakemake)
