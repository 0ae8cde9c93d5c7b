"""Comparison of the skill of setups on held-out patches, with its uncertainty.

Neighbouring cells and months are alike, patches hardly: the paired bootstrap resamples whole test
patches, the same ones for both setups (Efron & Tibshirani 1993, An Introduction to the Bootstrap,
chapter 8). Its intervals are about which patches were held out; how much training from other
initial weights would change is told by the spread of the members. See docs/metrics.md, "Bootstrap
over patches".
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from differland.errors import InputError
from differland.metrics import Agreement
from differland.tables import OUTPUTS
from differland.terms import OBSERVABLES

COMPARED_SKILLS = ("R2", "mae", "rmse")

ENSEMBLE = "ensemble"
"""Stands for the mean of the members' predictions, as in ``metrics.csv``."""

MEMBERS = "members"
"""Stands for the mean of the members' skills, which is what the paper reports."""

LEVEL = 0.95
"""Share of the resamples within an interval; its ends are quantiles of the resamples."""

FEWEST_PATCHES = 2
"""Patches below which nothing can be resampled: intervals are then NaN."""


def units_of(target: str, skill: str) -> str:
    """Units of a skill of a target."""
    return "1" if skill == "R2" else OUTPUTS[OBSERVABLES[target].quantity].units


