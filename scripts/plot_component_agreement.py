import pandas as pd

from differland.figures import agreement, style
from differland.logs import record


def plot_component_agreement(table: str, png: str, pdf: str) -> None:
    """Draw how far setups and members agree on trait axes."""
    rows = pd.read_csv(table, dtype={"first": str, "second": str})
    style.save(agreement.draw_component_agreement(rows), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_component_agreement(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
