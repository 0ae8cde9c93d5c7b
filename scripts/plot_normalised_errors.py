import pandas as pd

from differland.figures import skill, style
from differland.logs import record


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
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_normalised_errors(
            errors=snakemake.input.errors,
            baseline=snakemake.params.baseline,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
