from differland.ensemble import read_ensemble
from differland.evaluation import evaluate_ensemble as evaluate
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record


def evaluate_ensemble(
    ensembles: list[str],
    members: str,
    driver: str,
    patches: str,
    observed_variables: dict[str, str],
    spin_up_months: int,
    outputs: list[tuple[str, str, str, str]],
) -> None:
    """Compare ensembles and their members with the observations, and keep their simulations."""
    files = read_netcdf(driver), read_netcdf(patches)
    for ensemble, (metrics, cells, sums, simulation) in zip(ensembles, outputs, strict=True):
        chosen = read_ensemble(ensemble, members)
        chosen.check_trained_on(*files)
        result = evaluate(chosen, *files, observed_variables, spin_up_months)
        write_text(result.metrics.to_csv(index=False), metrics)
        write_netcdf(result.cells, cells)
        write_netcdf(result.patches, sums)
        write_netcdf(result.simulation, simulation)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        output = snakemake.output
        evaluate_ensemble(
            ensembles=snakemake.input.ensembles,
            members=snakemake.params.members,
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            observed_variables=snakemake.params.observed_variables,
            spin_up_months=snakemake.params.spin_up_months,
            outputs=list(
                zip(
                    *(output.metrics, output.cells, output.patches, output.simulations),
                    strict=True,
                )
            ),
        )
