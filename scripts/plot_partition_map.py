from differland.figures import partition, style
from differland.files import read_netcdf
from differland.logs import record


def plot_partition_map(cells: str, target: str, png: str, pdf: str) -> None:
    """Draw the predictor group that explains most in each cell."""
    style.save(partition.draw_partition_map(read_netcdf(cells), target), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0]):
        plot_partition_map(
            cells=snakemake.input.cells,
            target=snakemake.wildcards.target,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
