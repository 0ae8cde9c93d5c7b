import pandas as pd

from differland.analysis.skill import summarise_skill
from differland.files import write_text
from differland_script import run


def tabulate_skills(
    metrics: list[str],
    table: str,
) -> None:
    """Write the skill of all setups as mean and spread of their members."""
    skills = summarise_skill(pd.concat(map(pd.read_csv, metrics)))
    write_text(skills.to_csv(index=False), table)


if __name__ == "__main__":
    run(tabulate_skills, snakemake)
