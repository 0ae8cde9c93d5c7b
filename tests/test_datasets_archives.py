"""Files in folders, in archives, and in archives of archives."""

import zipfile
from pathlib import Path

import pytest

from differland.datasets.archives import Member, list_files, unpack
from differland.errors import InputError


def pack(path: Path, **members: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def test_files_in_folders_of_archives_of_archives(tmp_path: Path) -> None:
    innermost = pack(tmp_path / "x.zip", a=b"deep").read_bytes()
    inner = pack(tmp_path / "y.zip", folder__z__a=b"one", z=b"two").read_bytes()
    both = pack(tmp_path / "z.zip", b=b"three").read_bytes()
    for name in ("x", "y", "z"):
        (tmp_path / f"{name}.zip").unlink()
    with zipfile.ZipFile(tmp_path / "outer.ZIP", "w") as archive:
        archive.writestr("in/first.zip", inner)
        archive.writestr("second.zip", both)
        with zipfile.ZipFile(tmp_path / "middle.zip", "w") as middle:
            middle.writestr("x.zip", innermost)
        archive.write(tmp_path / "middle.zip", "third.zip")
    (tmp_path / "middle.zip").unlink()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c").write_bytes(b"four")
    found = {str(source)[len(str(tmp_path)) + 1 :]: source for source in list_files(tmp_path)}
    assert {name: source.read_bytes() for name, source in found.items()} == {
        "below/c": b"four",
        "outer.ZIP/in/first.zip/folder/z/a": b"one",
        "outer.ZIP/in/first.zip/z": b"two",
        "outer.ZIP/second.zip/b": b"three",
        "outer.ZIP/third.zip/x.zip/a": b"deep",
    }
    member = found["outer.ZIP/in/first.zip/folder/z/a"]
    assert isinstance(member, Member)
    assert member.name == "a"
    with member.open() as stream:
        assert stream.read(2) == b"on"


def test_hidden_copies_are_left_out(tmp_path: Path) -> None:
    for name in ("._a.csv", ".DS_Store", "a.csv", "__MACOSX/._a.csv", "Thumbs.db", ".x/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    pack(tmp_path / "b.zip", **{"c.csv": b"x", "__MACOSX/._c.csv": b"x", "._c.csv": b"x"})
    (tmp_path / "._b.zip").write_bytes(b"no archive")
    names = [str(source)[len(str(tmp_path)) + 1 :] for source in list_files(tmp_path)]
    assert names == ["a.csv", "b.zip/c.csv"]


@pytest.mark.parametrize("kind", ["outer", "inner"])
def test_a_damaged_archive_is_named(tmp_path: Path, kind: str) -> None:
    inner = pack(tmp_path / "inner.zip", a=b"x" * 100).read_bytes()[
        : -30 if kind == "inner" else None
    ]
    (tmp_path / "inner.zip").unlink()
    path = pack(tmp_path / "outer.zip", **{"inner.zip": inner})
    if kind == "outer":
        path.write_bytes(path.read_bytes()[:-30])
    place = r"outer\.zip/inner\.zip" if kind == "inner" else r"outer\.zip"
    with pytest.raises(InputError, match=rf"{place}: file: expected a complete archive"):
        list(list_files(tmp_path))


@pytest.mark.parametrize("name", ["../a.nc", "x/../../a.nc", "/tmp/a.nc", "..\\a.nc", "C:/a.nc"])
def test_no_member_is_unpacked_outside_its_folder(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "in" / "a.zip")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("good.nc", b"x")
        opened.writestr(name, b"x")
    with pytest.raises(InputError, match="names within the archive's own folder, found"):
        unpack(archive, tmp_path / "out" / "deep", (".nc",))
    assert [path for path in tmp_path.rglob("*.nc") if path.name != "good.nc"] == []


def test_members_are_unpacked_once_by_their_endings(tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "a.zip", **{"x/a.NC": b"1", "b.nc": b"2", "c.txt": b"3", "._b.nc": b""}
    )
    files = unpack(archive, tmp_path / "out", (".nc",))
    assert [file.relative_to(tmp_path / "out").as_posix() for file in files] == ["b.nc", "x/a.NC"]
    files[0].write_bytes(b"kept")
    assert unpack(archive, tmp_path / "out", (".nc",))[0].read_bytes() == b"kept"
    with pytest.raises(InputError, match=r"expected files \*\.grib in the archive, found .*c\.txt"):
        unpack(archive, tmp_path / "out", (".grib",))
