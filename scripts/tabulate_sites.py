import pandas as pd

from differland.analysis import site_table
from differland.files import read_netcdf, write_text
from differland.gridding import study_window
from differland.logs import record


def tabulate_sites(
    driver: str,
    patches: str,
    raw: dict[str, str] | None,
    window: dict[str, float],
    towers: dict,
    settings: dict,
    table: str,
) -> None:
    """List the sites of flux towers, one row each."""
    read = None
    if raw is not None:
        read = site_table.RawTowers(
            fluxes=pd.read_csv(raw["fluxes"]),
            places=pd.read_csv(raw["sites"], index_col="site", keep_default_na=False),
            cover={name: field.to_numpy() for name, field in read_netcdf(raw["cover"]).items()},
            grid=study_window(**window),
            settings=towers,
        )
    names = ["patch", "site", "lat", "lon", "time", *settings["variables"].values()]
    rows = site_table.tabulate_sites(
        read_netcdf(driver, names=names), read_netcdf(patches), towers=read, **settings
    )
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        tabulate_sites(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            raw=dict(snakemake.input.items()) if snakemake.input.get("fluxes") else None,
            window=snakemake.params.window,
            towers=snakemake.params.towers,
            settings=snakemake.params.settings,
            table=snakemake.output.table,
        )
