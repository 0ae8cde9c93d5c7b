import pandas as pd

from differland.figures import parameters, style
from differland.files import read_netcdf
from differland.logs import record


def plot_parameter_correlation(covariance: str, identifiability: str, png: str, pdf: str) -> None:
    """Draw the correlation of the parameters that are identifiable."""
    table = pd.read_csv(identifiability)
    figure = parameters.draw_parameter_correlation(
        read_netcdf(covariance), table["parameter"][table["identifiable"]].tolist()
    )
    style.save(figure, png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_parameter_correlation(
            covariance=snakemake.input.covariance,
            identifiability=snakemake.input.identifiability,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
