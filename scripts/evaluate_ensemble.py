from differland.ensemble import read_ensemble
from differland.evaluation import evaluate_ensemble as evaluate
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def evaluate_ensemble(
    ensembles: list[str],
    members: str,
    driver: str,
    patches: str,
    observed_variables: dict[str, str],
    spin_up_months: int,
    metrics: list[str],
    cells: list[str],
    sums: list[str],
    simulations: list[str],
) -> None:
    """Compare ensembles and their members with the observations, and keep their simulations."""
    files = read_netcdf(driver), read_netcdf(patches)
    for number, ensemble in enumerate(ensembles):
        chosen = read_ensemble(ensemble, members)
        chosen.check_trained_on(*files)
        result = evaluate(chosen, *files, observed_variables, spin_up_months)
        write_text(result.metrics.to_csv(index=False), metrics[number])
        write_netcdf(result.cells, cells[number])
        write_netcdf(result.patches, sums[number])
        write_netcdf(result.simulation, simulations[number])


if __name__ == "__main__":
    run(evaluate_ensemble, snakemake)
