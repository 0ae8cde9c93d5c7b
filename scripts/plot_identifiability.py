import pandas as pd

from differland.figures import identifiability, style
from differland_script import run


def plot_identifiability(table: str, png: str, pdf: str) -> None:
    """Draw how well members agree on each parameter."""
    style.save(identifiability.draw_identifiability(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    run(plot_identifiability, snakemake)
