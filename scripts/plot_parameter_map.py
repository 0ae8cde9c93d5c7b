from differland.figures import maps, style
from differland.files import read_netcdf
from differland.logs import record


def plot_parameter_map(parameters: str, trait: str, png: str, pdf: str) -> None:
    """Draw a map of one trait."""
    style.save(maps.draw_cells(read_netcdf(parameters), trait), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0]):
        plot_parameter_map(
            parameters=snakemake.input.parameters,
            trait=snakemake.wildcards.trait,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
