"""Eddy-covariance towers: monthly files of the networks (paper, Observational constraints).

Files of ONEFlux: FLUXNET2015 (and collections in its form, such as Warm Winter 2020), AmeriFlux
FLUXNET, the archives of the ICOS Ecosystem Thematic Centre, and FLUXNET as all networks distribute
it together since 2025. And those of OzFlux.
"""

import csv
import io
import logging
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pandas as pd
import xarray as xr

from differland.datasets import ozflux
from differland.datasets.archives import (
    BROKEN,
    NAMED,
    Source,
    check_spreadsheet,
    list_files,
    log_unread,
)
from differland.datasets.fields import check_range
from differland.datasets.land_cover import read_classes
from differland.driver import WEIGHT
from differland.errors import InputError
from differland.grid import STUDY_GRID, Grid
from differland.shipped import RESOURCES
from differland.tables import OBSERVATIONS

logger = logging.getLogger(__name__)

Distribution = Literal["FLUXNET2015", "AmeriFlux", "ICOS", "OzFlux", "FLUXNET"]
GapRule = Literal["monthly", "half-hourly"]
LatentHeat = Literal["LE_F_MDS", "LE_CORR"]
Weight = Literal["sites", "cover", "equal"]

SITE_CODE = r"[A-Z]{2}-[A-Za-z0-9]{3}"
SITE = rf"(?P<site>{SITE_CODE})"
ONEFLUX_NAME = re.compile(
    rf"^(?P<hub>[A-Za-z0-9]+)_{SITE}_FLUXNET(?P<release>2015)?_(?P<product>[A-Z0-9]+)_(?P<step>[A-Z]{{2}})_"
    r"(?P<first>\d{4})-(?P<last>\d{4})_(?P<version>.+?)(?: ?\(\d+\))?\.(?i:csv)$"
)
"""Of a file of one site, such as ``FLX_DE-Hai_FLUXNET2015_FULLSET_MM_2000-2012_1-4.csv`` or
``EUF_ES-LJu_FLUXNET_FLUXMET_MM_2004-2023_v1.3_r1.csv``; perhaps with the number of a download."""

ICOS_NAME = re.compile(rf"^ICOSETC_{SITE}_FLUXNET_(?P<step>[A-Z]{{2}})_L2\.(?i:csv)$")

FLUXES_OF_SITES = {"FULLSET", "SUBSET", "FLUXMET"}
"""Products whose files hold fluxes; others of the same names hold weather, or describe."""

TOGETHER = "FLUXMET"
"""Product of the distribution by all networks together."""

HUBS = {"AMF": "AmeriFlux", "FLX": "FLUXNET"}
"""Networks whose files begin otherwise than with their names."""

DISTRIBUTIONS: tuple[Distribution, ...] = ("FLUXNET2015", "AmeriFlux", "ICOS", "OzFlux", "FLUXNET")
"""In the order of the age of their files."""

BESIDE = re.compile(
    rf"_{SITE_CODE}_FLUXNET(?:2015)?_(?:(?:ERAI|ERA5|AUXMETEO|AUXNEE|BIF|BIFVARINFO)_.+"
    r"|(?:FULLSET|SUBSET|FLUXMET)_(?:DD|WW|YY)_.+|(?:DD|WW|YY)_L2)\.(?i:csv)$"
    rf"|^ICOSETC_{SITE_CODE}_(?!FLUXNET_).+$|^README|^DATA.POLICY|\.(?i:pdf|md)$"
)
"""What the archives of the networks hold beside the files that are read: other steps, weather,
instruments, descriptions."""

SITE_TABLES = (
    re.compile(
        r"^(?!.*(_SITEINFO_|[-_]BIF|_FLUXNET)).*(sites|meta|snapshot).*\.(csv|xlsx)$", re.IGNORECASE
    ),
    re.compile(r"_SITEINFO_L2\.csv$", re.IGNORECASE),
    re.compile(r"[-_]BIF_.*\.(csv|xlsx)$", re.IGNORECASE),
    ozflux.SUMMARY_NAME,
)
"""Names of tables of sites: those that users make, and those of the networks."""

SITE_COLUMNS = {
    "site": ("site_id", "site"),
    "latitude": ("lat", "latitude", "location_lat"),
    "longitude": ("lon", "long", "longitude", "location_long"),
    "igbp": ("igbp",),
    "name": ("site_name", "name"),
}
"""Names, in lower case, of the columns of tables with a row for each site; `name` may be absent."""

