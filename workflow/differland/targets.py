"""Hints for a target that no rule makes."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from differland.errors import most_similar
from differland.setups import experiment_of, groups
from differland.tables import PREDICTOR_GROUPS
from differland.terms import OBSERVABLES

LIKE = 0.6
"""Least likeness, 0 to 1, of what is told to be near."""

REFUSED = re.compile(
    r"No rule to produce (?P<target>.+?)( \(if you use input functions.*)?\.?$", re.M
)
"""How Snakemake tells of such a target."""


def hint(
    message: str,
    config: Mapping[str, Any],
    files: Collection[str],
    rules: Collection[str],
    is_made: Callable[[str], bool],
) -> str:
    """Say what is wrong with a target, and which names are similar.

    Parameters
    ----------
    message
        Message with which Snakemake reports that no rule makes the target.
    config
        Configuration of the study.
    files, rules
        Files that the study makes, and names of rules.
    is_made
        Whether a rule makes a file, which need not be among `files`.

    Returns
    -------
    Lines of text; none where the message is another one, or nothing can be said.
    """
    found = REFUSED.search(message)
    if found is None:
        return ""
    target = found["target"]
    parts = target.split("/")
    reasons = list(_reasons(parts, config))
    if reasons:
        return "\n".join(reasons)
    if len(parts) == 1:
        # A workflow that has this one as a module puts something before the names.
        longer = [name for name in rules if name.endswith(f"_{target}")]
        near = longer[0] if longer else most_similar(target, sorted(rules), LIKE)
    else:
        known = {part for file in files for part in file.split("/")} | set(config["setups"])
        names = sorted(known)
        # A misspelt part is mended where it stands: not all that can be made is in the list.
        mended = [
            part if part in known else most_similar(part, names, LIKE) or part for part in parts
        ]
        near = (
            "/".join(mended)
            if is_made("/".join(mended))
            else most_similar(target, sorted(files), LIKE)
        )
    return f"Did you mean {near}?" if near else ""


def _reasons(parts: list[str], config: Mapping[str, Any]) -> Iterator[str]:
    """Parts of a path that name something that the study does not have."""
    if "applied" in parts[:-1]:
        name = parts[parts.index("applied") + 1]
        if name not in config["apply"]:
            yield f"apply has no {name}; a driver is given by apply: {{{name}: path}}"
    for part in parts:
        setup, experiment = part.partition("@")[0], experiment_of(part)
        is_setup = set(groups(setup)) <= set(PREDICTOR_GROUPS)
        if is_setup and setup not in config["setups"]:
            yield f"{setup} is none of setups: {', '.join(config['setups'])}"
        elif is_setup and experiment and experiment not in config["experiments"]:
            known = ", ".join(config["experiments"]) or "none"
            yield f"{experiment} is none of experiments: {known}"
        name = part.partition(".")[0]
        if name in OBSERVABLES and config["loss"][name]["observation"] is None:
            yield f"loss.{name}.observation is null: the study compares nothing with {name}"
