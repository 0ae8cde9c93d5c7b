"""Files of providers, in folders, in archives, and in archives of archives."""

import fnmatch
import gzip
import io
import logging
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Literal, cast

from differland.errors import InputError
from differland.files import atomic_path

logger = logging.getLogger(__name__)

NAMED = 50
"""Files that a message names; it counts all."""

BROKEN = (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError)
"""What goes wrong in an archive that is damaged, encrypted or packed in an unknown way."""

DEEPEST = 4
"""Archives that may lie one in the other: some are made to hold themselves."""

LARGEST_RATIO, HARMLESS = 200, 10_000_000
"""Times that the files of an archive may be as large as it is, where they have more bytes than
these. Tables and fields are packed to a tenth, or a fiftieth where most of them is missing."""

LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""Names that other systems leave in folders and archives, beside those that begin with a dot."""


@dataclass(frozen=True)
class Member:
    """A file in an archive, perhaps through further archives in it.

    Attributes
    ----------
    archive
        Path of the outermost archive in a folder.
    names
        Names of the archives within it, from the outer to the inner, and last of the file.
    """

    archive: Path
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the file without its folders."""
        return PurePosixPath(_with_slashes(self.names[-1])).name

    def __str__(self) -> str:
        return "/".join((str(self.archive), *self.names))

    def is_file(self) -> bool:
        """Whether the file exists, as it did when it was listed."""
        return self.archive.is_file()

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """Open the file for reading.

        Raises
        ------
        InputError
            An archive is damaged, or unpacks to far more than itself.
        """
        try:
            with _open_archive(self.archive, self.names[:-1]) as opened:
                return opened.open(self.names[-1])
        except (*BROKEN, KeyError) as error:
            raise InputError(self, "file", "a complete archive", str(error)) from error

    def read_bytes(self) -> bytes:
        """Read the whole file.

        Raises
        ------
        InputError
            An archive is damaged, or unpacks to far more than itself.
        """
        try:
            with self.open() as stream:
                return stream.read()
        except BROKEN as error:
            raise InputError(self, "file", "a complete archive", str(error)) from error


@dataclass(frozen=True)
class Compressed:
    """A single compressed file (``.csv.gz``).

    Attributes
    ----------
    packed
        Path of the compressed file.
    """

    packed: Path | Member

    @property
    def name(self) -> str:
        """Name of the uncompressed file."""
        return self.packed.name[: -len(".gz")]

    def __str__(self) -> str:
        return str(self.packed)

    def is_file(self) -> bool:
        """Whether the file exists."""
        return self.packed.is_file()

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """Open the file for reading."""
        return cast(IO[bytes], gzip.GzipFile(fileobj=self.packed.open(mode)))

    def read_bytes(self) -> bytes:
        """Read the whole file.

        Raises
        ------
        InputError
            The file is damaged.
        """
        try:
            return gzip.decompress(self.packed.read_bytes())
        except BROKEN as error:
            raise InputError(self, "file", "a complete gzip file", str(error)) from error


Source = Path | Member | Compressed
"""A file, in a folder or in an archive."""


def is_litter(name: str) -> bool:
    """Whether a file's path in a folder or archive is a hidden copy or the like, no data."""
    return any(
        part.startswith(".") or part in LITTER for part in PurePosixPath(_with_slashes(name)).parts
    )


def walk_files(folder: Path) -> Iterator[Path]:
    """Files below a folder, also in folders that are linked into it, each folder once.

    Parameters
    ----------
    folder
        Folder to search; one that is absent has no files.

    Yields
    ------
    Paths that begin with that of the folder, in no order; hidden files and broken links too.
    """
    seen: set[tuple[int, int]] = set()
    starts = [folder]
    # Links come last, so that a folder is known by its own name (the archive of CMIP6 has a link
    # `latest` beside the folders of versions).
    while starts:
        for parent, folders, names in os.walk(starts.pop(0)):
            status = Path(parent).stat()
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            starts += [path for name in folders if (path := Path(parent, name)).is_symlink()]
            yield from (Path(parent, name) for name in names)


def glob_files(folder: Path, pattern: str) -> list[Path]:
    """Files below a folder whose names, or paths, match a pattern, in the order of their paths.

    Parameters
    ----------
    folder
        Folder to search, also in folders that are linked into it.
    pattern
        Pattern of names anywhere below the folder (``**/*.nc``), or of paths from it; case matters.
    """
    name = pattern.removeprefix("**/")
    if pattern.startswith("**/") and "/" not in name:
        return sorted(path for path in walk_files(folder) if fnmatch.fnmatchcase(path.name, name))
    return sorted(folder.glob(pattern))


def list_files(folder: Path) -> Iterator[Source]:
    """Files of a folder and its subfolders, and those in their archives, in the order of names.

    Hidden files are left out, and what is no file in an archive, such as a link; those that are
    packed alone (``.gz``) have their unpacked names.

    Raises
    ------
    InputError
        The folder is absent, or an archive cannot be opened, unpacks to far more than itself, or
        lies in too many others.
    """
    if not folder.is_dir():
        raise InputError(folder, "folder", "a folder of files", "no such folder")
    for path in sorted(walk_files(folder)):
        if is_litter(path.relative_to(folder).as_posix()) or not path.is_file():
            continue
        if path.suffix.lower() == ".zip":
            yield from map(_unpacked, _list_members(path, ()))
        else:
            yield _unpacked(path)


def first_names(names: Iterable[str]) -> str:
    """The first names of a list for a log, and dots for the others."""
    listed = list(names)
    return ", ".join(listed[:NAMED]) + (", ..." if len(listed) > NAMED else "")


