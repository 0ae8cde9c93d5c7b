"""One log file per piece of work."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def record(path: Path | str) -> Iterator[None]:
    """Write the log of a block of code to `path`: its log lines, warnings and failure.

    Warnings and errors also go to standard error, so that a terminal shows them.

    Parameters
    ----------
    path
        The log file. It is begun anew; its folder is made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
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
    except BaseException:
        loggers[0].removeHandler(terminal)
        loggers[0].error("failed\n%s", traceback.format_exc())
        raise
    finally:
        logging.captureWarnings(False)
        for logger in loggers:
            logger.removeHandler(file)
            logger.removeHandler(terminal)
        file.close()