PLACES = (*SITE_COLUMNS["latitude"], *SITE_COLUMNS["longitude"])
LOCATION = ["LOCATION_LAT", "LOCATION_LONG"]
"""Facts of the networks that tell where a site is."""

RECORDS_PER_DAY = {"HH": 48, "HR": 24}

MISSING = -9999

GPP, RECO = "GPP_NT_VUT_REF", "RECO_NT_VUT_REF"
NEE_QUALITY, LATENT_HEAT_QUALITY = "NEE_VUT_REF_QC", "LE_F_MDS_QC"

MEASURED = 0
"""Flag of half-hours that were measured; 1 to 3 are filled gaps."""

LATENT_HEAT_OF_VAPORISATION = 2.45
"""MJ kg-1."""
MEGAJOULES_PER_DAY = 0.0864
"""Of one watt, MJ day-1."""

FLUXES = ("gpp_site", "reco_site", "et_site")

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


@dataclass(frozen=True)
class TowerFile:
    """A file of one site, as its name tells.

    Attributes
    ----------
    source
        The file.
    distribution, network, site
        Where it is from.
    step
        ``MM``, ``HH`` or ``HR``.
    years
        First and last; None where the name does not tell them.
    version
        Its numbers.
    """

    source: Source
    distribution: Distribution
    network: str
    site: str
    step: str
    years: tuple[int, int] | None
    version: tuple[int, ...]


def find_tower_files(folder: Path) -> list[TowerFile]:
    """Find the files of flux towers by their names, and tell in the log which others there are.

    Raises
    ------
    InputError
        The folder is absent, or has no monthly file, or an archive cannot be opened.
    """
    sources = list(list_files(folder))
    files = {source: _oneflux_file(source) or _ozflux_file(source) for source in sources}
    found = [file for file in files.values() if file is not None]
    if not any(file.step == "MM" for file in found):
        expected = (
            "monthly files (<network>_<site>_FLUXNET*_MM_*.csv, ICOSETC_*_MM_L2.csv, "
            "*_L6_Summary.nc)"
        )
        there = f" among {len(sources)} files, such as {sources[0].name}" if sources else ""
        raise InputError(folder, "folder", expected, f"none{there}")
    others = [
        source for source, file in files.items() if file is None and not _is_site_table(source)
    ]
    beside = [source for source in others if BESIDE.search(source.name)]
    logger.info("%s: %d files beside those of fluxes are not needed", folder, len(beside))
    log_unread(str(folder), [str(source) for source in others if source not in beside])
    return found


