from differland.figures import partition, style
from differland.files import read_netcdf
from differland.logs import record


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
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_contribution_maps(
            cells=snakemake.input.cells,
            targets=snakemake.params.targets,
            pngs=snakemake.output.png,
            pdfs=snakemake.output.pdf,
        )
