import pandas as pd

from differland.figures import skill, style
from differland.logs import record


def plot_skill(
    metrics: str,
    png: str,
    pdf: str,
) -> None:
    """Draw R2 of every target in space and time, for each split."""
    style.save(skill.draw_skill(pd.read_csv(metrics)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_skill(
            metrics=snakemake.input.metrics,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
