from differland.analysis.sites import compare_sites as compare
from differland.analysis.sites import read_towers
from differland.files import read_netcdf, write_text
from differland_script import run


def compare_sites(
    driver: str,
    patches: str,
    simulation: str,
    sites: str,
    fluxes: str,
    variables: list[str],
    settings: dict,
    means: str,
    skills: str,
) -> None:
    """Compare the ensemble mean with the flux towers, and with what they observed if files tell."""
    tables = compare(
        read_netcdf(driver, names=["patch", *variables]),
        read_netcdf(patches),
        read_netcdf(simulation, names=["gpp", "reco", "et"]),
        towers=read_towers(sites, fluxes),
        **settings,
    )
    for table, path in zip(tables, (means, skills), strict=True):
        write_text(table.to_csv(index=False), path)


if __name__ == "__main__":
    run(compare_sites, snakemake)
