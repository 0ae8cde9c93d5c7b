from differland.figures import style
from differland.figures.parameters import draw_parameter_map
from differland.files import read_netcdf
from differland_script import run


def plot_parameter_maps(
    parameters: str, traits: list[str], pngs: list[str], pdfs: list[str]
) -> None:
    """Draw a map of each trait, mean and spread over members."""
    dataset = read_netcdf(parameters, names=traits)
    for trait, png, pdf in zip(traits, pngs, pdfs, strict=True):
        style.save(draw_parameter_map(dataset, trait), png, pdf)


if __name__ == "__main__":
    run(plot_parameter_maps, snakemake)
