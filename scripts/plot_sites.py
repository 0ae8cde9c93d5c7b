from pathlib import Path

from differland.analysis.sites import Towers, read_towers
from differland.figures import sites as site_pages
from differland.figures import style
from differland.files import read_netcdf
from differland.logs import record


def plot_sites(
    driver: str,
    simulation: str,
    towers: Towers | None,
    sites: str | int | list[str],
    spin_up_months: int,
    observed_variables: dict[str, str],
    pages: Path,
) -> None:
    """Draw a page per site: `sites` is all, a number (the first so many), or a list of names."""
    observed, modelled = read_netcdf(driver), read_netcdf(simulation)
    pages.mkdir(parents=True, exist_ok=True)
    for site in site_pages.choose_sites(observed, sites, towers):
        page = site_pages.draw_site(
            observed, modelled, site, spin_up_months, observed_variables, towers
        )
        style.save(page, pages / f"{site_pages.page_name(site)}.png")


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_sites(
            driver=snakemake.input.driver,
            simulation=snakemake.input.simulation,
            towers=read_towers(snakemake.input.get("sites", ""), snakemake.input.get("fluxes")),
            sites=snakemake.params.sites,
            spin_up_months=snakemake.params.spin_up_months,
            observed_variables=snakemake.params.observed_variables,
            pages=Path(snakemake.output.pages),
        )
