import pandas as pd

from differland.figures import experiments, style
from differland.logs import record


def plot_experiment_profiles(table: str, setup: str, png: str, pdf: str) -> None:
    """Draw the fluxes of the study and of its experiments along latitude."""
    style.save(experiments.draw_profiles(pd.read_csv(table), setup), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_experiment_profiles(
            table=snakemake.input.table,
            setup=snakemake.wildcards.setup,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
