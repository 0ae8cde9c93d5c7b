import pandas as pd

from differland.figures import recovery, style
from differland_script import run


def plot_recovery(table: str, png: str, pdf: str) -> None:
    """Draw how well each parameter was recovered."""
    style.save(recovery.draw_recovery(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    run(plot_recovery, snakemake)
