"""Log files, one for each piece of work."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from differland.errors import DryRunError, InputError
from differland.files import write_text
from differland.surroundings import explain_failure

KNOWN = (DryRunError, InputError)
"""Errors whose message says it all."""

REASON = ".reason"
"""Ends the name of a file beside a log: why the job failed, where another attempt would too."""

FAILED = "failed"
NOT_TRIED_AGAIN = "not tried again"


def _tell_message_alone(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Exception hook of Python that prints the message of bad input without a traceback."""
    if isinstance(error, KNOWN):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def failure(log: str) -> str | None:
    """Failure of a job: the last line of its log, if it ends in a failure; else None."""
    told = f" ERROR differland: {FAILED}\n" in log or log.startswith(NOT_TRIED_AGAIN)
    return log.rstrip().splitlines()[-1] if told else None


def is_hopeless(error: BaseException) -> bool:
    """Whether a job would fail again if it were repeated.

    It would, unless the system is to blame somewhere along the chain of causes: a disk, a network,
    memory, a device (JAX's errors are RuntimeErrors), or a signal.
    """
    cause: BaseException | None = error
    while cause is not None:
        if not isinstance(cause, Exception) or isinstance(
            cause, (OSError, MemoryError, RuntimeError, EOFError)
        ):
            return isinstance(cause, NotImplementedError)
        context = None if cause.__suppress_context__ else cause.__context__
        cause = cause.__cause__ or context
    return True


@contextmanager
def record(path: Path | str, attempt: int = 1) -> Iterator[None]:
    """Write the log of a block of code to `path`: its log lines, warnings and failure.

    Warnings and errors also go to standard error, so that a terminal shows them. Of bad input that
    ends the process it shows the message alone; where in the code it was found is in the log.

    Parameters
    ----------
    path
        The log file. It is begun anew; its folder is made.
    attempt
        1 for a job that was not tried before, and one more for every retry.

    Raises
    ------
    InputError
        The block failed because the platform of ``JAX_PLATFORMS`` is not available.
    RuntimeError
        This is a retry, and the attempt before failed for a reason that no retry mends: the
        block of code is not run.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    reason = target.with_name(f".{target.name}{REASON}")
    if attempt > 1 and reason.is_file():
        text = f"{NOT_TRIED_AGAIN}, since it would fail in the same way:\n{reason.read_text()}"
        write_text(text, target)
        raise RuntimeError(text)
    reason.unlink(missing_ok=True)
    file = logging.FileHandler(target, mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.WARNING)
    loggers = [logging.getLogger("differland"), logging.getLogger("py.warnings")]
    logging.captureWarnings(True)
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(file)
        logger.addHandler(terminal)
    try:
        yield
    except BaseException as error:
        explained = explain_failure() if isinstance(error, Exception) else None
        if explained:
            # What the log tells of it.
            explained.__cause__ = error
        told = explained or error
        loggers[0].removeHandler(terminal)
        text = "".join(traceback.format_exception(told))
        loggers[0].error("%s\n%s", FAILED, text)
        if is_hopeless(told):
            write_text(text, reason)
        if isinstance(told, KNOWN):
            sys.excepthook = _tell_message_alone
        if explained:
            raise explained from error
        raise
    finally:
        logging.captureWarnings(False)
        for logger in loggers:
            logger.removeHandler(file)
            logger.removeHandler(terminal)
        file.close()
