import pandas as pd

from differland.figures import experiments, style
from differland.logs import record


def plot_experiments(table: str, png: str, pdf: str) -> None:
    """Draw the skill of the experiments beside that of the study."""
    style.save(experiments.draw_experiments(pd.read_csv(table)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_experiments(
            table=snakemake.input.table,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
