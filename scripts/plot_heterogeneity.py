import pandas as pd

from differland.figures import heterogeneity, style
from differland_script import run


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
    run(plot_heterogeneity, snakemake)