def compare_setups(
    sums: Mapping[str, xr.Dataset], resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Skill of all pairs of setups on test patches, and their differences.

    Parameters
    ----------
    sums
        Setup to its ``patches.nc`` of one stage, in the order in which they are paired.
    resamples
        Draws of as many test patches as there are, with replacement.
    seed
        Seed of the draws; all targets and setups with the same patches have the same draws.

    Returns
    -------
    Table with columns setup_a, setup_b, target, split (``test``), prediction (``ensemble``: of the
    mean prediction, ``members``: mean over the members' own skills), skill, units; value_a,
    lower_a, upper_a and the same of b; difference (b minus a) with lower and upper; numbers of
    patches and pairs. Intervals are of 95 %, NaN for a single patch.

    Raises
    ------
    InputError
        Setups were compared with different observations.
    """
    columns = ["setup_a", "setup_b", "target", "split", "prediction", "skill", "units"]
    columns += [f"{part}_{side}" for side in "ab" for part in ("value", "lower", "upper")]
    columns += ["difference", "lower", "upper", "patches", "pairs"]
    rows: list[dict[str, Any]] = []
    for target in _targets(sums):
        skills, facts = _resampled(sums, target, resamples, seed)
        for (a, of_a), (b, of_b) in combinations(skills.items(), 2):
            for prediction in (ENSEMBLE, MEMBERS):
                for name in COMPARED_SKILLS:
                    of_both = _summary(of_a, prediction)[name], _summary(of_b, prediction)[name]
                    row: dict[str, Any] = {
                        "setup_a": a,
                        "setup_b": b,
                        "target": target,
                        "split": "test",
                    }
                    row |= {"prediction": prediction, "skill": name}
                    row["units"] = units_of(target, name)
                    for side, values in zip("ab", of_both, strict=True):
                        row |= _with_interval(values, f"value_{side}", f"_{side}")
                    difference = of_both[1] - of_both[0]
                    rows.append(row | _with_interval(difference, "difference") | facts)
    return pd.DataFrame(rows, columns=columns)


def normalise_errors(
    sums: Mapping[str, xr.Dataset], baseline: str, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Mean absolute error on test patches over that of a baseline setup (paper, Fig. 2a).

    Parameters
    ----------
    sums, resamples, seed
        Sums, number of resamples and seed, as for `compare_setups`.
    baseline
        Setup whose errors are the unit.

    Returns
    -------
    Table with columns setup, target, prediction, mae, units, normalised, lower, upper, patches.
    Predictions are single members and ``members``, the mean of their errors, both over the mean of
    those of the baseline's members; and ``ensemble``, the error of the mean prediction over that of
    the baseline. The 95 % intervals are of the ratio, from paired resamples; single members have
    none.

    Raises
    ------
    InputError
        The baseline is not among the setups, or setups were compared with different observations.
    """
    if baseline not in sums:
        raise InputError("patches.nc", "setup", f"{baseline} among them", ", ".join(sums))
    rows: list[dict[str, Any]] = []
    for target in _targets(sums):
        skills, facts = _resampled(sums, target, resamples, seed)
        for setup, found in skills.items():
            key: dict[str, Any] = {
                "setup": setup,
                "target": target,
                "units": units_of(target, "mae"),
            }
            key["patches"] = facts["patches"]
            unit = _summary(skills[baseline], MEMBERS)["mae"]
            for member, mae in zip(sums[setup]["prediction"].to_numpy(), found["mae"], strict=True):
                if member != ENSEMBLE:
                    ratio = {"mae": mae[0], "normalised": mae[0] / unit[0]}
                    rows.append(key | {"prediction": str(member)} | ratio)
            for prediction in (MEMBERS, ENSEMBLE):
                mae = _summary(found, prediction)["mae"]
                ratio = _with_interval(
                    mae / _summary(skills[baseline], prediction)["mae"], "normalised"
                )
                rows.append(key | {"prediction": prediction, "mae": mae[0]} | ratio)
    columns = ["setup", "target", "prediction", "mae", "units", "normalised", "lower", "upper"]
    return pd.DataFrame(rows, columns=[*columns, "patches"])


def patch_draws(count: int, resamples: int, seed: int) -> np.ndarray:
    """Number of times each of `count` patches is drawn, shape (draw, patch); draw 0 is the data.

    All resamples hold as many patches as there are, drawn with replacement.
    """
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    return np.concatenate([np.ones((1, count), drawn.dtype), drawn])


def interval(draws: np.ndarray) -> tuple[float, float]:
    """Ends of the interval of a statistic from its draws; NaN where no draw defines it."""
    known = draws[np.isfinite(draws)]
    if known.size == 0:
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _targets(sums: Mapping[str, xr.Dataset]) -> Iterator[str]:
    """Targets that all setups have, and that some test patch observes."""
    shared = [set(dataset["target"].to_numpy()) for dataset in sums.values()]
    first = next(iter(sums.values()))
    for target in first["target"].to_numpy():
        seen = first["n"].sel(target=target) * first["test"]
        if all(target in names for names in shared) and int(seen.max()) > 0:
            yield str(target)


def _resampled(
    sums: Mapping[str, xr.Dataset], target: str, resamples: int, seed: int
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, int]]:
    """Skills of each setup, shape (prediction, draw), and numbers of patches and pairs."""
    skills = {}
    facts: dict[str, int] = {}
    for setup, dataset in sums.items():
        here = dataset.sel(target=target).transpose("prediction", "patch", ...)
        agreement = Agreement(
            **{field.name: here[field.name].to_numpy().astype(float) for field in fields(Agreement)}
        )
        used = (here["test"].to_numpy() == 1) & (agreement.n > 0).any(axis=0)
        agreement = agreement.at((slice(None), used))
        found = {"patches": int(used.sum()), "pairs": int(agreement.n[-1].sum())}
        if facts and found != facts:
            source = dataset.encoding.get("source", f"patches.nc of {setup}")
            told = "{pairs} pairs in {patches} test patches"
            raise InputError(source, target, told.format(**facts), told.format(**found))
        facts = found
        resampled = resamples if facts["patches"] >= FEWEST_PATCHES else 0
        draws = patch_draws(facts["patches"], resampled, seed)
        skills[setup] = {
            name: values
            for name, values in agreement.pooled(draws).skills().items()
            if name in COMPARED_SKILLS
        }
    return skills, facts


def _summary(skills: Mapping[str, np.ndarray], prediction: str) -> dict[str, np.ndarray]:
    """One value per draw: of the mean prediction (the last), or the mean over the members."""
    if prediction == ENSEMBLE:
        return {name: values[-1] for name, values in skills.items()}
    return {name: values[:-1].mean(axis=0) for name, values in skills.items()}


def _with_interval(draws: np.ndarray, name: str, suffix: str = "") -> dict[str, float]:
    low, high = interval(draws[1:])
    return {name: float(draws[0]), f"lower{suffix}": low, f"upper{suffix}": high}
