import pandas as pd

from differland.figures import sites, style
from differland.logs import record


def plot_gradients(
    means: str,
    skills: str,
    png: str,
    pdf: str,
) -> None:
    """Draw modelled against observed means of the flux towers."""
    style.save(sites.draw_gradients(pd.read_csv(means), pd.read_csv(skills)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_gradients(
            means=snakemake.input.means,
            skills=snakemake.input.skills,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
