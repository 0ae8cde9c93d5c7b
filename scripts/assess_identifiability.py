from differland.analysis.identifiability import identifiability
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def assess_identifiability(parameters: str, threshold: float, table: str, cells: str) -> None:
    """Measure how well members agree on each parameter."""
    medians, variation = identifiability(read_netcdf(parameters), threshold)
    write_text(medians.to_csv(index=False), table)
    write_netcdf(variation, cells)


if __name__ == "__main__":
    run(assess_identifiability, snakemake)
