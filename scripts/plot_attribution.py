import pandas as pd

from differland.figures import attribution, style
from differland_script import run


def plot_attribution(table: str, populations: list[str], pngs: list[str], pdfs: list[str]) -> None:
    """Draw which predictors shape the trait components, for each population of cells."""
    importance = pd.read_csv(table)
    for population, png, pdf in zip(populations, pngs, pdfs, strict=True):
        style.save(attribution.draw_attribution(importance, population), png, pdf)


if __name__ == "__main__":
    run(plot_attribution, snakemake)
