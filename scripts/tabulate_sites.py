import pandas as pd

from differland.analysis import site_table
from differland.files import read_netcdf, write_text
from differland.regridding.study_grid import study_window
from differland_script import run


def tabulate_sites(
    driver: str,
    patches: str,
    fluxes: str,
    sites: str,
    cover: str,
    window: dict[str, float],
    towers: dict,
    settings: dict,
    table: str,
) -> None:
    """List the sites of flux towers, one row each; without raw files, `fluxes` is empty."""
    read = None
    if fluxes:
        read = site_table.RawTowers(
            fluxes=pd.read_csv(fluxes),
            places=pd.read_csv(sites, index_col="site", keep_default_na=False),
            cover={name: field.to_numpy() for name, field in read_netcdf(cover).items()},
            grid=study_window(**window),
            settings=towers,
        )
    names = ["patch", "site", "lat", "lon", "time", *settings["variables"].values()]
    rows = site_table.tabulate_sites(
        read_netcdf(driver, names=names), read_netcdf(patches), towers=read, **settings
    )
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(tabulate_sites, snakemake)
