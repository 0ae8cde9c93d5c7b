from differland.analysis.biomass import compare_biomass as compare
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def compare_biomass(
    driver: str,
    patches: str,
    simulation: str,
    variable: str,
    spin_up_months: int,
    cells: str,
    years: str,
    table: str,
) -> None:
    """Compare mean and trend of biomass with the observations."""
    maps, totals, summary = compare(
        read_netcdf(driver, names=[variable, f"{variable}_weight"]),
        read_netcdf(patches),
        read_netcdf(simulation, names=["biomass"]),
        variable,
        spin_up_months,
    )
    write_netcdf(maps, cells)
    write_text(totals.to_csv(index=False), years)
    write_text(summary.to_csv(index=False), table)


if __name__ == "__main__":
    run(compare_biomass, snakemake)
