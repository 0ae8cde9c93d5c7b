import pandas as pd

from differland.figures import carbon_cycle, style
from differland.files import read_netcdf
from differland_script import run


def plot_carbon_cycle(
    series: str, agreement: str, names: list[str], pngs: list[str], pdfs: list[str]
) -> None:
    """Draw the carbon exchange of regions, and how sources agree."""
    dataset, table = read_netcdf(series), pd.read_csv(agreement)
    figures = {
        "seasonal_cycle": (carbon_cycle.draw_seasonal_cycle, dataset),
        "anomalies": (carbon_cycle.draw_anomalies, dataset),
        "trajectories": (carbon_cycle.draw_trajectories, dataset),
        "agreement": (carbon_cycle.draw_agreement, table),
        "regional_agreement": (carbon_cycle.draw_regional_agreement, table),
    }
    for name, png, pdf in zip(names, pngs, pdfs, strict=True):
        draw, data = figures[name]
        style.save(draw(data), png, pdf)


if __name__ == "__main__":
    run(plot_carbon_cycle, snakemake)
