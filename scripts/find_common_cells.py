from pathlib import Path

from differland.analysis.carbon_cycle import ExchangeFiles, common_cells
from differland.files import read_netcdf, write_netcdf
from differland.regions import assign_regions, outlines
from differland_script import run


def find_common_cells(
    driver: str,
    patches: str,
    inversions: dict[str, str],
    land_models: dict[str, str],
    cells: str,
) -> None:
    """Find the cells that all inversions and land models have, and the region of each."""
    sources = ExchangeFiles(
        Path(driver), inversions, {name: Path(file) for name, file in land_models.items()}
    )
    places = sources.cells()
    region = assign_regions(places["lat"].to_numpy(), places["lon"].to_numpy())
    write_netcdf(common_cells(sources, read_netcdf(patches), region, list(outlines())), cells)


if __name__ == "__main__":
    run(find_common_cells, snakemake)
