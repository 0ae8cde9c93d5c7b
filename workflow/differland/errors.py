"""Errors whose message is complete for the user of a study."""


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
