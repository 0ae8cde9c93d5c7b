from differland.figures import partition, style
from differland.files import read_netcdf
from differland_script import run


def plot_partition_maps(cells: str, targets: list[str], pngs: list[str], pdfs: list[str]) -> None:
    """Draw the predictor group that explains most in each cell, for each target."""
    dataset = read_netcdf(cells)
    for target, png, pdf in zip(targets, pngs, pdfs, strict=True):
        style.save(partition.draw_partition_map(dataset, target), png, pdf)


if __name__ == "__main__":
    run(plot_partition_maps, snakemake)
