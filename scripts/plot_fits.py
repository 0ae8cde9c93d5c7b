from differland.figures import fit, style
from differland.files import read_netcdf
from differland.logs import record


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
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_fits(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            simulation=snakemake.input.simulation,
            spin_up_months=snakemake.params.spin_up_months,
            observed_variables=snakemake.params.observed_variables,
            pngs=snakemake.output.png,
            pdfs=snakemake.output.pdf,
        )
