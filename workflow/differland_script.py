"""What scripts of rules share: a function gets from Snakemake what its arguments name."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from differland.logs import record

KINDS = ("input", "output", "params", "wildcards")
"""Where arguments are looked for."""


def run(function: Callable[..., None], job: Any, **given: Any) -> None:
    """Do the work of a job, and write its log.

    Parameters
    ----------
    function
        What the job does. Its arguments are the input, output, parameters and wildcards of the
        rule that have their names.
    job
        Snakemake's object ``snakemake``.
    given
        Arguments that are something else.

    Raises
    ------
    TypeError
        The rule has nothing of an argument's name, or several things.
    """
    with record(job.log[0], job.resources.get("attempt", 1)):
        function(**named(function, job, given))


def named(function: Callable[..., None], job: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Find the arguments of a function by their names; as for :func:`run`."""
    kinds = {kind: dict(getattr(job, kind).items()) for kind in KINDS}
    arguments = dict(given)
    for name in inspect.signature(function).parameters:
        if name not in given:
            found = [kind for kind in KINDS if name in kinds[kind]]
            if len(found) != 1:
                raise TypeError(
                    f"{function.__name__}: argument {name}: expected one of {', '.join(KINDS)} of "
                    f"the rule, found {' and '.join(found) or 'none'}"
                )
            arguments[name] = kinds[found[0]][name]
    return arguments


def paths(files: Any) -> dict[str, list[Path]]:
    """Files of a rule by the names of its inputs, of which some are several."""
    return {
        name: [Path(path) for path in ([found] if isinstance(found, str) else found)]
        for name, found in files.items()
    }
