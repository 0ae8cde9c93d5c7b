"""Tables of flux tower sites, with their locations and vegetation.

Networks ship them in a form of their own, with a row for each fact (BADM); users write one row for
each site, under many names of columns.
"""

import csv
import io
import logging
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from differland.datasets import ozflux
from differland.datasets.archives import (
    BROKEN,
    Source,
    check_spreadsheet,
    first_names,
    list_files,
    log_unread,
)
from differland.errors import InputError
from differland.shipped import RESOURCES

logger = logging.getLogger(__name__)

SITE_CODE = r"[A-Z]{2}-[A-Za-z0-9]{3}"

SITE_TABLES = (
    re.compile(
        rf"^(?!.*(?:_SITEINFO_|[-_]BIF|_{SITE_CODE}_)).*(?:site|station|meta|snapshot).*"
        r"\.(?:csv|tsv|xlsx?)$",
        re.IGNORECASE,
    ),
    re.compile(r"_SITEINFO(?:_INTERIM)?_L2.*\.csv$", re.IGNORECASE),
    re.compile(r"[-_]BIF_.*\.(?:csv|xlsx)$", re.IGNORECASE),
    ozflux.SUMMARY_NAME,
)
"""Names of tables of sites: those that users make, and those of the networks."""

FACT_COLUMNS = frozenset({"SITE_ID", "GROUP_ID", "VARIABLE", "DATAVALUE"})
"""Of tables with a row for each fact."""

SITE_COLUMNS = {
    "site": ("id", "code", "fluxnet_id", "site", "station", "name"),
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "long", "lng", "longitude"),
    "igbp": (
        "igbp",
        "igbp_class",
        "igbp_code",
        "igbp_land_use",
        "land_cover_igbp",
        "vegetation_igbp",
        "vegetation_abbreviation",
        "vegetation_abbreviation_igbp",
    ),
    "name": ("name", "fullname", "full_name"),
}
"""Names, as `_plain` has them, of the columns of tables with a row for each site."""

BEFORE_COLUMNS = re.compile(r"^(?:site|station|location|tower)_?(?=.)")
AFTER_COLUMNS = re.compile(r"_(?:degrees?|deg|dd|decimal|decimal_degrees)(?:_(?:north|east))?$")
"""What names of columns have before and after those of `SITE_COLUMNS`."""

TOGETHER = 0.1
"""Degrees by which the places of a site may differ before it is told."""

ANGLE = re.compile(
    r"^(?P<before>[NSEW])?\s*(?P<degrees>[+-]?\d+(?:\.\d+)?)\s*°?"
    r"(?:\s*(?P<minutes>\d+(?:\.\d+)?)\s*['\u2032\u2019])?"
    r"(?:\s*(?P<seconds>\d+(?:\.\d+)?)\s*(?:\"|\u2033|\u201d|''))?"
    r"\s*(?P<after>[NSEW])?$",
    re.IGNORECASE,
)
"""Degrees as people write them: ``51.08°N``, ``10° 27' 8" E``, ``S 33.5``."""

IGBP_CODES = {
    "WAT": 0,
    "ENF": 1,
    "EBF": 2,
    "DNF": 3,
    "DBF": 4,
    "MF": 5,
    "CSH": 6,
    "OSH": 7,
    "WSA": 8,
    "SAV": 9,
    "GRA": 10,
    "WET": 11,
    "CRO": 12,
    "URB": 13,
    "CVM": 14,
    "SNO": 15,
    "BSV": 16,
}
"""Codes in ``resources/pft_classes.csv`` of the abbreviations that networks use."""


def find_site_tables(folder: Path) -> list[Source]:
    """Find the tables of sites by their names; those that users make come first.

    Raises
    ------
    InputError
        There is none, the folder is absent, or an archive cannot be opened.
    """
    files = list(list_files(folder))
    tables = [file for pattern in SITE_TABLES for file in files if pattern.search(file.name)]
    if not tables:
        expected = "tables of sites (*site*.csv, *station*.csv, *_SITEINFO_*.csv, *BIF_*)"
        raise InputError(folder, "folder", expected, "none")
    return tables


