"""Errors whose message is complete for the user of a study."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that cannot be used: states file, variable, expected and found values.

    Parameters
    ----------
    file
        The file (or configuration) at fault.
    variable
        The variable, coordinate or configuration key at fault.
    expected
        Description of usable input.
    found
        Description of the input that was found.
    """

    def __init__(self, file: object, variable: str, expected: str, found: str) -> None:
        self.file = str(file)
        self.variable = variable
        self.expected = expected
        self.found = found
        super().__init__(f"{self.file}: {variable}: expected {expected}, found {found}")

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str, str]]:
        return (InputError, (self.file, self.variable, self.expected, self.found))


class DryRunError(RuntimeError):
    """Failure of a dry run, whose reason is the message."""


def most_similar(name: str, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """The known name that a misspelt one most resembles, if one is near.

    Parameters
    ----------
    name, known
        Misspelt name, and the names that there are.
    likeness
        Least likeness, 0 to 1.
    """
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
