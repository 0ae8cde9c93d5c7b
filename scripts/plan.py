from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from differland import planning
from differland.pace import at_pace, pace_of_study
from differland.settings.study import Study
from differland_script import run


def plan(
    configuration: Mapping[str, Any],
    config_file: str,
    dry_run: Sequence[str],
    plan: Mapping[str, Any],
    results: str,
    shown_as: str,
) -> None:
    """Print what is left to be run, and what it is expected to cost."""
    jobs = planning.count_jobs(configuration, Path(config_file), dry_run)
    study = Study.from_configuration(configuration)
    pace = pace_of_study(Path(results), study, **plan)
    shares = at_pace(planning.shares_of_jobs(jobs, study, **plan), pace)
    lines = planning.plan_lines(study.study, plan["size"], shares, pace.line(), shown_as)
    print("\n".join(lines))


if __name__ == "__main__":
    run(plan, snakemake, configuration=snakemake.config)
