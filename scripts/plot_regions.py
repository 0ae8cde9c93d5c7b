from differland.figures import carbon_cycle, style
from differland.files import read_netcdf
from differland.logs import record


def plot_regions(cells: str, png: str, pdf: str) -> None:
    """Draw a map of the regions of the carbon budget."""
    style.save(carbon_cycle.draw_regions(read_netcdf(cells)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_regions(
            cells=snakemake.input.cells,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
