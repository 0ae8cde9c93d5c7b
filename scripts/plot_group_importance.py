import pandas as pd

from differland.figures import attribution, style
from differland_script import run


def plot_group_importance(table: str, png: str, pdf: str) -> None:
    """Draw the shares of predictor groups in the importance for traits and components."""
    style.save(attribution.draw_group_importance(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    run(plot_group_importance, snakemake)
