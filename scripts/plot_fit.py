from differland.figures import fit, style
from differland.files import read_netcdf
from differland.logs import record


def plot_fit(
    driver: str,
    patches: str,
    simulation: str,
    target: str,
    spin_up_months: int,
    observed_variables: dict[str, str],
    png: str,
    pdf: str,
) -> None:
    """Draw modelled against observed values of one quantity, for training and test cells."""
    figure = fit.draw_fit(
        read_netcdf(driver),
        read_netcdf(patches),
        read_netcdf(simulation),
        target,
        spin_up_months,
        observed_variables,
    )
    style.save(figure, png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0]):
        plot_fit(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            simulation=snakemake.input.simulation,
            target=snakemake.wildcards.target,
            spin_up_months=snakemake.params.spin_up_months,
            observed_variables=snakemake.params.observed_variables,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