def read_towers(
    folder: Path,
    months: pd.PeriodIndex,
    maximum_gap_filled: float = 0.3,
    gap_rule: GapRule = "monthly",
    latent_heat: LatentHeat = "LE_F_MDS",
) -> pd.DataFrame:
    """Read the monthly fluxes of all sites.

    Gross primary production and respiration are those partitioned by night-time data with a
    variable threshold of friction velocity, or with a neural network for OzFlux, which has no
    other. Months are left out where too much of the net exchange (for both) or of the latent heat
    flux (for evapotranspiration) is gap-filled.

    Where several files have a month of a site, the newest counts: the one whose record ends last,
    then that of the younger distribution, then the higher version.

    Parameters
    ----------
    folder
        Holds the files of all networks, in subfolders and archives or not.
    months
        The simulation period; others are left out.
    maximum_gap_filled
        Share of a month that may be gap-filled (paper: 0.3).
    gap_rule
        How that share is counted. ``monthly`` takes the quality of the monthly files, which
        counts good fills as if they were measured, and so keeps more than the paper's words would
        allow. ``half-hourly`` counts the measured half-hours (or hours) of the month, where their
        file is there, and takes the monthly quality where it is not. Summaries of OzFlux have
        none: measured half-hours are counted in any case.
    latent_heat
        As measured (``LE_F_MDS``), or with the energy balance closed (``LE_CORR``). The paper does
        not say. Gaps are those of the former in both. OzFlux has only the former, so that with
        the latter its sites have no evapotranspiration.

    Returns
    -------
    One row for each site and month that has a value, ordered by both: ``site``, ``month``
    (period), ``gpp_site``, ``reco_site`` (gC m-2 day-1), ``et_site`` (mm day-1; NaN where left
    out), ``network``, and the ``gap_rule`` that was applied.

    Raises
    ------
    InputError
        There is no monthly file, or a file breaks off, lacks a column, does not start and end in
        the years of its name, has a month twice, or values out of range; or a summary of OzFlux
        has no half-hourly file (``<site>_L6.nc``) of its name, or comes twice.
    """
    if not 0 <= maximum_gap_filled <= 1:
        raise InputError("towers", "maximum_gap_filled", "a share", f"{maximum_gap_filled:g}")
    files = find_tower_files(folder)
    _check_single(files)
    records = {
        (file.distribution, file.network, file.site, file.years, file.version): file
        for file in files
        if file.step in RECORDS_PER_DAY
    }
    tables = []
    for file in files:
        if file.step != "MM":
            continue
        fluxes, quality = _read_monthly(file, latent_heat)
        rule: GapRule = "monthly"
        if gap_rule == "half-hourly" or file.distribution == "OzFlux":
            key = (file.distribution, file.network, file.site, file.years, file.version)
            if key in records:
                quality = _measured_shares(records[key]).reindex(fluxes.index)
                rule = "half-hourly"
            elif file.distribution == "OzFlux":
                expected = "a file of half-hours of the same name, whose flags tell what is filled"
                raise InputError(file.source, "file", expected, "none")
        there = fluxes.notna().any(axis=1)
        last = fluxes.index[there].max() if there.any() else pd.Period("1900-01", "M")
        # Rounded quality such as 0.7 must not fail by the binary fraction of 1 - 0.3.
        enough = quality >= 1 - maximum_gap_filled - 1e-9
        fluxes[["gpp_site", "reco_site"]] = fluxes[["gpp_site", "reco_site"]].where(
            enough[NEE_QUALITY]
        )
        fluxes["et_site"] = fluxes["et_site"].where(enough[LATENT_HEAT_QUALITY])
        fluxes = fluxes[there].assign(network=file.network, gap_rule=rule, site=file.site)
        age = (last, DISTRIBUTIONS.index(file.distribution), file.version)
        tables.append((age, fluxes))
    tables.sort(key=lambda pair: pair[0])
    table = pd.concat([fluxes for _, fluxes in tables]).reset_index(names="month")
    table = table.drop_duplicates(["site", "month"], keep="last")
    table = table[table["month"].isin(months) & table[list(FLUXES)].notna().any(axis=1)]
    if gap_rule == "half-hourly":
        _tell_uncounted(table)
    columns = ["site", "month", *FLUXES, "network", "gap_rule"]
    return table[columns].sort_values(["site", "month"], ignore_index=True)


def select_sites(
    towers: pd.DataFrame,
    minimum_months: int = 13,
    simultaneous: bool = False,
    excluded: Collection[str] = (),
) -> pd.DataFrame:
    """Keep the sites with enough months of all three fluxes.

    Parameters
    ----------
    towers
        From :func:`read_towers`.
    minimum_months
        That each flux needs; the paper has "more than 12 months".
    simultaneous
        Whether these must be months that have all three; the paper does not say.
    excluded
        Sites left out by name, such as those in managed landscapes unlike their surroundings.

    Raises
    ------
    InputError
        A site to be left out is not there: a misspelt name.
    """
    unknown = sorted(set(excluded) - set(towers["site"]))
    if unknown:
        raise InputError("towers", "excluded", "names of sites in the data", ", ".join(unknown))
    there = towers[list(FLUXES)].notna()
    if simultaneous:
        there = there.where(there.all(axis=1), False)
    enough = there.groupby(towers["site"]).sum().ge(minimum_months).all(axis=1)
    kept = enough.index[enough].difference(list(excluded))
    return towers[towers["site"].isin(kept)].reset_index(drop=True)


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
        expected = "tables of sites (*sites*.csv, *_SITEINFO_*.csv, *BIF_*, *_L6_Summary.nc)"
        raise InputError(folder, "folder", expected, "none")
    return tables


def _is_site_table(source: Source) -> bool:
    return any(pattern.search(source.name) for pattern in SITE_TABLES)


