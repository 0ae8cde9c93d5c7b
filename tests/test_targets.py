"""What is said of a target that no rule makes."""

import pytest

from differland.targets import hint

SNAKEMAKE = (
    "MissingRuleException:\nNo rule to produce {} (if you use input functions make sure that they "
    "don't raise unexpected exceptions)."
)
FILES = [
    f"results/paper/{file}"
    for file in (
        *("figures/develop/CLIM/fit/lai.png", "figures/develop/CLIM/fit/sif.png"),
        *("figures/develop/PFT/fit/lai.png", "tables/metrics.csv"),
    )
]
RULES = ["evaluation", "differland_ensembles", "experiments", "train", "all"]


def is_made(file: str) -> bool:
    return file in FILES


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("evalution", "Did you mean evaluation?"),
        ("ensembles", "Did you mean differland_ensembles?"),
        # No rule makes such a page, whatever is like its name.
        ("results/paper/figures/develop/CLIM/fit/vodka.png", "Did you mean results/paper/figures/"),
        ("results/paper/table/metrics.csv", "Did you mean results/paper/tables/metrics.csv?"),
        (
            "results/paper/figures/develop/CLIMB/fit/lai.png",
            "Did you mean results/paper/figures/develop/CLIM/fit/lai.png?",
        ),
        (
            "results/paper/figures/develop/CLIM/fit/vod.png",
            "loss.vod.observation is null: the study compares nothing with vod",
        ),
        (
            "results/paper/tables/lai.png",
            "Did you mean results/paper/tables/metrics.csv?",
        ),
        ("results/paper/maps/LATLON/parameters.nc", "LATLON is none of setups: PFT, CLIM, SOIL"),
        ("results/paper/members/develop/CLIM@blind/01/member.json", "blind is none of experiments"),
        (
            "results/paper/applied/new/CLIM/metrics.csv",
            "apply has no new; a driver is given by apply: {new: path}",
        ),
    ],
)
def test_what_is_near_a_target_is_told(configuration: dict, target: str, words: str) -> None:
    assert words in hint(SNAKEMAKE.format(target), configuration, FILES, RULES, is_made)


def test_nothing_is_said_of_other_messages(configuration: dict) -> None:
    assert hint("Nothing to be done", configuration, FILES, RULES, is_made) == ""
    assert hint(SNAKEMAKE.format("elsewhere.txt"), configuration, FILES, RULES, is_made) == ""
