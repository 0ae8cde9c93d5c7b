import pandas as pd

from differland.figures import dependence, style
from differland_script import run


def plot_dependence(
    table: str, predictors: dict[str, list[str]], aware: str, png: str, pdf: str
) -> None:
    """Draw how four traits vary with temperature, precipitation and canopy height."""
    style.save(dependence.draw_dependence(pd.read_csv(table), predictors, aware), png, pdf)


if __name__ == "__main__":
    run(plot_dependence, snakemake)
