import pandas as pd

from differland.figures import attribution, style
from differland.logs import record


def plot_group_importance(table: str, png: str, pdf: str) -> None:
    """Draw the shares of predictor groups in the importance for traits and components."""
    style.save(attribution.draw_group_importance(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_group_importance(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
