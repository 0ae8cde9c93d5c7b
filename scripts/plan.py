import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from differland import planning
from differland.files import write_text
from differland.logs import record


def plan(
    configuration: Mapping[str, Any],
    config_file: str,
    dry_run: Sequence[str],
    size: planning.StudySize,
    blocks: Mapping[str, int],
    setup_blocks: Mapping[str, tuple[str, int]],
    trained_on: str,
) -> None:
    """Print what is left to be run, and what it is expected to cost."""
    write_text(json.dumps(configuration), config_file)
    found = subprocess.run(dry_run, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(f"the dry run failed:\n{found.stdout}{found.stderr}")
    # Lines of the table of jobs: a rule and its number.
    counts = re.findall(r"^(\w+) +(\d+)$", found.stdout + found.stderr, re.MULTILINE)
    jobs = {rule: int(count) for rule, count in counts}
    shares = planning.shares_of_jobs(jobs, configuration, size, blocks, setup_blocks, trained_on)
    print("\n".join(planning.plan_lines(configuration["study"], size, shares)))


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plan(
            configuration=snakemake.config,
            config_file=snakemake.params.config_file,
            dry_run=snakemake.params.dry_run,
            size=snakemake.params.size,
            blocks=snakemake.params.blocks,
            setup_blocks=snakemake.params.setup_blocks,
            trained_on=snakemake.params.trained_on,
        )