def log_unread(product: str, names: Collection[str]) -> None:
    """Log the files of a product's folder that no reader uses."""
    if names:
        shown = first_names(sorted(names))
        logger.warning("%s: %d files are not read: %s", product, len(names), shown)


def unpack(archive: Path, folder: Path, endings: Collection[str]) -> list[Path]:
    """Unpack the files of an archive that have one of these endings.

    Parameters
    ----------
    archive
        Path of a zip file.
    folder
        Destination folder. Files that are already there are not unpacked again.
    endings
        Endings of the names of files to unpack, in lower case.

    Returns
    -------
    Files in the order of their names in the archive.

    Raises
    ------
    InputError
        The archive is damaged, has no such file, one whose name leads out of the folder, or one
        that is a link or a device; or it unpacks to far more than itself, or to more than the
        folder's disk has room for.
    """
    try:
        with _open_archive(archive, ()) as opened:
            names = [name for name in sorted(opened.namelist()) if not name.endswith("/")]
            chosen = [
                name
                for name in names
                if name.lower().endswith(tuple(endings)) and not is_litter(_plain(name, archive))
            ]
            if not chosen:
                expected = f"files *{', *'.join(endings)} in the archive"
                raise InputError(archive, "file", expected, ", ".join(names) or "none")
            _check_files(opened, chosen, archive)
            _check_room(opened, chosen, archive, folder)
            for name in chosen:
                if not (folder / name).is_file():
                    with atomic_path(folder / name) as temporary, temporary.open("wb") as output:
                        shutil.copyfileobj(opened.open(name), output)
    except BROKEN as error:
        raise InputError(archive, "file", "a complete archive", str(error)) from error
    return [folder / name for name in chosen]


def check_spreadsheet(content: bytes, place: object) -> None:
    """Refuse a spreadsheet that is damaged or unpacks to far more than itself.

    A spreadsheet is an archive; those of old, which are none, are left to the library.

    Raises
    ------
    InputError
        The file is damaged or unpacks to too much; the message names the `place`.
    """
    if content.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as opened:
                _check_unpacked(opened, place)
        except BROKEN as error:
            raise InputError(place, "file", "a complete spreadsheet", str(error)) from error


def _check_unpacked(archive: zipfile.ZipFile, place: object) -> None:
    """Refuse an archive whose files are far larger than itself, as no data are."""
    stream = archive.fp
    if stream is None:
        raise ValueError("expected an archive that is open")
    packed = stream.seek(0, io.SEEK_END)
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(HARMLESS, LARGEST_RATIO * packed):
        expected = f"an archive that unpacks to at most {LARGEST_RATIO} times its size"
        found = f"{unpacked:,} bytes in {packed:,}, {unpacked / packed:.0f} times"
        raise InputError(place, "unpacked size", expected, found)


def _check_files(archive: zipfile.ZipFile, names: Collection[str], place: object) -> None:
    for name in names:
        if not _is_plain_file(archive.getinfo(name)):
            kind = stat.filemode(archive.getinfo(name).external_attr >> 16)
            raise InputError(place, name, "a plain file", f"a link or device ({kind})")


def _is_plain_file(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a regular file by its Unix mode, as far as the archive has one."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind in (0, stat.S_IFREG)


def _check_room(
    archive: zipfile.ZipFile, names: Collection[str], place: object, folder: Path
) -> None:
    needed = sum(archive.getinfo(name).file_size for name in names if not (folder / name).is_file())
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        expected = f"files that the disk of {folder} has room for, {free:,} bytes"
        raise InputError(place, "unpacked size", expected, f"{needed:,} bytes")


def _with_slashes(name: str) -> str:
    """Name of a member; some tools of Windows part folders by backslashes."""
    return name.replace("\\", "/")


def _plain(name: str, archive: object) -> str:
    """Give the name of a member back if it lies below the folder that it is unpacked into."""
    path = PurePosixPath(_with_slashes(name))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(archive, "file", "names within the archive's own folder", name)
    return name


def _unpacked(file: Path | Member) -> Source:
    return Compressed(file) if file.name.lower().endswith(".gz") else file


def _list_members(archive: Path, within: tuple[str, ...]) -> Iterator[Member]:
    place = "/".join((str(archive), *within))
    check_depth(len(within), place)
    try:
        with _open_archive(archive, within) as opened:
            names = sorted(
                member.filename
                for member in opened.infolist()
                if not member.is_dir() and _is_plain_file(member)
            )
    except (*BROKEN, KeyError) as error:
        raise InputError(place, "file", "a complete archive", str(error)) from error
    for name in names:
        if is_litter(name):
            continue
        if name.lower().endswith(".zip"):
            yield from _list_members(archive, (*within, name))
        else:
            yield Member(archive, (*within, name))


def check_depth(within: int, place: object) -> None:
    """Refuse an archive that lies within too many others.

    Raises
    ------
    InputError
        The archive lies too deep; the message names the `place`.
    """
    if within >= DEEPEST:
        expected = f"at most {DEEPEST} archives, one in the other"
        raise InputError(place, "archive", expected, "one more")


def _open_archive(archive: Path, within: tuple[str, ...]) -> zipfile.ZipFile:
    source: Path | io.BytesIO = archive
    if within:
        source = io.BytesIO(_read_inner(archive, within, archive.stat().st_mtime_ns))
    opened = zipfile.ZipFile(source)
    try:
        _check_unpacked(opened, "/".join((str(archive), *within)))
    except InputError:
        opened.close()
        raise
    return opened


@lru_cache(maxsize=1)
def _read_inner(archive: Path, names: tuple[str, ...], modified: int) -> bytes:
    """Read an archive within an archive, anew when it has been `modified`."""
    with _open_archive(archive, names[:-1]) as opened:
        return opened.read(names[-1])
