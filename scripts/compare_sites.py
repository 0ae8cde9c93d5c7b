from differland.analysis import sites
from differland.files import read_netcdf, write_text
from differland.logs import record


def compare_sites(
    driver: str,
    patches: str,
    simulation: str,
    towers: sites.Towers | None,
    variables: list[str],
    settings: dict,
    means: str,
    skills: str,
) -> None:
    """Compare the ensemble mean with the flux towers."""
    tables = sites.compare_sites(
        read_netcdf(driver, names=["patch", *variables]),
        read_netcdf(patches),
        read_netcdf(simulation, names=["gpp", "reco", "et"]),
        towers=towers,
        **settings,
    )
    for table, path in zip(tables, (means, skills), strict=True):
        write_text(table.to_csv(index=False), path)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        compare_sites(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            simulation=snakemake.input.simulation,
            towers=sites.read_towers(
                snakemake.input.get("sites", ""), snakemake.input.get("fluxes")
            ),
            variables=snakemake.params.variables,
            settings=snakemake.params.settings,
            means=snakemake.output.means,
            skills=snakemake.output.skills,
        )
