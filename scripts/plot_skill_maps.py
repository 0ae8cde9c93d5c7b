from differland.figures import skill, style
from differland.files import read_netcdf
from differland_script import run


def plot_skill_maps(
    cells: str,
    targets: list[str],
    pngs: list[str],
    pdfs: list[str],
) -> None:
    """Map the skill in time of the ensemble mean, for each target."""
    dataset = read_netcdf(cells, names=["ensemble_R2", "ensemble_correlation"])
    for target, png, pdf in zip(targets, pngs, pdfs, strict=True):
        style.save(skill.draw_skill_maps(dataset, target), png, pdf)


if __name__ == "__main__":
    run(plot_skill_maps, snakemake)
