from differland.figures import partition, style
from differland.files import read_netcdf
from differland_script import run


def plot_contribution_maps(
    cells: str,
    targets: list[str],
    pngs: list[str],
    pdfs: list[str],
) -> None:
    """Map the contribution of each predictor group in each cell, for each target."""
    dataset = read_netcdf(cells, names=["contribution"])
    for target, png, pdf in zip(targets, pngs, pdfs, strict=True):
        style.save(partition.draw_contribution_maps(dataset, target), png, pdf)


if __name__ == "__main__":
    run(plot_contribution_maps, snakemake)
