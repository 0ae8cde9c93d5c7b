from pathlib import Path

from differland.analysis.carbon_cycle import ExchangeFiles, compare
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record


def compare_carbon_cycle(
    sources: ExchangeFiles,
    cells: str,
    members: str,
    spin_up_months: int,
    series: str,
    agreement: str,
    trends: str,
) -> None:
    """Compare the carbon exchange of regions with inversions and land models."""
    found, skills, slopes = compare(
        sources, read_netcdf(cells), read_netcdf(members)["exchange"], spin_up_months
    )
    write_netcdf(found, series)
    write_text(skills.to_csv(index=False), agreement)
    write_text(slopes.to_csv(index=False), trends)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        compare_carbon_cycle(
            sources=ExchangeFiles(
                Path(snakemake.input.driver),
                snakemake.params.inversions,
                {name: Path(file) for name, file in snakemake.params.land_models.items()},
            ),
            cells=snakemake.input.cells,
            members=snakemake.input.members,
            spin_up_months=snakemake.params.spin_up_months,
            series=snakemake.output.series,
            agreement=snakemake.output.agreement,
            trends=snakemake.output.trends,
        )
