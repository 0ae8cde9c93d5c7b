import pandas as pd

from differland.figures import attribution, style
from differland.logs import record


def plot_attribution(table: str, population: str, png: str, pdf: str) -> None:
    """Draw which predictors shape the trait components, for a population of cells."""
    style.save(attribution.draw_attribution(pd.read_csv(table), population), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_attribution(
            table=snakemake.input.table,
            population=snakemake.wildcards.population,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
