import pandas as pd

from differland.figures import experiments, style
from differland_script import run


def plot_experiments(table: str, png: str, pdf: str) -> None:
    """Draw the skill of the experiments beside that of the study."""
    style.save(experiments.draw_experiments(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    run(plot_experiments, snakemake)
