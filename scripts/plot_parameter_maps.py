from differland.figures import maps, style
from differland.files import read_netcdf
from differland.logs import record


def plot_parameter_maps(
    parameters: str, traits: list[str], pngs: list[str], pdfs: list[str]
) -> None:
    """Draw a map of each trait."""
    dataset = read_netcdf(parameters)
    for trait, png, pdf in zip(traits, pngs, pdfs, strict=True):
        style.save(maps.draw_cells(dataset, trait), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_parameter_maps(
            parameters=snakemake.input.parameters,
            traits=snakemake.params.traits,
            pngs=snakemake.output.png,
            pdfs=snakemake.output.pdf,
        )
