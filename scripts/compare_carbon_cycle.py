from pathlib import Path

from differland.analysis.carbon_cycle import ExchangeFiles, compare
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def compare_carbon_cycle(
    driver: str,
    inversions: dict[str, str],
    land_models: dict[str, str],
    cells: str,
    members: str,
    spin_up_months: int,
    series: str,
    agreement: str,
    trends: str,
) -> None:
    """Compare the carbon exchange of regions with inversions and land models."""
    models = {name: Path(file) for name, file in land_models.items()}
    sources = ExchangeFiles(Path(driver), inversions, models)
    found, skills, slopes = compare(
        sources, read_netcdf(cells), read_netcdf(members)["exchange"], spin_up_months
    )
    write_netcdf(found, series)
    write_text(skills.to_csv(index=False), agreement)
    write_text(slopes.to_csv(index=False), trends)


if __name__ == "__main__":
    run(compare_carbon_cycle, snakemake)
