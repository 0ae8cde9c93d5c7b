from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from differland import planning
from differland.errors import DryRunError
from differland.pace import at_pace, pace_of_study
from differland.settings.study import Study
from differland.status import Wanted, status_lines
from differland_script import run


def status(
    configuration: Mapping[str, Any],
    results: str,
    wanted: Mapping[str, Any],
    cores: Mapping[str, int],
    config_file: str,
    dry_run: Sequence[str],
    plan: Mapping[str, Any],
) -> None:
    """Print where the study stands."""
    left: list[planning.Share] | str
    study = Study.from_configuration(configuration)
    pace = pace_of_study(Path(results), study, **plan)
    try:
        jobs = planning.count_jobs(configuration, Path(config_file), dry_run)
        left = at_pace(planning.shares_of_jobs(jobs, study, **plan), pace)
    except DryRunError as error:
        left = str(error)
    lines = [*status_lines(study, Path(results), Wanted(**wanted), left, cores)]
    print("\n".join([*lines, *filter(None, [pace.line()])]))


if __name__ == "__main__":
    run(status, snakemake, configuration=snakemake.config)
