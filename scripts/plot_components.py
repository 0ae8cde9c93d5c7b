from differland.figures import components, style
from differland.files import read_netcdf
from differland.logs import record


def plot_components(scores: str, png: str, pdf: str) -> None:
    """Draw the loadings of the trait components."""
    style.save(components.draw_components(read_netcdf(scores)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_components(
            scores=snakemake.input.components,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
