import pandas as pd

from differland.figures import recovery, style
from differland_script import run


def plot_importance(table: str, png: str, pdf: str) -> None:
    """Draw the true and the estimated importance of the predictors."""
    style.save(recovery.draw_importance(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    run(plot_importance, snakemake)
