import pandas as pd

from differland.figures import recovery, style
from differland.logs import record


def plot_recovery(table: str, png: str, pdf: str) -> None:
    """Draw how well each parameter was recovered."""
    style.save(recovery.draw_recovery(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_recovery(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
