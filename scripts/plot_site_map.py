from differland.analysis.sites import read_site_table
from differland.figures import sites as site_figures
from differland.figures import style
from differland_script import run


def plot_site_map(sites: str, png: str, pdf: str) -> None:
    """Draw where the sites of flux towers are."""
    style.save(site_figures.draw_site_map(read_site_table(sites)), png, pdf)


if __name__ == "__main__":
    run(plot_site_map, snakemake)