def read_sites(files: Iterable[Source]) -> pd.DataFrame:
    """Read where sites are, and what grows there.

    Parameters
    ----------
    files
        Tables of two kinds, told by their columns. One row per site: ``site_id``, ``lat``,
        ``lon``, ``IGBP`` and perhaps ``site_name``, or as `SITE_COLUMNS` has them. Or those of the
        networks (``*_SITEINFO_L2.csv``, ``*_BIF_*``): ``SITE_ID``, ``GROUP_ID``, ``VARIABLE`` and
        ``DATAVALUE``, of which the first location of a site counts. Both may be spreadsheets, for
        which `openpyxl` must be installed, in Latin-1 or with semicolons. Tables with other columns
        are passed over, and named in the log. Also summaries of OzFlux, which tell where their site
        is but not what grows there. Where files share a site, the first that tells a thing counts.

    Returns
    -------
    ``latitude``, ``longitude`` (degrees), ``igbp`` (abbreviation) and ``name`` by site; the latter
    two are empty where unknown.

    Raises
    ------
    InputError
        A file cannot be read or has a location that is none, or no file has the columns.
    """
    tables, passed = [], []
    for file in files:
        try:
            tables.append(_read_sites_of(file))
        except _OtherColumnsError as error:
            passed.append(error)
    if not tables:
        if passed:
            raise passed[0]
        raise InputError("sites", "files", "a table of sites", "none")
    log_unread("tables of sites", [error.file for error in passed])
    table = pd.concat(tables)
    texts = table[["igbp", "name"]]
    told = texts.where(texts != "").groupby(level="site").first().fillna("").astype(str)
    table = table[~table.index.duplicated()].sort_index()
    return table.assign(igbp=told["igbp"], name=told["name"])


def plant_cover(
    sites: pd.DataFrame, cover: Mapping[str, np.ndarray], grid: Grid = STUDY_GRID
) -> pd.Series:
    """Share of the cell of each site that is covered by the plant type of the site.

    Parameters
    ----------
    sites
        From :func:`read_sites`.
    cover
        Fraction of the cells by plant type (0 to 1), shape of the grid.
    grid
        North-up and from west to east.

    Returns
    -------
    0 to 1 by site; NaN outside the grid, and where the IGBP class of the site is unknown.
    """
    rows, columns = cells_of_sites(sites, grid)
    shares = [
        cover[name][row, column] if row >= 0 and name in cover else np.nan
        for name, row, column in zip(plant_types(sites["igbp"]), rows, columns, strict=True)
    ]
    return pd.Series(shares, sites.index, dtype=np.float64, name="plant_cover")


def plant_types(igbp: pd.Series) -> pd.Series:
    """Plant type of the study that each abbreviation of an IGBP class belongs to; else empty."""
    types = {
        code: name
        for name, codes in read_classes(RESOURCES / "pft_classes.csv").items()
        for code in codes
    }
    return igbp.map(lambda abbreviation: types.get(IGBP_CODES.get(abbreviation, -1), ""))


def representative_sites(
    sites: pd.DataFrame,
    cover: Mapping[str, np.ndarray],
    threshold: float = 0.25,
    grid: Grid = STUDY_GRID,
) -> pd.DataFrame:
    """Keep the sites whose plant type covers enough of their cell.

    Sites of unknown type are left out, and named in the log.

    Parameters
    ----------
    sites, cover, grid
        As for :func:`plant_cover`.
    threshold
        Least share. The published driver has 0.25, and 0.1 and 0.5 for the sensitivity test (paper,
        Text S5).

    Returns
    -------
    Rows of `sites`, with the share as column ``plant_cover``.

    Raises
    ------
    InputError
        The threshold is no share, such as one in percent.
    """
    if not 0 <= threshold <= 1:
        raise InputError("towers", "threshold", "a share from 0 to 1", f"{threshold:g}")
    shares = plant_cover(sites, cover, grid)
    unknown = sites.index[~sites["igbp"].isin(IGBP_CODES)]
    if unknown.size:
        names = ", ".join(unknown)
        logger.warning("%d sites of unknown plant type are left out: %s", unknown.size, names)
    return sites.assign(plant_cover=shares)[shares >= threshold]


