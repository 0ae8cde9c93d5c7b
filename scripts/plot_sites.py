from pathlib import Path

from differland.analysis.sites import read_towers
from differland.figures import sites as site_pages
from differland.figures import style
from differland.files import read_netcdf
from differland_script import run


def plot_sites(
    driver: str,
    simulation: str,
    sites: str,
    fluxes: str,
    chosen: str | int | list[str],
    spin_up_months: int,
    observed_variables: dict[str, str],
    pages: str,
) -> None:
    """Draw a page per site: `chosen` is all, a number (the first so many), or a list of names."""
    observed, modelled = read_netcdf(driver), read_netcdf(simulation)
    towers = read_towers(sites, fluxes)
    folder = Path(pages)
    folder.mkdir(parents=True, exist_ok=True)
    for site in site_pages.choose_sites(observed, chosen, towers):
        page = site_pages.draw_site(
            observed, modelled, site, spin_up_months, observed_variables, towers
        )
        style.save(page, folder / f"{site_pages.page_name(site)}.png")


if __name__ == "__main__":
    run(plot_sites, snakemake)