def is_site_table(source: Source) -> bool:
    """Whether a file has the name of a table of sites."""
    return any(pattern.search(source.name) for pattern in SITE_TABLES)


def read_sites(files: Iterable[Source]) -> pd.DataFrame:
    """Read the locations and the vegetation of flux tower sites.

    Parameters
    ----------
    files
        Tables of two kinds, told by their columns. One row per site: ``site_id``, ``lat``,
        ``lon``, ``IGBP`` and perhaps ``site_name``, or other names of these (`SITE_COLUMNS`). Or
        those of the networks (``*_SITEINFO_L2.csv``, ``*_BIF_*``): ``SITE_ID``, ``GROUP_ID``,
        ``VARIABLE`` and ``DATAVALUE``. Both may be spreadsheets, for which `openpyxl` must be
        installed, or text in UTF-8, UTF-16 or Latin-1, with commas, semicolons or tabs; degrees
        may have decimal commas or be written as 51°04'45"N. Tables with other columns are passed
        over, and named in the log. Also summaries of OzFlux, which tell where their site is but
        not what grows there. Where rows or files share a site, the first that tells a thing
        counts; the log names sites whose places differ, and those that have none.

    Returns
    -------
    ``latitude``, ``longitude`` (degrees), ``igbp`` (abbreviation) and ``name`` by site; the latter
    two are empty where unknown.

    Raises
    ------
    InputError
        A file cannot be read or has a location that is none, or no file has the columns, a place
        or a class.
    """
    tables: list[tuple[Source, pd.DataFrame]] = []
    passed: list[_OtherColumnsError] = []
    for file in files:
        try:
            tables.append((file, _read_sites_of(file)))
        except _OtherColumnsError as error:
            passed.append(error)
    if not tables:
        if passed:
            raise passed[0]
        raise InputError("sites", "files", "a table of sites", "none")
    log_unread("tables of sites", [error.file for error in passed])
    table = pd.concat([rows for _, rows in tables])
    places = table[["latitude", "longitude"]].dropna()
    if places.empty:
        _refuse_placeless(*tables[0])
    classes = table["igbp"].astype(object)
    if classes.isna().any() and not classes.fillna("").astype(bool).any():
        file = next(file for file, rows in tables if rows["igbp"].isna().any())
        raise _OtherColumnsError(file, "IGBP", "a column of this name, in some table", "none")
    _tell_sites("have no place in the tables", table.index.difference(places.index))
    _tell_sites("have several places, of which the first counts", _moved(places))
    texts = table[["igbp", "name"]].astype(object)
    told = texts.where(texts != "").groupby(level="site").first().fillna("").astype(str)
    places = places[~places.index.duplicated()].sort_index()
    return places.join(told)


class _OtherColumnsError(InputError):
    """A table without the columns of a table of sites."""


def _refuse_placeless(file: Source, rows: pd.DataFrame) -> None:
    name = "latitude" if rows["latitude"].isna().all() else "longitude"
    raise InputError(file, name, f"degrees at {rows.index[0]}", "none")


def _tell_sites(what: str, names: Iterable[str]) -> None:
    listed = sorted(names)
    if listed:
        logger.warning("%d sites %s: %s", len(listed), what, first_names(listed))


def _moved(places: pd.DataFrame) -> pd.Index:
    """Sites whose places are farther apart than `TOGETHER`."""
    first = places.groupby(level="site").transform("first")
    apart = (places - first).abs()
    around = (apart["longitude"] + 180) % 360 - 180
    return places.index[(apart["latitude"] > TOGETHER) | (around.abs() > TOGETHER)].unique()


