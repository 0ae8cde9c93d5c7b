from differland.analysis.biomass import compare_biomass as compare
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record


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
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        compare_biomass(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            simulation=snakemake.input.simulation,
            variable=snakemake.params.variable,
            spin_up_months=snakemake.params.spin_up_months,
            cells=snakemake.output.cells,
            years=snakemake.output.years,
            table=snakemake.output.table,
        )
