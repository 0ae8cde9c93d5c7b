"""Skill of every setup and target as a table for readers (paper, Figs. S15 and S16)."""

import numpy as np
import pandas as pd

from differland.analysis.comparison import units_of

SUMMARISED = (
    ("space-time", "R2"),
    ("space", "R2"),
    ("time", "R2"),
    ("space-time", "mae"),
    ("space-time", "rmse"),
)
"""Domains and skills of the table, in its order."""

SIGNIFICANT = 3
"""Digits of an error; R2 has two decimals."""


def summarise_skill(metrics: pd.DataFrame) -> pd.DataFrame:
    """Write each skill as mean ± sample standard deviation over the members.

    Parameters
    ----------
    metrics
        Rows of ``metrics.csv``, one stage, any number of setups.

    Returns
    -------
    Text, one row per setup, target, domain and skill; columns setup, target, domain, skill, units,
    members; train, development and test, each over the members; and test_ensemble, the skill of
    the mean prediction. Empty where there is none. Domains: space-time is all pairs, space the
    means over time, time the median over cells (or patches) of the skill in time.
    """
    keys = ["setup", "target", "domain"]
    rows = []
    for names, found in metrics.groupby(keys, sort=False):
        setup, target, domain = map(str, names)
        of_mean = found["member"] == "ensemble"
        for skill in (name for where, name in SUMMARISED if where == domain):
            row = {"setup": setup, "target": target, "domain": domain, "skill": skill}
            row["units"] = units_of(target, skill)
            row["members"] = str(found.loc[~of_mean, "member"].nunique())
            for split in ("train", "development", "test"):
                of_split = found["split"] == split
                row[split] = mean_and_spread(found.loc[of_split & ~of_mean, skill], skill)
            test = found.loc[of_mean & (found["split"] == "test"), skill]
            rows.append(row | {"test_ensemble": mean_and_spread(test, skill)})
    columns = [*keys, "skill", "units", "members", "train", "development", "test", "test_ensemble"]
    return pd.DataFrame(rows, columns=columns)


def mean_and_spread(values: pd.Series, skill: str) -> str:
    """Text such as ``0.88 ± 0.01``; the mean alone of a single value; empty where there is none."""
    known = values[np.isfinite(values)]
    if known.empty:
        return ""
    mean = float(known.mean())
    decimals = 2
    if skill != "R2" and mean > 0:
        decimals = max(0, SIGNIFICANT - 1 - int(np.floor(np.log10(mean))))
    text = f"{mean:.{decimals}f}"
    return text if len(known) < 2 else f"{text} ± {known.std(ddof=1):.{decimals}f}"
