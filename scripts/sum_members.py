from differland.analysis.member_totals import member_totals
from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf
from differland_script import run


def sum_members(ensemble: str, members: str, driver: str, cells: str, totals: str) -> None:
    """Add up the net biosphere exchange of regions that every member simulates."""
    sums = member_totals(read_ensemble(ensemble, members), read_netcdf(driver), read_netcdf(cells))
    write_netcdf(sums.to_dataset(), totals)


if __name__ == "__main__":
    run(sum_members, snakemake)
