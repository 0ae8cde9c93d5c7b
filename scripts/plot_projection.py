from differland.figures import projection as figures
from differland.figures import style
from differland.files import read_netcdf
from differland.logs import record


def plot_projection(projection: str, png: str, pdf: str) -> None:
    """Draw maps of traits under the projected climate."""
    style.save(figures.draw_projection(read_netcdf(projection)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_projection(
            projection=snakemake.input.projection,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
