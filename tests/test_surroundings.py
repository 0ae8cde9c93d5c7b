"""What the environment may not say about the numbers of jobs."""

import jax
import pytest

from differland.errors import InputError
from differland.logs import record
from differland.surroundings import take_out


def test_variables_that_change_numbers_are_taken_out():
    environment = {
        "PATH": "/usr/bin",
        "JAX_ENABLE_X64": "1",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
        "JAX_SOMETHING_NEW": "1",
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": "/cache",
        "NVIDIA_TF32_OVERRIDE": "1",
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_dump_to=/tmp/dump",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    told = take_out(environment)
    assert environment == {
        "PATH": "/usr/bin",
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": "/cache",
        "XLA_FLAGS": "--xla_dump_to=/tmp/dump",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    assert "JAX_ENABLE_X64=1" in told
    assert "XLA_FLAGS --xla_cpu_enable_fast_math=true" in told
    assert len(told) == 6
    assert take_out(environment) == []


def test_a_platform_that_is_not_there_is_explained(tmp_path, monkeypatch):
    def devices():
        raise RuntimeError("Unable to initialize backend 'cuda'")

    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr(jax, "devices", devices)
    log = tmp_path / "job.log"
    with (
        pytest.raises(InputError, match=r"environment: JAX_PLATFORMS: expected .*found cuda"),
        record(log),
    ):
        jax.devices()
    assert log.read_text().rstrip().splitlines()[-1].endswith("backend 'cuda')")


def test_a_failure_that_is_not_the_platforms_stays_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    with pytest.raises(KeyError, match="lai"), record(tmp_path / "job.log"):
        raise KeyError("lai")
