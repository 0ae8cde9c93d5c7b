from differland.ensemble import read_ensemble
from differland.evaluation import evaluate_ensemble
from differland.files import read_netcdf, write_netcdf, write_text
from differland_script import run


def apply_ensemble(
    ensemble: str,
    members: str,
    driver: str,
    observed_variables: dict[str, str],
    spin_up_months: int,
    metrics: str,
    simulation: str,
) -> None:
    """Apply an ensemble to a driver that it never saw, and compare it with observations."""
    result = evaluate_ensemble(
        read_ensemble(ensemble, members),
        read_netcdf(driver),
        None,
        observed_variables,
        spin_up_months,
    )
    write_text(result.metrics.to_csv(index=False), metrics)
    write_netcdf(result.simulation, simulation)


if __name__ == "__main__":
    run(apply_ensemble, snakemake)
