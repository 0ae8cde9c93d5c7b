from differland.figures import recovery, style
from differland.files import read_netcdf
from differland.logs import record


def plot_recovered_map(cells: str, trait: str, png: str, pdf: str) -> None:
    """Draw maps of a trait: true, recovered, and their difference."""
    style.save(recovery.draw_recovered_map(read_netcdf(cells), trait), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0]):
        plot_recovered_map(
            cells=snakemake.input.cells,
            trait=snakemake.wildcards.trait,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
