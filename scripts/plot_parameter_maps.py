from differland.figures import parameters, style
from differland.files import read_netcdf
from differland.logs import record


def plot_parameter_maps(maps: str, traits: list[str], pngs: list[str], pdfs: list[str]) -> None:
    """Draw a map of each trait, mean and spread over members."""
    dataset = read_netcdf(maps, names=traits)
    for trait, png, pdf in zip(traits, pngs, pdfs, strict=True):
        style.save(parameters.draw_parameter_map(dataset, trait), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_parameter_maps(
            maps=snakemake.input.parameters,
            traits=snakemake.params.traits,
            pngs=snakemake.output.png,
            pdfs=snakemake.output.pdf,
        )