def leave_out_unplaced(towers: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Leave out towers that no table of sites gives a place, and name them in the log.

    Parameters
    ----------
    towers
        From :func:`read_towers` or :func:`select_sites`.
    sites
        From :func:`read_sites`.
    """
    placed = towers["site"].isin(sites.index)
    names = sorted(set(towers.loc[~placed, "site"]))
    if names:
        logger.warning(
            "%d of %d towers are left out, since no table of sites tells their place: %s",
            len(names),
            towers["site"].nunique(),
            ", ".join(names),
        )
    return towers[placed].reset_index(drop=True)


def put_on_cells(
    towers: pd.DataFrame,
    sites: pd.DataFrame,
    months: pd.PeriodIndex,
    grid: Grid = STUDY_GRID,
    weight: Weight = "equal",
) -> xr.Dataset:
    """Average the sites within each cell, month by month.

    Parameters
    ----------
    towers
        From :func:`read_towers` or :func:`select_sites`. Sites that are not on the grid are left
        out, and those that are not among `sites`; the log names the latter.
    sites
        From :func:`read_sites`.
    months
        Of the result.
    grid
        North-up and from west to east.
    weight
        What a mean weighs in the loss, where it multiplies the squared error. ``sites``: the number
        of sites in it, so that the loss is that of the single sites but for a constant. ``cover``:
        the mean share of the cell that the plant types of these sites cover (``plant_cover`` of
        `representative_sites`). ``equal``: one, and no weights are returned.

    Returns
    -------
    ``gpp_site``, ``reco_site`` (gC m-2 day-1) and ``et_site`` (mm day-1), dimensions (cell, time),
    NaN where there is none, and the weight of each as ``<name>_weight``, NaN in the same places.
    Only cells with sites are there: ``row`` and ``column`` tell where on the grid, ``lat`` and
    ``lon`` their centres, ``site`` the names of their sites.
    """
    towers = leave_out_unplaced(towers, sites)
    rows, columns = cells_of_sites(sites, grid)
    located = sites.assign(row=rows, column=columns)
    table = towers.merge(located[rows >= 0], left_on="site", right_index=True)
    table = table[table["month"].isin(months)]
    cells = table.groupby(["row", "column"])["site"].agg(lambda names: " ".join(sorted(set(names))))
    place = ["row", "column", "month"]
    means = {name: table.groupby(place)[name].mean() for name in FLUXES}
    if weight != "equal":
        each = table["plant_cover"] if weight == "cover" else pd.Series(1.0, table.index)
        for name in FLUXES:
            of_means = table[place].assign(weight=each.where(table[name].notna())).groupby(place)
            weights = of_means["weight"].agg("mean" if weight == "cover" else "sum")
            means[f"{name}_weight"] = weights.where(means[name].notna())
    row = cells.index.get_level_values("row").to_numpy(np.int64)
    column = cells.index.get_level_values("column").to_numpy(np.int64)
    rows_of_table = {name: OBSERVATIONS.get(name, WEIGHT) for name in means}
    variables = {
        name: xr.Variable(
            ("cell", "time"),
            values.unstack("month").reindex(index=cells.index, columns=months).to_numpy(np.float64),
            {"units": rows_of_table[name].units, "long_name": rows_of_table[name].long_name},
        )
        for name, values in means.items()
    }
    return xr.Dataset(
        variables,
        {
            "time": months.to_timestamp(),
            "row": ("cell", row),
            "column": ("cell", column),
            "lat": ("cell", grid.latitude[row]),
            "lon": ("cell", grid.longitude[column]),
            "site": ("cell", cells.to_numpy(np.str_)),
        },
    )


def _oneflux_file(source: Source) -> TowerFile | None:
    """A monthly, half-hourly or hourly file of fluxes of ONEFlux; None if it is none."""
    icos = ICOS_NAME.match(source.name)
    match = icos or ONEFLUX_NAME.match(source.name)
    if match is None or match["step"] not in ("MM", *RECORDS_PER_DAY):
        return None
    if icos is not None:
        return TowerFile(source, "ICOS", "ICOS", match["site"], match["step"], None, ())
    product, hub = match["product"], match["hub"]
    if product not in FLUXES_OF_SITES:
        return None
    distribution: Distribution = "AmeriFlux"
    network = HUBS.get(hub, hub)
    if match["release"]:
        distribution = network = "FLUXNET2015"
    elif product == TOGETHER:
        distribution = "FLUXNET"
    years = int(match["first"]), int(match["last"])
    version = tuple(map(int, re.findall(r"\d+", match["version"])))
    return TowerFile(source, distribution, network, match["site"], match["step"], years, version)


def _ozflux_file(source: Source) -> TowerFile | None:
    summary = ozflux.SUMMARY_NAME.match(source.name) is not None
    if not summary and ozflux.RECORDS_NAME.match(source.name) is None:
        return None
    # Not the number of the level, L6.
    version = tuple(map(int, re.findall(r"(?<![Ll\d])\d+", source.name)))
    site = ozflux.read_site_name(source)
    return TowerFile(source, "OzFlux", "OzFlux", site, "MM" if summary else "HH", None, version)


def _read_table(file: TowerFile, time: str, columns: list[str]) -> pd.DataFrame:
    """Numbers of a file, NaN where missing, by the text of their time."""
    source = file.source
    try:
        with (
            source.open("rb") as binary,
            io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream,
        ):
            header = stream.readline().strip().split(",")
            header = [name.strip().strip('"') for name in header]
            for name in (time, *columns):
                if name not in header:
                    found = "an empty file" if header == [""] else f"{len(header)} other columns"
                    raise InputError(source, name, "a column of this name", found)
            # The last column shows whether the last row is complete.
            used = list(dict.fromkeys([time, *columns, header[-1]]))
            rows: IO[str] = stream
            if header[-1] in columns:
                # Of numbers that nobody uses it does not matter how many digits are there.
                text = stream.read()
                _check_last_line(text, source)
                rows = io.StringIO(text)
            table = pd.read_csv(
                rows,
                names=header,
                usecols=used,
                dtype={time: str},
                skipinitialspace=True,
            )
    except InputError:
        raise
    except (ValueError, *BROKEN) as error:
        raise InputError(source, "file", "comma-separated numbers", str(error)) from error
    if table.empty or table.iloc[-1].isna().any():
        raise InputError(source, "file", "complete rows", f"one cut off, after {len(table)} rows")
    for name in columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(source, name, "numbers", f"values such as {table[name].iloc[0]!r}")
    table = table.set_index(time)[columns].astype(np.float64)
    if file.years is not None:
        years = (int(table.index[0][:4]), int(table.index[-1][:4]))
        if years != file.years:
            expected = "{}-{}, as the file is named".format(*file.years)
            raise InputError(source, time, expected, "{}-{}".format(*years))
    return table.mask(np.isclose(table, MISSING))


def _check_last_line(text: str, source: Source) -> None:
    """Refuse a table that breaks off within its last number, or may do so."""
    if text and not text.endswith("\n"):
        last = text.splitlines()[-1]
        found = f"a last line without one, which may break off: {last[-40:]!r}"
        raise InputError(source, "file", "a line break at the end of the last number", found)


def _read_monthly(file: TowerFile, latent_heat: LatentHeat) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fluxes in our units and shares of good quality, by month."""
    evaporation = MEGAJOULES_PER_DAY / LATENT_HEAT_OF_VAPORISATION
    if file.distribution == "OzFlux":
        fluxes = ozflux.read_summary(file.source, evaporation)
        if latent_heat != "LE_F_MDS":
            fluxes["et_site"] = np.nan
        _check_fluxes(file, fluxes)
        return fluxes, pd.DataFrame(
            np.nan, fluxes.index, [NEE_QUALITY, LATENT_HEAT_QUALITY], dtype=np.float64
        )
    columns = [GPP, RECO, latent_heat, NEE_QUALITY, LATENT_HEAT_QUALITY]
    table = _read_table(file, "TIMESTAMP", columns)
    try:
        table.index = pd.PeriodIndex(pd.to_datetime(table.index, format="%Y%m"), freq="M")
    except ValueError as error:
        raise InputError(file.source, "TIMESTAMP", "YYYYMM", str(error)) from error
    if table.index.has_duplicates:
        found = f"{table.index[table.index.duplicated()][0]} twice"
        raise InputError(file.source, "TIMESTAMP", "every month once", found)
    for name in (NEE_QUALITY, LATENT_HEAT_QUALITY):
        check_range(Path(str(file.source)), name, table[name].to_numpy(), 0, 1, "(a share)")
    fluxes = pd.DataFrame(
        {
            "gpp_site": table[GPP],
            "reco_site": table[RECO],
            "et_site": table[latent_heat] * evaporation,
        }
    )
    _check_fluxes(file, fluxes, columns)
    return fluxes, table[[NEE_QUALITY, LATENT_HEAT_QUALITY]]


def _tell_uncounted(table: pd.DataFrame) -> None:
    """Name the sites with months of which nothing but the quality of monthly files is known."""
    sites = sorted(table.loc[table["gap_rule"] == "monthly", "site"].unique())
    if sites:
        words = (
            "gap_rule half-hourly: no files of half-hours or hours beside monthly ones of %d sites,"
        )
        words += " whose own share of gaps holds: %s"
        shown = ", ".join(sites[:NAMED]) + (", ..." if len(sites) > NAMED else "")
        logger.warning(words, len(sites), shown)


def _check_fluxes(file: TowerFile, fluxes: pd.DataFrame, names: Iterable[str] = FLUXES) -> None:
    """Check the ranges of fluxes, which have these names in the file."""
    for name, native in zip(FLUXES, names, strict=False):
        row = OBSERVATIONS[name]
        low = -np.inf if row.minimum is None else row.minimum
        high = np.inf if row.maximum is None else row.maximum
        check_range(Path(str(file.source)), native, fluxes[name].to_numpy(), low, high, row.units)


def _check_single(files: Iterable[TowerFile]) -> None:
    """Refuse two files of OzFlux with one name, of which nobody can tell the newer."""
    seen: dict[tuple[str, str, tuple[int, ...]], TowerFile] = {}
    for file in files:
        if file.distribution == "OzFlux":
            other = seen.setdefault((file.site, file.step, file.version), file)
            if other is not file:
                expected = f"one file of {file.site}, or numbers in the names that tell the newer"
                raise InputError(file.source, "file", expected, f"also {other.source}")


def _measured_shares(file: TowerFile) -> pd.DataFrame:
    """Shares of the records of each month that were measured."""
    if file.distribution == "OzFlux":
        shares = ozflux.measured_shares(file.source)
        return shares.rename(columns={"carbon": NEE_QUALITY, "water": LATENT_HEAT_QUALITY})
    flags = _read_table(file, "TIMESTAMP_START", [NEE_QUALITY, LATENT_HEAT_QUALITY])
    for name in (NEE_QUALITY, LATENT_HEAT_QUALITY):
        unknown = flags[name].dropna()
        unknown = unknown[~unknown.isin([0, 1, 2, 3])]
        if unknown.size:
            raise InputError(file.source, name, "flags from 0 to 3", f"{unknown.iloc[0]:g}")
    if flags.index.has_duplicates:
        found = f"{flags.index[flags.index.duplicated()][0]} twice"
        raise InputError(file.source, "TIMESTAMP_START", "every time once", found)
    measured = (flags == MEASURED).groupby(flags.index.str[:6]).sum()
    measured.index = pd.PeriodIndex(pd.to_datetime(measured.index, format="%Y%m"), freq="M")
    records = measured.index.days_in_month * RECORDS_PER_DAY[file.step]
    return measured.div(np.asarray(records), axis=0)


class _OtherColumnsError(InputError):
    """A table is none of sites."""


def _read_sites_of(source: Source) -> pd.DataFrame:
    """Sites of one file."""
    if ozflux.SUMMARY_NAME.match(source.name):
        latitude, longitude = ozflux.read_site_location(source)
        place = {"latitude": latitude, "longitude": longitude, "igbp": ""}
        place["name"] = ozflux.read_site_title(source)
        return pd.DataFrame(place, pd.Index([ozflux.read_site_name(source)], name="site"))
    table = _read_table_of_sites(source)
    if {"SITE_ID", "GROUP_ID", "VARIABLE", "DATAVALUE"} <= set(table):
        sites = _sites_of_badm(table)
    elif (columns := _columns_of_sites(table)) is not None:
        sites = table[list(columns.values())].set_axis(list(columns), axis=1).set_index("site")
        sites = sites.reindex(columns=[name for name in SITE_COLUMNS if name != "site"])
    else:
        expected = "columns site_id, lat, lon, IGBP or SITE_ID, GROUP_ID, VARIABLE, DATAVALUE"
        found = ", ".join(map(str, table.columns))
        raise _OtherColumnsError(source, "columns", expected, found)
    sites = sites[["latitude", "longitude", "igbp", "name"]]
    for name, limit in (("latitude", 90), ("longitude", 360)):
        degrees = pd.to_numeric(sites[name], errors="coerce")
        wrong = ~(degrees.abs() <= limit)
        if wrong.any():
            site = sites.index[wrong][0]
            raise InputError(source, name, f"degrees at {site}", f"{sites.loc[site, name]}")
        sites = sites.assign(**{name: degrees})
    texts = sites[["igbp", "name"]].astype(object).fillna("").astype(str)
    texts = texts.apply(lambda column: column.str.strip())
    return sites.assign(igbp=texts["igbp"], name=texts["name"]).rename_axis("site")


def _columns_of_sites(table: pd.DataFrame) -> dict[str, str] | None:
    """Columns of a table by what they are in `SITE_COLUMNS`; None if one is absent."""
    there = {str(column).strip().lower(): column for column in table.columns[::-1]}
    found = {
        fact: next((there[name] for name in names if name in there), None)
        for fact, names in SITE_COLUMNS.items()
    }
    if any(column is None for fact, column in found.items() if fact != "name"):
        return None
    return {fact: str(column) for fact, column in found.items() if column is not None}


def _read_table_of_sites(source: Source) -> pd.DataFrame:
    """Read a spreadsheet, or a table as text."""
    try:
        content = source.read_bytes()
        if Path(source.name).suffix.lower() in (".xlsx", ".xls"):
            check_spreadsheet(content, source)
            return pd.read_excel(io.BytesIO(content))
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")  # of which names are read, all else is ASCII
        header = text.partition("\n")[0]
        if "VARIABLE" in header and "DATAVALUE" in header:
            table = _facts_of_lines(text.splitlines())
            if not table.empty and table["VARIABLE"].iloc[-1] in LOCATION:
                _check_last_line(text, source)
            return table
        separator, decimal = (";", ",") if header.count(";") > header.count(",") else (",", ".")
        stream = io.StringIO(text)
        table = pd.read_csv(stream, sep=separator, decimal=decimal, skipinitialspace=True)
        if str(table.columns[-1]).strip().lower() in PLACES:
            _check_last_line(text, source)
        return table
    except ImportError as error:
        expected = "openpyxl to be installed, or the table as CSV"
        raise InputError(source, "file", expected, str(error)) from error
    except InputError:
        raise
    except (ValueError, *BROKEN) as error:
        raise InputError(source, "file", "a table of sites", str(error)) from error


def _facts_of_lines(lines: list[str]) -> pd.DataFrame:
    """Table of one fact a line, whose value comes last and may be free text with bare commas.

    A line that is no fact of its own, such as the rest of a text in several lines, is left out.
    """
    separator = ";" if lines[0].count(";") > lines[0].count(",") else ","
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


def _sites_of_badm(table: pd.DataFrame) -> pd.DataFrame:
    """Sites of a table of the networks, which has one row for each fact."""
    locations = (
        table[table["VARIABLE"].isin(LOCATION)]
        .drop_duplicates(["SITE_ID", "GROUP_ID", "VARIABLE"])
        .pivot(index=["SITE_ID", "GROUP_ID"], columns="VARIABLE", values="DATAVALUE")
        .reindex(columns=LOCATION)
    )
    first = locations.dropna().sort_index().groupby(level="SITE_ID").first()
    # Sites without a location stay, so that they are told.
    first = first.reindex(table["SITE_ID"].unique())
    texts = {
        fact: table[table["VARIABLE"] == variable]
        .groupby("SITE_ID")["DATAVALUE"]
        .first()
        .reindex(first.index)
        for fact, variable in (("igbp", "IGBP"), ("name", "SITE_NAME"))
    }
    return pd.DataFrame(
        {
            "latitude": first["LOCATION_LAT"],
            "longitude": first["LOCATION_LONG"],
            **texts,
        }
    )


def cells_of_sites(sites: pd.DataFrame, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns in which sites lie; rows are -1 outside the grid."""
    latitude, longitude = sites["latitude"].to_numpy(), sites["longitude"].to_numpy()
    north, south = grid.latitude_edges[0], grid.latitude_edges[-1]
    west, east = grid.longitude_edges[0], grid.longitude_edges[-1]
    if not (north > south and east > west):
        raise ValueError("expected a grid that is north-up and runs from west to east")
    rows = np.searchsorted(-grid.latitude_edges, -latitude, side="right") - 1
    rows = np.where(latitude == -90, grid.shape[0] - 1, rows)
    longitude = west + (longitude - west) % 360
    columns = np.searchsorted(grid.longitude_edges, longitude, side="right") - 1
    inside = (rows >= 0) & (latitude >= south) & (rows < grid.shape[0]) & (longitude < east)
    return np.where(inside, rows, -1), np.where(inside, columns, -1)
