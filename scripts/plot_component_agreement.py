import pandas as pd

from differland.figures import agreement, style
from differland_script import run


def plot_component_agreement(table: str, png: str, pdf: str) -> None:
    """Draw how far setups and members agree on trait axes."""
    rows = pd.read_csv(table, dtype={"first": str, "second": str})
    style.save(agreement.draw_component_agreement(rows), png, pdf)


if __name__ == "__main__":
    run(plot_component_agreement, snakemake)
