from differland.analysis.identifiability import identifiability
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record


def assess_identifiability(parameters: str, threshold: float, table: str, cells: str) -> None:
    """Measure how well members agree on each parameter."""
    medians, variation = identifiability(read_netcdf(parameters), threshold)
    write_text(medians.to_csv(index=False), table)
    write_netcdf(variation, cells)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        assess_identifiability(
            parameters=snakemake.input.parameters,
            threshold=snakemake.params.threshold,
            table=snakemake.output.table,
            cells=snakemake.output.cells,
        )
