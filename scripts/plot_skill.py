import pandas as pd

from differland.figures import skill, style
from differland_script import run


def plot_skill(
    metrics: str,
    png: str,
    pdf: str,
) -> None:
    """Draw R2 of every target in space and time, for each split."""
    style.save(skill.draw_skill(pd.read_csv(metrics)), png, pdf)


if __name__ == "__main__":
    run(plot_skill, snakemake)
