from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from differland import planning
from differland.logs import record
from differland.pace import at_pace, pace_of_study


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
    pace = pace_of_study(Path(results), configuration, **plan)
    shares = at_pace(planning.shares_of_jobs(jobs, configuration, **plan), pace)
    lines = planning.plan_lines(configuration["study"], plan["size"], shares, pace.line(), shown_as)
    print("\n".join(lines))


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plan(configuration=snakemake.config, **snakemake.params)
