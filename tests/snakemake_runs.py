"""Runs of Snakemake in processes that need not import it each time.

A dry run takes two seconds of a processor instead of three. What is run, and with which arguments,
is as on a command line.
"""

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
# Not this library, of which some tests run a copy.
SERVER.set_forkserver_preload(["jsonschema", "pandas", "snakemake.cli", "snakemake.dag", "xarray"])


def run_snakemake(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder.

    Parameters
    ----------
    folder
        Where it runs.
    words
        Arguments of the command line.

    Returns
    -------
    CompletedProcess
        Exit status, and what it wrote to the standard output and to the standard error.
    """
    with tempfile.TemporaryDirectory() as scratch:
        streams = [Path(scratch, name) for name in ("stdout", "stderr")]
        process = SERVER.Process(target=_run, args=(folder, words, streams, dict(os.environ)))
        process.start()
        process.join()
        texts = [stream.read_text(encoding="utf-8") for stream in streams]
    return subprocess.CompletedProcess(["snakemake", *words], process.exitcode or 0, *texts)


def jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Number of jobs of each rule in the output of a dry run."""
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    table = re.search(r"^job +count\n-[- ]+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    if table is None:
        assert "Nothing to be done" in output
        return {}
    rows = (line.split() for line in table[1].splitlines())
    return {name: int(count) for name, count in rows}


def _run(
    folder: Path, words: Sequence[str], streams: Sequence[Path], environment: dict[str, str]
) -> None:
    for stream, number in zip(streams, (1, 2), strict=True):
        with stream.open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["snakemake", *words]
    # It is imported already.
    from snakemake.cli import main

    main(list(words))
