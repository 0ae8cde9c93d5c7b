import pandas as pd

from differland.figures import identifiability, style
from differland.logs import record


def plot_identifiability(table: str, png: str, pdf: str) -> None:
    """Draw how well members agree on each parameter."""
    style.save(identifiability.draw_identifiability(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_identifiability(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
