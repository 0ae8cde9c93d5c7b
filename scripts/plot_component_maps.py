from differland.figures import components, style
from differland.files import read_netcdf
from differland.logs import record


def plot_component_maps(scores: str, png: str, pdf: str) -> None:
    """Draw maps of the trait components."""
    style.save(components.draw_component_maps(read_netcdf(scores)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_component_maps(
            scores=snakemake.input.components,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
