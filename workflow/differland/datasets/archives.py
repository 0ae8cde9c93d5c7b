"""Files of providers, in folders, in archives, and in archives of archives."""

import fnmatch
import gzip
import io
import logging
import os
import shutil
import zipfile
import zlib
from collections.abc import Collection, Iterator
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

LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""Names that other systems leave in folders and archives, beside those that begin with a dot."""


@dataclass(frozen=True)
class Member:
    """A file in an archive, perhaps through further archives in it.

    Attributes
    ----------
    archive
        In a folder.
    names
        Of the archives in it, one in the other, and of the file at last.
    """

    archive: Path
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Last part of its name; Windows may have separated the parts by backslashes."""
        return PurePosixPath(self.names[-1].replace("\\", "/")).name

    def __str__(self) -> str:
        return "/".join((str(self.archive), *self.names))

    def is_file(self) -> bool:
        """Whether it is there, as it was when it was listed."""
        return self.archive.is_file()

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """Open it to read.

        Raises
        ------
        InputError
            An archive is damaged.
        """
        try:
            with _open_archive(self.archive, self.names[:-1]) as opened:
                return opened.open(self.names[-1])
        except (*BROKEN, KeyError) as error:
            raise InputError(self, "file", "a complete archive", str(error)) from error

    def read_bytes(self) -> bytes:
        """Read it whole.

        Raises
        ------
        InputError
            An archive is damaged.
        """
        try:
            with self.open() as stream:
                return stream.read()
        except BROKEN as error:
            raise InputError(self, "file", "a complete archive", str(error)) from error


@dataclass(frozen=True)
class Compressed:
    """A file that was packed alone (``.csv.gz``).

    Attributes
    ----------
    packed
        As it is there.
    """

    packed: Path | Member

    @property
    def name(self) -> str:
        """Name that it has when it is unpacked."""
        return self.packed.name[: -len(".gz")]

    def __str__(self) -> str:
        return str(self.packed)

    def is_file(self) -> bool:
        """Whether it is there."""
        return self.packed.is_file()

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """Open it to read."""
        return cast(IO[bytes], gzip.GzipFile(fileobj=self.packed.open(mode)))

    def read_bytes(self) -> bytes:
        """Read it whole.

        Raises
        ------
        InputError
            It is damaged.
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
        part.startswith(".") or part in LITTER
        for part in PurePosixPath(name.replace("\\", "/")).parts
    )


def walk_files(folder: Path) -> Iterator[Path]:
    """Files below a folder, also in folders that are linked into it, each folder once.

    Parameters
    ----------
    folder
        Where to look; one that is absent has no files.

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
        Where to look, also in folders that are linked into it.
    pattern
        Of names anywhere below the folder (``**/*.nc``), or of paths from it; case matters.
    """
    name = pattern.removeprefix("**/")
    if pattern.startswith("**/") and "/" not in name:
        return sorted(path for path in walk_files(folder) if fnmatch.fnmatchcase(path.name, name))
    return sorted(folder.glob(pattern))


def list_files(folder: Path) -> Iterator[Source]:
    """Files of a folder and its subfolders, and those in their archives, in the order of names.

    Hidden files are left out; those that are packed alone (``.gz``) have their unpacked names.

    Raises
    ------
    InputError
        The folder is absent, or an archive cannot be opened.
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


def log_unread(product: str, names: Collection[str]) -> None:
    """Name the files of a product's folder that nobody reads."""
    if names:
        shown = ", ".join(sorted(names)[:NAMED]) + (", ..." if len(names) > NAMED else "")
        logger.warning("%s: %d files are not read: %s", product, len(names), shown)


def unpack(archive: Path, folder: Path, endings: Collection[str]) -> list[Path]:
    """Unpack the files of an archive that have one of these endings.

    Parameters
    ----------
    archive
        A zip file.
    folder
        Where to. What is there already is not unpacked again.
    endings
        Of names, in lower case.

    Returns
    -------
    Files in the order of their names in the archive.

    Raises
    ------
    InputError
        The archive is damaged, has no such file, or one whose name leads out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in sorted(opened.namelist()) if not name.endswith("/")]
            chosen = [
                name
                for name in names
                if name.lower().endswith(tuple(endings)) and not is_litter(_plain(name, archive))
            ]
            if not chosen:
                expected = f"files *{', *'.join(endings)} in the archive"
                raise InputError(archive, "file", expected, ", ".join(names) or "none")
            for name in chosen:
                if not (folder / name).is_file():
                    with atomic_path(folder / name) as temporary, temporary.open("wb") as output:
                        shutil.copyfileobj(opened.open(name), output)
    except BROKEN as error:
        raise InputError(archive, "file", "a complete archive", str(error)) from error
    return [folder / name for name in chosen]


def _plain(name: str, archive: object) -> str:
    """Give the name of a member back if it lies below the folder that it is unpacked into."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(archive, "file", "names within the archive's own folder", name)
    return name


def _unpacked(file: Path | Member) -> Source:
    return Compressed(file) if file.name.lower().endswith(".gz") else file


def _list_members(archive: Path, within: tuple[str, ...]) -> Iterator[Member]:
    try:
        with _open_archive(archive, within) as opened:
            names = sorted(name for name in opened.namelist() if not name.endswith("/"))
    except (*BROKEN, KeyError) as error:
        place = "/".join((str(archive), *within))
        raise InputError(place, "file", "a complete archive", str(error)) from error
    for name in names:
        if is_litter(name):
            continue
        if name.lower().endswith(".zip"):
            yield from _list_members(archive, (*within, name))
        else:
            yield Member(archive, (*within, name))


def _open_archive(archive: Path, within: tuple[str, ...]) -> zipfile.ZipFile:
    if not within:
        return zipfile.ZipFile(archive)
    return zipfile.ZipFile(io.BytesIO(_read_inner(archive, within, archive.stat().st_mtime_ns)))


@lru_cache(maxsize=1)
def _read_inner(archive: Path, names: tuple[str, ...], modified: int) -> bytes:
    """Read an archive in an archive; one that has been `modified` is read anew."""
    with _open_archive(archive, names[:-1]) as opened:
        return opened.read(names[-1])
