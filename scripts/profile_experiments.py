from functools import partial

from differland.analysis.experiments import PROFILED, profiles
from differland.files import read_netcdf, write_text
from differland_script import run


def profile_experiments(
    simulations: list[str], setups: list[str], spin_up_months: int, table: str
) -> None:
    """Average the fluxes of the study and of its experiments along latitude."""
    readers = [partial(read_netcdf, file, names=PROFILED) for file in simulations]
    rows = profiles(dict(zip(setups, readers, strict=True)), spin_up_months)
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(profile_experiments, snakemake)
