import pandas as pd

from differland.figures import attribution, style
from differland.logs import record


def plot_attribution(table: str, populations: list[str], pngs: list[str], pdfs: list[str]) -> None:
    """Draw which predictors shape the trait components, for each population of cells."""
    importance = pd.read_csv(table)
    for population, png, pdf in zip(populations, pngs, pdfs, strict=True):
        style.save(attribution.draw_attribution(importance, population), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_attribution(
            table=snakemake.input.table,
            populations=snakemake.params.populations,
            pngs=snakemake.output.png,
            pdfs=snakemake.output.pdf,
        )
