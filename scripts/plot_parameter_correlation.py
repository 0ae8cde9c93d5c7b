import pandas as pd

from differland.figures import parameters, style
from differland.files import read_netcdf
from differland_script import run


def plot_parameter_correlation(covariance: str, identifiability: str, png: str, pdf: str) -> None:
    """Draw the correlation of the parameters that are identifiable."""
    table = pd.read_csv(identifiability)
    figure = parameters.draw_parameter_correlation(
        read_netcdf(covariance), table["parameter"][table["identifiable"]].tolist()
    )
    style.save(figure, png, pdf)


if __name__ == "__main__":
    run(plot_parameter_correlation, snakemake)
