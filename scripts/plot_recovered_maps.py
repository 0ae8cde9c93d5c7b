from differland.figures import recovery, style
from differland.files import read_netcdf
from differland_script import run


def plot_recovered_maps(cells: str, traits: list[str], pngs: list[str], pdfs: list[str]) -> None:
    """Draw maps of each trait: true, recovered, and their difference."""
    dataset = read_netcdf(cells)
    for trait, png, pdf in zip(traits, pngs, pdfs, strict=True):
        style.save(recovery.draw_recovered_map(dataset, trait), png, pdf)


if __name__ == "__main__":
    run(plot_recovered_maps, snakemake)
