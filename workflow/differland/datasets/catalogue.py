"""The catalogue of raw products (``resources/datasets``), with the patterns of their files."""

import calendar
import contextlib
import fnmatch
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import jsonschema

from differland.datasets.archives import is_litter, walk_files
from differland.errors import InputError
from differland.shipped import RESOURCES, SCHEMAS
from differland.yaml_files import read_yaml

CATALOGUE = RESOURCES / "datasets"
SCHEMA = SCHEMAS / "dataset.schema.yaml"

MONTHS = range(1, 13)

MOST_PERIODS = 8
"""Missing years or months that a message lists one by one."""


@dataclass(frozen=True)
class NativeName:
    """A variable in a provider's files: its units and meaning."""

    units: str
    meaning: str


@dataclass(frozen=True)
class Product:
    """One product, as its file in the catalogue describes it.

    Attributes
    ----------
    name
        Name of the file, and of the product in the configuration (``raw.products``; a comparison
        has its own section).
    title, role, provider, version, access, licence, citation, format, grid
        Description of the product, its use, and where it can be obtained.
    seen
        Evidence that the reader rests on: genuine files, names of files, or documentation.
    doi
        Digital object identifier without the address; None if there is none.
    first_year, last_year
        First and last year of the product; None where it is open or does not change with time.
    kind
        Kind of product: put on the study's grid once (``static``) or year by year (``yearly``), no
        map (``table``), or for comparison only, which is no part of the driver.
    files
        Patterns of file names by role.
    instead
        Patterns by role of files that are read where none has the name of `files`.
    taken
        Regular expressions by role of the ends of names that are read among those that match.
    single
        Roles of which one file is read.
    variables
        Variables that are read, by their native names.
    gives
        Variables of the driver that the product gives, or part of them.
    """

    name: str
    title: str
    role: str
    provider: str
    version: str
    doi: str | None
    access: str
    licence: str
    citation: str
    format: str
    grid: str
    seen: str
    first_year: int | None
    last_year: int | None
    kind: Literal["static", "yearly", "table", "comparison"]
    files: Mapping[str, str]
    instead: Mapping[str, str]
    taken: Mapping[str, str]
    single: tuple[str, ...]
    variables: Mapping[str, NativeName]
    gives: tuple[str, ...]

    @property
    def where(self) -> str:
        """Provider, DOI and access of the product, for messages."""
        doi = f", doi:{self.doi}" if self.doi else ""
        return f"{self.provider}{doi}; {self.access}"


@cache
def read_catalogue() -> Mapping[str, Product]:
    """Read and check all products, by name.

    Raises
    ------
    InputError
        A file of the catalogue does not follow its schema.
    """
    schema = read_yaml(SCHEMA)
    return {file.stem: _read_product(file, schema) for file in sorted(CATALOGUE.glob("*.yaml"))}


Names = Mapping[str, Sequence[str]]
"""Folders of the files of each name, below a folder."""


def list_names(folder: Path) -> Names:
    """Names of all files below a folder, each with the folders that have one."""
    folders: dict[str, list[str]] = {}
    for path in walk_files(folder):
        folders.setdefault(path.name, []).append(str(path.parent))
    return folders


def unread_below(folder: Path, read: Collection[Path], names: Names | None = None) -> list[str]:
    """List the files below a folder that are not among those read; hidden files are left out.

    Parameters
    ----------
    folder, read
        Paths of files begin with that of the folder.
    names
        Names of the files, as :func:`list_names` returns them; None to list the folder.

    Returns
    -------
    Paths from the folder, in order.
    """
    names = list_names(folder) if names is None else names
    files = (Path(parent, name) for name, parents in names.items() for parent in parents)
    others = (
        path.relative_to(folder).as_posix() for path in files if path not in read and path.is_file()
    )
    return sorted(path for path in others if not is_litter(path))


def unread_by(
    folder: Path, finders: Iterable[Callable[[], Mapping[Any, Iterable[Path]]]]
) -> list[str]:
    """List the files below a folder that no finder finds, where several share the folder.

    Parameters
    ----------
    folder
        Folder, as for :func:`unread_below`.
    finders
        Each gives files by role, or raises InputError where some are missing: then it has none.

    Returns
    -------
    Paths from the folder, as for :func:`unread_below`.
    """
    read: set[Path] = set()
    for find in finders:
        with contextlib.suppress(InputError):
            for files in find().values():
                read.update(files)
    return unread_below(folder, read)


def find_files(
    product: Product,
    role: str,
    folder: Path,
    years: Iterable[int],
    pattern: str | None = None,
    names: Names | None = None,
) -> list[Path]:
    """Find the files of a product, all that its pattern promises; hidden files are left out.

    Parameters
    ----------
    product, role
        Product and role of the files.
    folder
        Folder of the product.
    years
        Years that are needed; without meaning where the pattern has none.
    pattern
        Pattern in place of the catalogue's.
    names
        Names of the files, as :func:`list_names` returns them, where several calls search one
        folder.

    Returns
    -------
    Files in the order of time, then of their names.

    Raises
    ------
    InputError
        No file matches in a year or month that is needed; the message names the product, the
        pattern, the folder, the provider, and all years or months without a file. Or several match
        where one is read; the message names them.
    """
    matches = list(match_files(product, role, folder, years, pattern, names))
    missing = [match for match in matches if not match.files]
    if missing:
        raise _missing(missing)
    files = list(dict.fromkeys(file for match in matches for file in match.files))
    if role in product.single and len(files) > 1:
        expected = (
            f"one file {matches[0].glob} (move the others away, or let the configuration's pattern "
            f"of {product.name}, {role}, tell which)"
        )
        raise InputError(folder, f"product {product.name}", expected, ", ".join(map(str, files)))
    return files


