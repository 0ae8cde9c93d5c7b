from differland.figures import projection as figures
from differland.figures import style
from differland.files import read_netcdf
from differland_script import run


def plot_projection(projection: str, png: str, pdf: str) -> None:
    """Draw maps of traits under the projected climate."""
    style.save(figures.draw_projection(read_netcdf(projection)), png, pdf)


if __name__ == "__main__":
    run(plot_projection, snakemake)
