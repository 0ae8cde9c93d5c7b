import pandas as pd

from differland.figures import sites, style
from differland_script import run


def plot_gradients(
    means: str,
    skills: str,
    png: str,
    pdf: str,
) -> None:
    """Draw modelled against observed means of the flux towers."""
    style.save(sites.draw_gradients(pd.read_csv(means), pd.read_csv(skills)), png, pdf)


if __name__ == "__main__":
    run(plot_gradients, snakemake)
