"""Where the structures of XLA's foreign function interface are told, and refused where unknown."""

import logging
from pathlib import Path

import jax
import pytest

from differland import engine
from differland.errors import InputError
from differland.kernel.interface import HEADER, LAYOUT, read_version


@pytest.fixture
def header() -> str:
    return Path(jax.ffi.include_dir(), HEADER).read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "c_api.h"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_installed_interface_is_known(header: str, tmp_path: Path):
    assert f"API_MINOR {read_version(written(tmp_path, header))[1]}\n" in header


def test_a_new_version_of_the_same_layout_is_taken(header: str, tmp_path: Path):
    number = header.split("#define XLA_FFI_API_MINOR ")[1].split("\n")[0]
    newer = header.replace(f"API_MINOR {number}", "API_MINOR 77")
    assert read_version(written(tmp_path, newer)) == (0, 77)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        # Fields before those that are read.
        ("XLA_FFI_ExecutionStage stage;", "XLA_FFI_Args new;\n  {}", "CallFrame.args.args"),
        ("XLA_FFI_DataType dtype;", "int64_t layout; int64_t {}", "Buffer.data: expected 24"),
        ("XLA_FFI_Metadata* metadata;", "XLA_FFI_Metadata* other;", "metadata.*no such field"),
    ],
)
def test_another_layout_is_refused(header: str, tmp_path: Path, old: str, new: str, words: str):
    assert old in header
    path = written(tmp_path, header.replace(old, new.replace("{}", old)))
    with pytest.raises(ValueError, match=words):
        read_version(path)


def test_without_header_nothing_is_known(tmp_path: Path):
    with pytest.raises(ValueError, match="found no such file"):
        read_version(tmp_path / "c_api.h")


def test_engines_where_the_interface_is_not_known(monkeypatch: pytest.MonkeyPatch, caplog):
    def refuse() -> None:
        raise ValueError("c_api.h: Buffer.data: expected 24 bytes")

    monkeypatch.setattr(engine, "api_version", refuse)
    with caplog.at_level(logging.WARNING, "differland"):
        assert engine.choose_engine("auto") == "xla"
    assert "Buffer.data: expected 24 bytes" in caplog.text
    with pytest.raises(InputError, match=r"training\.engine: expected a GPU, or a CPU with"):
        engine.choose_engine("kernel")


def test_offsets_are_those_of_a_compiler(tmp_path: Path):
    """By hand, of structures on machines with pointers of eight bytes."""
    assert LAYOUT["CallFrame", "args.args"] == 8 * 4 + 8 + (8 * 2 + 8 + 8)
    assert LAYOUT["CallFrame", "rets.rets"] == LAYOUT["CallFrame", "args.args"] + 8 * 5
