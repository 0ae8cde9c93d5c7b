import pandas as pd

from differland.figures import dependence, style
from differland.logs import record


def plot_dependence(
    table: str, predictors: dict[str, list[str]], aware: str, png: str, pdf: str
) -> None:
    """Draw how four traits vary with temperature, precipitation and canopy height."""
    style.save(dependence.draw_dependence(pd.read_csv(table), predictors, aware), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_dependence(
            table=snakemake.input.table,
            predictors=snakemake.params.predictors,
            aware=snakemake.params.aware,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
