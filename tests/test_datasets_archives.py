"""Files in folders, in archives, and in archives of archives."""

import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from differland.datasets.archives import Member, list_files, unpack
from differland.datasets.reanalysis import read_monthly_means
from differland.datasets.site_tables import _read_table as _read_table_of_sites
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


def add(path: Path, name: str, mode: int, content: bytes = b"../../other.nc") -> None:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, content)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_links_and_devices_are_refused_by_name(tmp_path: Path, mode: int) -> None:
    archive = pack(tmp_path / "in" / "a.zip", **{"good.nc": b"x"})
    add(archive, "link.nc", mode | 0o777)
    with pytest.raises(InputError, match=r"a\.zip: link\.nc: expected a plain file, found a link"):
        unpack(archive, tmp_path / "out", (".nc",))
    assert not (tmp_path / "out").exists()
    assert [source.name for source in list_files(tmp_path / "in")] == ["good.nc"]


def test_an_archive_that_unpacks_to_far_more_than_itself_is_refused(tmp_path: Path) -> None:
    bomb = pack(tmp_path / "in" / "a.zip", **{"a.nc": bytes(20_000_000)})
    told = r"a\.zip: unpacked size: expected an archive that unpacks to at most 200 times its size"
    with pytest.raises(InputError, match=rf"{told}, found 20,000,000 bytes in .*, \d+ times"):
        unpack(bomb, tmp_path / "out", (".nc",))
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=told):
        Member(bomb, ("a.nc",)).read_bytes()
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(bomb, "in/a.zip")
    bomb.unlink()
    with pytest.raises(InputError, match=rf"outer\.zip/in/{told}"):
        list(list_files(tmp_path))


def test_a_spreadsheet_that_unpacks_to_far_more_than_itself_is_refused(tmp_path: Path) -> None:
    table = pack(tmp_path / "sites.xlsx", **{"xl__worksheets__sheet1.xml": bytes(20_000_000)})
    with pytest.raises(InputError, match=r"sites\.xlsx: unpacked size: expected .* 200 times"):
        _read_table_of_sites(table)


def test_an_archive_needs_room_for_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(tmp_path / "a.zip", **{"a.nc": bytes(1000), "b.nc": bytes(1000)})
    usage = shutil.disk_usage(tmp_path)._replace(free=1500)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InputError, match=r"room for, 1,500 bytes, found 2,000 bytes"):
        unpack(archive, tmp_path / "out", (".nc",))
    assert not (tmp_path / "out").exists()
    # What was unpacked before needs no more room.
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.nc").write_bytes(bytes(1000))
    assert len(unpack(archive, tmp_path / "out", (".nc",))) == 2


def test_archives_one_in_the_other_come_to_an_end(tmp_path: Path) -> None:
    archive = pack(tmp_path / "in" / "x.zip", **{"x.nc": b"x"})
    for _ in range(5):
        inner = archive.read_bytes()
        with zipfile.ZipFile(archive, "w") as outer:
            outer.writestr("x.zip", inner)
    told = "expected at most 4 archives, one in the other"
    with pytest.raises(InputError, match=rf"in/x\.zip/.*x\.zip: archive: {told}"):
        list(list_files(tmp_path / "in"))
    with pytest.raises(InputError, match=told):
        list(read_monthly_means([archive], "t_mean", tmp_path / "scratch"))


def test_folders_may_be_parted_by_backslashes(tmp_path: Path) -> None:
    archive = pack(tmp_path / "in" / "a.zip", **{"x\\a.csv": b"1", "x\\._b.csv": b"2"})
    assert [source.name for source in list_files(tmp_path / "in")] == ["a.csv"]
    add(archive, "x\\..\\..\\c.csv", stat.S_IFREG)
    with pytest.raises(InputError, match="names within the archive's own folder"):
        unpack(archive, tmp_path / "out", (".csv",))