def _read_sites_of(source: Source) -> pd.DataFrame:
    """Sites of one file; igbp is missing where the file has no column of it."""
    if ozflux.SUMMARY_NAME.match(source.name):
        latitude, longitude = ozflux.read_site_location(source)
        place = {"latitude": latitude, "longitude": longitude, "igbp": ""}
        place["name"] = ozflux.read_site_title(source)
        return pd.DataFrame(place, pd.Index([ozflux.read_site_name(source)], name="site"))
    table = _read_table(source)
    if set(table) >= FACT_COLUMNS:
        sites = _sites_of_facts(table.dropna(subset="SITE_ID"))
    elif (columns := _columns_of_sites(table)) is not None:
        sites = table[list(columns.values())].set_axis(list(columns), axis=1)
        sites = sites.dropna(subset="site").set_index("site")
        sites.index = sites.index.astype(str).str.strip()
    else:
        expected = "columns site_id, lat, lon, IGBP or SITE_ID, GROUP_ID, VARIABLE, DATAVALUE"
        found = ", ".join(map(str, table.columns))
        raise _OtherColumnsError(source, "columns", expected, found)
    for name, limit, letters in (("latitude", 90, "NS"), ("longitude", 360, "EW")):
        stated = sites[name].map(lambda value: "" if pd.isna(value) else str(value).strip())
        degrees = stated.map(lambda text, letters=letters: _degrees(text, letters)).astype(float)
        wrong = (stated != "") & ~(degrees.abs() <= limit)
        if wrong.any():
            site = sites.index[wrong][0]
            raise InputError(source, name, f"degrees at {site}", stated[wrong].iloc[0])
        sites = sites.assign(**{name: degrees})
    for name in ("igbp", "name"):
        if name in sites:
            texts = sites[name].astype(object).fillna("").astype(str).str.strip()
            sites = sites.assign(**{name: texts.map(_abbreviation) if name == "igbp" else texts})
    names = ["latitude", "longitude", "igbp", "name"]
    return sites.reindex(columns=names).rename_axis("site")


def _degrees(text: str, letters: str) -> float:
    """Degrees of a text, NaN if it has none; `letters` are the positive and negative direction."""
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        return float(plain)
    except ValueError:
        match = ANGLE.match(plain)
    if match is None:
        return np.nan
    letter = (match["before"] or match["after"] or letters[0]).upper()
    if letter not in letters:
        return np.nan
    parts = (float(match[name] or 0) for name in ("minutes", "seconds"))
    size = abs(float(match["degrees"])) + sum(part / 60**n for n, part in enumerate(parts, 1))
    negative = letter == letters[1] or match["degrees"].startswith("-")
    return -size if negative else size


def _abbreviation(text: str) -> str:
    """Abbreviation of an IGBP class that is written as ``enf``, ``ENF - ...`` or in full."""
    word = re.match(r"[A-Za-z]*", text)
    short = word[0].upper() if word is not None else ""
    if short in IGBP_CODES:
        return short
    return _class_names().get(_singular(text), text)


@cache
def _class_names() -> dict[str, str]:
    """Abbreviations by the names of the classes."""
    abbreviations = {str(code): short for short, code in IGBP_CODES.items()}
    with (RESOURCES / "pft_classes.csv").open(encoding="utf-8", newline="") as file:
        return {
            _singular(row["igbp_class"]): abbreviations[row["igbp_code"]]
            for row in csv.DictReader(file)
        }


def _singular(text: str) -> str:
    return re.sub(r"s\b", "", " ".join(text.lower().split()))


def _plain(column: object) -> str:
    """Name of a column without capitals, units and words for a site."""
    text = re.sub(r"\(.*?\)", "", str(column)).lower()
    text = re.sub(r"[^a-z0-9]+", "_", text).strip("_")
    return AFTER_COLUMNS.sub("", BEFORE_COLUMNS.sub("", text))


def _columns_of_sites(table: pd.DataFrame) -> dict[str, str] | None:
    """Columns of a table by their meaning in `SITE_COLUMNS`; None if it is no table of sites."""
    there = {_plain(column): column for column in table.columns[::-1]}
    found = {
        fact: next((there[name] for name in names if name in there), None)
        for fact, names in SITE_COLUMNS.items()
    }
    if any(found[fact] is None for fact in ("site", "latitude", "longitude")):
        return None
    if found["name"] == found["site"]:
        found["name"] = None
    return {fact: str(column) for fact, column in found.items() if column is not None}


