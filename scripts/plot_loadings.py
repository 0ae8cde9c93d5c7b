from differland.figures import components, style
from differland.files import read_netcdf
from differland.logs import record


def plot_loadings(loadings: str, png: str, pdf: str) -> None:
    """Draw the traits in the space of their first three components."""
    style.save(components.draw_loadings(read_netcdf(loadings)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_loadings(
            loadings=snakemake.input.components,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
