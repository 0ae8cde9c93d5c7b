import pandas as pd

from differland.figures import heterogeneity, style
from differland.logs import record


def plot_heterogeneity(
    table: str,
    bins: str,
    png: str,
    pdf: str,
) -> None:
    """Draw the importance of plant types against the heterogeneity of the land cover."""
    figure = heterogeneity.draw_heterogeneity(pd.read_csv(table), pd.read_csv(bins))
    style.save(figure, png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_heterogeneity(
            table=snakemake.input.table,
            bins=snakemake.input.bins,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
