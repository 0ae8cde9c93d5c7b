from differland.figures import fit, style
from differland.files import read_netcdf
from differland_script import run


def plot_fits(
    driver: str,
    patches: str,
    simulation: str,
    spin_up_months: int,
    observed_variables: dict[str, str],
    pngs: list[str],
    pdfs: list[str],
) -> None:
    """Draw modelled against observed values of each target, for training and test cells."""
    data = [read_netcdf(file) for file in (driver, patches, simulation)]
    for target, png, pdf in zip(observed_variables, pngs, pdfs, strict=True):
        figure = fit.draw_fit(*data, target, spin_up_months, observed_variables)
        style.save(figure, png, pdf)


if __name__ == "__main__":
    run(plot_fits, snakemake)
