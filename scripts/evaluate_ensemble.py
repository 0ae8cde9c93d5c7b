from differland.ensemble import read_ensemble
from differland.evaluation import evaluate_ensemble as evaluate
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record


def evaluate_ensemble(
    ensemble: str,
    members: str,
    driver: str,
    patches: str,
    observed_variables: dict[str, str],
    spin_up_months: int,
    metrics: str,
    cells: str,
    sums: str,
    simulation: str,
) -> None:
    """Compare an ensemble and its members with the observations, and keep its simulation."""
    files = read_netcdf(driver), read_netcdf(patches)
    result = evaluate(read_ensemble(ensemble, members), *files, observed_variables, spin_up_months)
    write_text(result.metrics.to_csv(index=False), metrics)
    write_netcdf(result.cells, cells)
    write_netcdf(result.patches, sums)
    write_netcdf(result.simulation, simulation)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        evaluate_ensemble(
            ensemble=snakemake.input.ensemble,
            members=snakemake.params.members,
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            observed_variables=snakemake.params.observed_variables,
            spin_up_months=snakemake.params.spin_up_months,
            metrics=snakemake.output.metrics,
            cells=snakemake.output.cells,
            sums=snakemake.output.patches,
            simulation=snakemake.output.simulation,
        )
