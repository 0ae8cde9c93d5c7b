from differland.analysis.member_totals import member_totals
from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf
from differland.logs import record


def sum_members(ensemble: str, members: str, driver: str, cells: str, output: str) -> None:
    """Add up the net biosphere exchange of regions that every member simulates."""
    totals = member_totals(
        read_ensemble(ensemble, members), read_netcdf(driver), read_netcdf(cells)
    )
    write_netcdf(totals.to_dataset(), output)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        sum_members(
            ensemble=snakemake.input.ensemble,
            members=snakemake.params.members,
            driver=snakemake.input.driver,
            cells=snakemake.input.cells,
            output=snakemake.output.totals,
        )