def _read_table(source: Source) -> pd.DataFrame:
    """Read a table from a spreadsheet or a text file."""
    try:
        content = source.read_bytes()
        if Path(source.name).suffix.lower() in (".xlsx", ".xls"):
            check_spreadsheet(content, source)
            return pd.read_excel(io.BytesIO(content))
        text = _decoded(content)
        if not text.strip():
            raise InputError(source, "file", "a table of sites", "an empty file")
        if text[-1].isdigit():
            logger.warning(
                "%s: the last line has no line break: its last number may be cut", source
            )
        lines = text.splitlines()
        separator = max(",;\t", key=lines[0].count)
        if "VARIABLE" in lines[0] and "DATAVALUE" in lines[0]:
            return _facts_of_lines(lines, separator)
        return _rows_of_text(source, text, separator)
    except ImportError as error:
        expected = "openpyxl to be installed, or the table as CSV"
        raise InputError(source, "file", expected, str(error)) from error
    except InputError:
        raise
    except (ValueError, csv.Error, *BROKEN) as error:
        raise InputError(source, "file", "a table of sites", str(error)) from error


def _decoded(content: bytes) -> str:
    """Text, of which names are read; all else is ASCII."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _rows_of_text(source: Source, text: str, separator: str) -> pd.DataFrame:
    """Table with one site per line; lines with more fields than the header are logged."""
    header, *lines = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    rows, surplus = [], []
    for fields in lines:
        if any(fields[len(header) :]):
            surplus.append(fields[0])
        else:
            rows.append([field.strip() or None for field in fields[: len(header)]])
    if surplus:
        words = "%s: %d lines have more fields than the header and are left out: %s"
        logger.warning(words, source, len(surplus), first_names(surplus))
    filled = (fields + [None] * (len(header) - len(fields)) for fields in rows)
    return pd.DataFrame(list(filled), columns=header)


def _facts_of_lines(lines: list[str], separator: str) -> pd.DataFrame:
    """Table of one fact a line, whose value comes last and may be free text with bare commas.

    A line that is no fact of its own, such as the rest of a text in several lines, is left out.
    """
    header = [name.strip().strip('"') for name in lines[0].split(separator)]
    value = header.index("DATAVALUE")
    rows = []
    for line in lines[1:]:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        surplus = len(fields) - len(header)
        if surplus >= 0:
            text = separator.join(fields[value : value + surplus + 1])
            rows.append([*fields[:value], text, *fields[value + surplus + 1 :]])
    return pd.DataFrame(rows, columns=header)


def _sites_of_facts(table: pd.DataFrame) -> pd.DataFrame:
    """Sites of a table of the networks: a row for each place of a site, in their order."""
    places = table[table["VARIABLE"].isin(["LOCATION_LAT", "LOCATION_LONG"])]
    # As text, 10 would come before 9.
    number = pd.to_numeric(places["GROUP_ID"], errors="coerce")
    places = places.loc[number.sort_values(kind="stable").index]
    places = places.drop_duplicates(["SITE_ID", "GROUP_ID", "VARIABLE"])
    place = [places["SITE_ID"], places["GROUP_ID"], places["VARIABLE"]]
    located = places["DATAVALUE"].groupby(place, sort=False).first().unstack("VARIABLE", sort=False)
    located = located.reindex(columns=["LOCATION_LAT", "LOCATION_LONG"]).dropna()
    located = located.reset_index("GROUP_ID", drop=True)
    # Sites without a place stay, so that they are told.
    placeless = pd.Index(table["SITE_ID"].unique()).difference(located.index)
    located = pd.concat([located, pd.DataFrame(index=placeless, columns=located.columns)])
    sites = located.set_axis(["latitude", "longitude"], axis=1).rename_axis("site")
    for fact, variable in (("igbp", "IGBP"), ("name", "SITE_NAME")):
        texts = table[table["VARIABLE"] == variable].groupby("SITE_ID")["DATAVALUE"].first()
        sites[fact] = texts.reindex(sites.index).to_numpy()
    return sites
