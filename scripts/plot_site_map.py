from differland.analysis.sites import read_site_table
from differland.figures import sites as site_figures
from differland.figures import style
from differland.logs import record


def plot_site_map(sites: str, png: str, pdf: str) -> None:
    """Draw where the sites of flux towers are."""
    style.save(site_figures.draw_site_map(read_site_table(sites)), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_site_map(
            sites=snakemake.input.sites,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
