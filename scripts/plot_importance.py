import pandas as pd

from differland.figures import recovery, style
from differland.logs import record


def plot_importance(table: str, png: str, pdf: str) -> None:
    """Draw the true and the estimated importance of the predictors."""
    style.save(recovery.draw_importance(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_importance(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
