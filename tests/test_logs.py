"""Logs of jobs, and which failures are worth another attempt."""

import subprocess
import sys

import pytest
from import_graph import LIBRARY

from differland.errors import InputError
from differland.logs import is_hopeless, record


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "cause", "hopeless"),
    [
        (InputError("driver.nc", "vpd", "hPa", "kPa"), None, True),
        (FloatingPointError("not finite"), None, True),
        (KeyError("gpp"), None, True),
        (NotImplementedError("atan2"), None, True),
        (OSError(28, "No space left on device"), None, False),
        (MemoryError(), None, False),
        (RuntimeError("RESOURCE_EXHAUSTED: out of memory on the device"), None, False),
        (KeyboardInterrupt(), None, False),
        (SystemExit(1), None, False),
        (InputError("driver.nc", "file", "a file", "bytes"), OSError(5, "I/O error"), False),
        (InputError("driver.nc", "file", "a file", "bytes"), KeyError("lat"), True),
    ],
)
def test_failures_of_the_system_are_worth_a_retry(error, cause, hopeless):
    assert is_hopeless(raised(error, cause)) is hopeless


def test_suppressed_context_is_no_cause():
    try:
        try:
            raise OSError("not told")
        except OSError:
            raise KeyError("told") from None
    except KeyError as error:
        assert is_hopeless(error)


def test_job_that_failed_for_its_own_reason_is_not_run_again(tmp_path):
    log = tmp_path / "job.log"
    with pytest.raises(InputError), record(log):
        raise InputError("driver.nc", "vpd", "hPa", "kPa")
    # Snakemake removes the log before it tries again.
    log.unlink()
    with pytest.raises(RuntimeError, match=r"not tried again.*(?s:.)*kPa"), record(log, 2):
        raise AssertionError("it was run")
    assert "found kPa" in log.read_text()
    # Whoever runs it anew, after mending the input, begins with a first attempt.
    with record(log, 1):
        pass
    assert list(tmp_path.iterdir()) == [log]
    with record(log, 2):
        pass


def test_retry_after_a_failure_of_the_system_is_run(tmp_path):
    log = tmp_path / "job.log"
    with pytest.raises(OSError, match="node lost"), record(log):
        raise OSError("node lost")
    ran = False
    with record(log, 2):
        ran = True
    assert ran


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "InputError('driver.nc', 'vpd', 'hPa', 'kPa')",
            "error: driver.nc: vpd: expected hPa, found kPa",
        ),
        ("KeyError('gpp')", "KeyError: 'gpp'"),
    ],
)
def test_bad_input_ends_a_job_with_its_message_alone(tmp_path, error, told):
    code = (
        "from differland.errors import InputError\nfrom differland.logs import record\n"
        f"with record('job.log'):\n    raise {error}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert lines[-1] == told
    assert ("Traceback (most recent call last):" in lines) == (error.startswith("KeyError"))
    assert "Traceback" in (tmp_path / "job.log").read_text()
