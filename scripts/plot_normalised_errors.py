import pandas as pd

from differland.figures import skill, style
from differland_script import run


def plot_normalised_errors(
    errors: str,
    baseline: str,
    png: str,
    pdf: str,
) -> None:
    """Draw the errors of setups on test patches over those of a baseline."""
    figure = skill.draw_normalised_errors(pd.read_csv(errors), baseline)
    style.save(figure, png, pdf)


if __name__ == "__main__":
    run(plot_normalised_errors, snakemake)
