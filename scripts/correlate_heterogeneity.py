from differland.analysis.heterogeneity import correlate_heterogeneity as correlate
from differland.files import read_netcdf, write_text
from differland_script import run


def correlate_heterogeneity(
    cells: str,
    driver: str,
    plant_types: list[str],
    bootstrap: dict[str, int],
    table: str,
    bins: str,
) -> None:
    """Correlate the importance of plant types with the heterogeneity of the land cover."""
    tables = correlate(
        read_netcdf(cells), read_netcdf(driver, names=plant_types), plant_types, **bootstrap
    )
    for found, path in zip(tables, (table, bins), strict=True):
        write_text(found.to_csv(index=False), path)


if __name__ == "__main__":
    run(correlate_heterogeneity, snakemake)