@dataclass(frozen=True)
class Match:
    """Files of a product that match its pattern in one period.

    Attributes
    ----------
    product, folder
        Product of the files, and folder that was searched.
    glob
        Pattern of their names.
    period
        Name of the period in messages; empty where the pattern has none.
    files
        Files that match, in the order of their names.
    """

    product: Product
    folder: Path
    glob: str
    period: str
    files: list[Path]


def match_files(
    product: Product,
    role: str,
    folder: Path,
    years: Iterable[int],
    pattern: str | None = None,
    names: Names | None = None,
) -> Iterator[Match]:
    """Look for the files of a product, period by period.

    Parameters
    ----------
    product, role, folder, years, pattern, names
        Arguments of the search, as for :func:`find_files`.
    """
    patterns = [pattern or product.files[role]]
    if pattern is None and role in product.instead:
        patterns.append(product.instead[role])
    # Looking for each month anew would list folders hundreds of times.
    if names is None and all(map(_anywhere, patterns)):
        names = list_names(folder)
    globs = zip(*(_globs(each, years) for each in patterns), strict=True)
    for same_period in globs:
        period, glob = same_period[0]
        found = (_matching(folder, each, names) for _, each in same_period)
        yield Match(product, folder, glob, period, next(filter(None, found), []))


def _anywhere(pattern: str) -> bool:
    """Whether a pattern is one of names, wherever the files lie."""
    return pattern.startswith("**/") and "/" not in pattern.removeprefix("**/")


def _matching(folder: Path, glob: str, names: Names | None) -> list[Path]:
    """Files of a folder that match, in the order of their names."""
    if _anywhere(glob) and names is not None:
        matching = fnmatch.filter(names, glob.removeprefix("**/"))
        paths = [Path(parent, name) for name in matching for parent in names[name]]
    else:
        paths = list(folder.glob(glob))
    return sorted(
        path
        for path in paths
        if path.is_file() and not is_litter(path.relative_to(folder).as_posix())
    )


def _missing(matches: Sequence[Match]) -> InputError:
    """Error that lists the periods without a file."""
    first, *others = matches
    product, folder = first.product, first.folder
    of_period = f" for {first.period}" if first.period else ""
    expected = f"a file {first.glob}{of_period} of {product.title} (get it from {product.where})"
    there = _instead(folder, first.glob) if folder.is_dir() else "no such folder"
    if others:
        names = [match.period for match in others]
        shown = (
            names if len(names) <= MOST_PERIODS else [*names[: MOST_PERIODS - 2], "...", names[-1]]
        )
        there += f"; nor for {', '.join(shown)} ({len(matches)} files in all)"
    return InputError(folder, f"product {product.name}", expected, there)


def _instead(folder: Path, glob: str) -> str:
    """Description of the other files of a folder: packed, with another ending, or unrelated."""
    names = sorted(path.name for path in walk_files(folder) if not is_litter(path.name))
    if not names:
        return "none"
    sought = f"{PurePosixPath(glob).name}*".lower()
    near = [name for name in names if fnmatch.fnmatchcase(name.lower(), sought)]
    if near:
        return f"none, but {near[0]} (is it to be unpacked or renamed?)"
    return f"none among {len(names)} files, such as {names[0]}"


def tabulate(
    names: Iterable[str], years: Mapping[str, list[int]], settings: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Rows of a table of products, from which a section on data can be written.

    Parameters
    ----------
    names
        Names of the products that the study uses.
    years
        Years that the study takes from the yearly products.
    settings
        Choices of the configuration by product.
    """
    return [
        {
            "product": name,
            "used for": product.role,
            "title": product.title,
            "version": product.version,
            "provider": product.provider,
            "citation": product.citation,
            "doi": product.doi or "",
            "licence": product.licence,
            "grid": product.grid,
            "seen of it": product.seen,
            "years": f"{min(years[name])}-{max(years[name])}" if years.get(name) else "",
            "variables": "; ".join(
                f"{native} ({facts.units})" for native, facts in product.variables.items()
            ),
            "choices": "; ".join(
                f"{key}: {value}"
                for key, value in settings[name].items()
                if key not in ("folder", "first_year", "last_year")
            ),
            "configuration key": f"raw.products.{name}",
        }
        for name, product in read_catalogue().items()
        if name in names
    ]


def _globs(pattern: str, years: Iterable[int]) -> list[tuple[str, str]]:
    """Glob patterns of every period of a pattern, and the names of the periods."""
    if "{year}" not in pattern:
        return [("", pattern)]
    globs = []
    for year in years:
        if "{month}" not in pattern and "{day_of_year}" not in pattern:
            globs.append((f"{year}", pattern.replace("{year}", str(year))))
            continue
        day = 1
        for month in MONTHS:
            filled = pattern.replace("{year}", str(year)).replace("{month}", f"{month:02d}")
            globs.append((f"{year}-{month:02d}", filled.replace("{day_of_year}", f"{day:03d}")))
            day += calendar.monthrange(year, month)[1]
    return globs


def _read_product(file: Path, schema: dict[str, Any]) -> Product:
    values = read_yaml(file)
    for error in jsonschema.Draft202012Validator(schema).iter_errors(values):
        place = ".".join(map(str, error.absolute_path)) or "the whole"
        raise InputError(file, place, str(error.schema.get("description")), error.message)
    variables = {name: NativeName(**facts) for name, facts in values["variables"].items()}
    lists = {key: tuple(values.get(key, ())) for key in ("single", "gives")}
    mappings = {key: values.get(key, {}) for key in ("instead", "taken")}
    return Product(name=file.stem, **{**values, **lists, **mappings, "variables": variables})
