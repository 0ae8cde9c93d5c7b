from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from differland import planning
from differland.logs import record


def plan(
    configuration: Mapping[str, Any],
    config_file: str,
    dry_run: Sequence[str],
    size: planning.StudySize,
    blocks: Mapping[str, int],
    setup_blocks: Mapping[str, tuple[str, int]],
    trained_on: str,
    shown_as: str,
) -> None:
    """Print what is left to be run, and what it is expected to cost."""
    jobs = planning.count_jobs(configuration, Path(config_file), dry_run)
    shares = planning.shares_of_jobs(jobs, configuration, size, blocks, setup_blocks, trained_on)
    print("\n".join(planning.plan_lines(configuration["study"], size, shares, shown_as)))


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plan(configuration=snakemake.config, **snakemake.params)
