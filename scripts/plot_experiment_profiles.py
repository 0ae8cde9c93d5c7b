import pandas as pd

from differland.figures import experiments, style
from differland_script import run


def plot_experiment_profiles(table: str, setup: str, png: str, pdf: str) -> None:
    """Draw the fluxes of the study and of its experiments along latitude."""
    style.save(experiments.draw_profiles(pd.read_csv(table), setup), png, pdf)


if __name__ == "__main__":
    run(plot_experiment_profiles, snakemake)
