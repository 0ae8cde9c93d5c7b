"""Eddy-covariance towers: monthly files of the networks (paper, Observational constraints).

Files of ONEFlux: FLUXNET2015 (and collections in its form, such as Warm Winter 2020), AmeriFlux
FLUXNET, the archives of the ICOS Ecosystem Thematic Centre, and FLUXNET as all networks distribute
it together since 2025. And those of OzFlux.
"""

import io
import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pandas as pd
import xarray as xr

from differland.datasets import ozflux
from differland.datasets.archives import (
    BROKEN,
    Source,
    first_names,
    list_files,
    log_unread,
)
from differland.datasets.fields import check_last_number, check_range
from differland.datasets.land_cover import read_classes
from differland.datasets.site_tables import IGBP_CODES, SITE_CODE, is_site_table
from differland.datasets.site_tables import find_site_tables as find_site_tables
from differland.datasets.site_tables import read_sites as read_sites
from differland.driver import WEIGHT
from differland.errors import InputError
from differland.regridding.grid import Grid
from differland.regridding.study_grid import STUDY_GRID
from differland.shipped import RESOURCES
from differland.tables import OBSERVATIONS

logger = logging.getLogger(__name__)

Distribution = Literal["FLUXNET2015", "AmeriFlux", "ICOS", "OzFlux", "FLUXNET"]
GapRule = Literal["monthly", "half-hourly"]
LatentHeat = Literal["LE_F_MDS", "LE_CORR"]
Weight = Literal["sites", "cover", "equal"]

SITE = rf"(?P<site>{SITE_CODE})"
ONEFLUX_NAME = re.compile(
    rf"^(?P<hub>[A-Za-z0-9]+)_{SITE}_FLUXNET(?P<release>2015)?_(?P<product>[A-Z0-9]+)_(?P<step>[A-Z]{{2}})_"
    r"(?P<first>\d{4})-(?P<last>\d{4})_(?P<version>.+?)(?: ?\(\d+\))?\.(?i:csv)$"
)
"""Of a file of one site, such as ``FLX_DE-Hai_FLUXNET2015_FULLSET_MM_2000-2012_1-4.csv`` or
``EUF_ES-LJu_FLUXNET_FLUXMET_MM_2004-2023_v1.3_r1.csv``; perhaps with the number of a download."""

ICOS_NAME = re.compile(
    rf"^ICOSETC_{SITE}_FLUXNET_(?P<step>[A-Z]{{2}})_"
    r"(?P<release>(?:INTERIM_)?L2|\d+)(?:[ (].*)?\.(?i:csv)$"
)
"""Of the archives of the Ecosystem Thematic Centre: final, of the running year (``INTERIM``), and
of older releases (``01``)."""

ICOS_RELEASES = {"L2": 2, "INTERIM_L2": 1}
"""The better, the higher."""

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
    r"|(?:FULLSET|SUBSET|FLUXMET)_(?:DD|WW|YY)_.+|(?:DD|WW|YY)_(?:(?:INTERIM_)?L2|\d+)"
    r"(?:[ (].*)?)\.(?i:csv)$"
    rf"|^ICOSETC_{SITE_CODE}_(?!FLUXNET_).+$|^README|^DATA.POLICY|\.(?i:pdf|md)$"
)
"""What the archives of the networks hold beside the files that are read: other steps, weather,
instruments, descriptions."""

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
FLUXES_BY_QUALITY = {NEE_QUALITY: ["gpp_site", "reco_site"], LATENT_HEAT_QUALITY: ["et_site"]}


@dataclass(frozen=True)
class TowerFile:
    """A file of one site, with the facts that its name states.

    Attributes
    ----------
    source
        Path of the file.
    distribution, network, site
        Distribution, network and site of the file.
    step
        ``MM``, ``HH`` or ``HR``.
    years
        First and last year; None where the name does not state them.
    version
        Numbers of the version.
    """

    source: Source
    distribution: Distribution
    network: str
    site: str
    step: str
    years: tuple[int, int] | None
    version: tuple[int, ...]


def find_tower_files(folder: Path) -> list[TowerFile]:
    """Find the files of flux towers by their names, and log the other files.

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
        source for source, file in files.items() if file is None and not is_site_table(source)
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
    then that of the younger distribution, then the higher version, then the later download. The
    log names such sites, and files that lack the columns of a flux, as sites do whose net exchange
    could not be partitioned.

    Parameters
    ----------
    folder
        Holds the files of all networks, in subfolders and archives or not.
    months
        The simulation period; others are left out.
    maximum_gap_filled
        Share of a month that may be gap-filled (paper: 0.3).
    gap_rule
        Rule by which that share is counted. ``monthly`` takes the quality of the monthly files,
        which counts good fills as if they were measured, and so keeps more than the paper's words
        would allow. ``half-hourly`` counts the measured half-hours (or hours) of the month, where
        their file is there, and takes the monthly quality where it is not. Summaries of OzFlux have
        none: measured half-hours are counted in any case.
    latent_heat
        Latent heat flux as measured (``LE_F_MDS``), or with the energy balance closed
        (``LE_CORR``). The paper does not say. Gaps are those of the former in both. OzFlux has only
        the former, so that with the latter its sites have no evapotranspiration.

    Returns
    -------
    Table with one row for each site and month that has a value, ordered by both: ``site``,
    ``month`` (period), ``gpp_site``, ``reco_site`` (gC m-2 day-1), ``et_site`` (mm day-1; NaN where
    left out), ``network``, and the ``gap_rule`` that was applied.

    Raises
    ------
    InputError
        There is no monthly file, or a file breaks off, does not start and end in the years of its
        name, has a month twice, or values out of range; or no file has a column; or a summary of
        OzFlux has no half-hourly file (``<site>_L6.nc``) of its name, or comes twice.
    """
    if not 0 <= maximum_gap_filled <= 1:
        raise InputError("towers", "maximum_gap_filled", "a share", f"{maximum_gap_filled:g}")
    files = find_tower_files(folder)
    _check_single(files)
    records = {_series(file): file for file in files if file.step in RECORDS_PER_DAY}
    tables = []
    lacking: dict[TowerFile, list[str]] = {}
    for file in files:
        if file.step != "MM":
            continue
        fluxes, quality, lacking[file] = _read_monthly(file, latent_heat)
        quality, rule = _judged(file, quality, records, gap_rule)
        there = fluxes.notna().any(axis=1)
        last = fluxes.index[there].max() if there.any() else pd.Period("1900-01", "M")
        # Rounded quality such as 0.7 must not fail by the binary fraction of 1 - 0.3.
        enough = quality >= 1 - maximum_gap_filled - 1e-9
        for name, of_quality in FLUXES_BY_QUALITY.items():
            fluxes[of_quality] = fluxes[of_quality].where(enough[name])
        fluxes = fluxes[there].assign(network=file.network, gap_rule=rule, site=file.site)
        download = re.search(r"\((\d+)\)", file.source.name)
        age = (
            last,
            DISTRIBUTIONS.index(file.distribution),
            file.version,
            0 if download is None else int(download[1]),
        )
        tables.append((age, file, fluxes))
    _check_columns(lacking)
    tables.sort(key=lambda entry: entry[0])
    _tell_several([file for _, file, _ in tables])
    table = pd.concat([fluxes for *_, fluxes in tables]).reset_index(names="month")
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
        Monthly fluxes, from :func:`read_towers`.
    minimum_months
        Least number of months of each flux; the paper has "more than 12 months".
    simultaneous
        Whether these must be months that have all three; the paper does not say.
    excluded
        Sites left out by name, such as those in managed landscapes unlike their surroundings.

    Raises
    ------
    InputError
        A site to be left out does not exist: a misspelt name.
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


def plant_cover(
    sites: pd.DataFrame, cover: Mapping[str, np.ndarray], grid: Grid = STUDY_GRID
) -> pd.Series:
    """Share of the cell of each site that is covered by the plant type of the site.

    Parameters
    ----------
    sites
        Table of sites, from :func:`read_sites`.
    cover
        Fraction of the cells by plant type (0 to 1), shape of the grid.
    grid
        North-up and from west to east.

    Returns
    -------
    Shares by site, 0 to 1; NaN outside the grid, and where the IGBP class of the site is unknown.
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
        Sites, cover fractions and grid, as for :func:`plant_cover`.
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
    """Leave out towers whose location no table of sites gives, and name them in the log.

    Parameters
    ----------
    towers
        Monthly fluxes, from :func:`read_towers` or :func:`select_sites`.
    sites
        Table of sites, from :func:`read_sites`.
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
        Monthly fluxes, from :func:`read_towers` or :func:`select_sites`. Sites that are not on the
        grid are left out, and those that are not among `sites`; the log names the latter.
    sites
        Table of sites, from :func:`read_sites`.
    months
        Months of the result.
    grid
        North-up and from west to east.
    weight
        Weight of a mean in the loss, where it multiplies the squared error. ``sites``: the number
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
        release = ICOS_RELEASES.get(icos["release"], 0)
        return TowerFile(source, "ICOS", "ICOS", icos["site"], icos["step"], None, (release,))
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


def _judged(
    file: TowerFile,
    quality: pd.DataFrame,
    records: Mapping[tuple[object, ...], TowerFile],
    gap_rule: GapRule,
) -> tuple[pd.DataFrame, GapRule]:
    """Shares of months that count as measured, and the rule by which they do."""
    if gap_rule == "half-hourly" or file.distribution == "OzFlux":
        if (of_site := records.get(_series(file))) is not None:
            told = (
                quality.columns
                if file.distribution == "OzFlux"
                else quality.columns[quality.notna().any()]
            )
            shares = _measured_shares(of_site, list(told))
            return shares.reindex(index=quality.index, columns=quality.columns), "half-hourly"
        if file.distribution == "OzFlux":
            expected = "a file of half-hours of the same name, whose flags tell what is filled"
            raise InputError(file.source, "file", expected, "none")
    return quality, "monthly"


def _series(file: TowerFile) -> tuple[object, ...]:
    """Facts that the files of all time steps of one record share."""
    return file.distribution, file.network, file.site, file.years, file.version


def _check_columns(lacking: Mapping[TowerFile, Sequence[str]]) -> None:
    """Refuse columns that no file has, and name the files that lack one."""
    files = [file for file in lacking if file.distribution != "OzFlux"]
    for name in dict.fromkeys(name for names in lacking.values() for name in names):
        without = [file for file in files if name in lacking[file]]
        if len(without) == len(files):
            raise InputError(without[0].source, name, "a column of this name", "other columns only")
        logger.warning(
            "%d of %d files have no column %s, and so no flux of it: %s",
            len(without),
            len(files),
            name,
            first_names(file.source.name for file in without),
        )


def _tell_several(files: Iterable[TowerFile]) -> None:
    """Name the sites that have several files, and the newest of each."""
    by_site: dict[str, list[str]] = {}
    for file in files:
        by_site.setdefault(file.site, []).append(file.source.name)
    several = {site: names for site, names in by_site.items() if len(names) > 1}
    if several:
        logger.warning(
            "%d sites have several files, of which the newest counts month by month: %s",
            len(several),
            first_names(
                f"{site} ({names[-1]}, not {', '.join(names[:-1])})"
                for site, names in sorted(several.items())
            ),
        )


def _read_table(
    file: TowerFile, time: str, columns: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Numbers of a file, NaN where missing, by the text of their time; columns that it lacks."""
    source = file.source
    try:
        with (
            source.open("rb") as binary,
            io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream,
        ):
            header = stream.readline().strip().split(",")
            header = [name.strip().strip('"') for name in header]
            if time not in header:
                found = "an empty file" if header == [""] else f"{len(header)} other columns"
                raise InputError(source, time, "a column of this name", found)
            there = [name for name in columns if name in header]
            # The last column shows whether the last row is complete.
            used = list(dict.fromkeys([time, *there, header[-1]]))
            rows: IO[str] = stream
            if header[-1] in there:
                # Of numbers that nobody uses it does not matter how many digits are there.
                text = stream.read()
                check_last_number(source, text)
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
    for name in there:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(source, name, "numbers", f"values such as {table[name].iloc[0]!r}")
    table = table.set_index(time).reindex(columns=list(columns)).astype(np.float64)
    if file.years is not None:
        expected = "{}-{}, as the file is named".format(*file.years)
        years = (int(table.index[0][:4]), int(table.index[-1][:4]))
        if years != file.years:
            raise InputError(source, time, expected, "{}-{}".format(*years))
        # Files are of whole years, whatever they have values of.
        span = table.index[0][:6], table.index[-1][:6]
        if (span[0][4:], span[1][4:]) != ("01", "12"):
            raise InputError(source, time, expected, "{} to {}".format(*span))
    lacking = [name for name in columns if name not in there]
    return table.mask(np.isclose(table, MISSING)), lacking


def _read_monthly(
    file: TowerFile, latent_heat: LatentHeat
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Fluxes in this library's units, shares of good quality, by month, and absent columns."""
    evaporation = MEGAJOULES_PER_DAY / LATENT_HEAT_OF_VAPORISATION
    if file.distribution == "OzFlux":
        fluxes = ozflux.read_summary(file.source, evaporation)
        if latent_heat != "LE_F_MDS":
            fluxes["et_site"] = np.nan
        _check_fluxes(file, fluxes)
        quality = pd.DataFrame(np.nan, fluxes.index, [*FLUXES_BY_QUALITY], dtype=np.float64)
        return fluxes, quality, []
    columns = [GPP, RECO, latent_heat, NEE_QUALITY, LATENT_HEAT_QUALITY]
    table, lacking = _read_table(file, "TIMESTAMP", columns)
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
    return fluxes, table[[NEE_QUALITY, LATENT_HEAT_QUALITY]], lacking


def _tell_uncounted(table: pd.DataFrame) -> None:
    """Name the sites with months of which nothing but the quality of monthly files is known."""
    sites = sorted(table.loc[table["gap_rule"] == "monthly", "site"].unique())
    if sites:
        words = (
            "gap_rule half-hourly: no files of half-hours or hours beside monthly ones of %d sites,"
        )
        words += " whose own share of gaps holds: %s"
        logger.warning(words, len(sites), first_names(sites))


def _check_fluxes(file: TowerFile, fluxes: pd.DataFrame, names: Iterable[str] = FLUXES) -> None:
    """Check the ranges of fluxes, which have these names in the file."""
    for name, native in zip(FLUXES, names, strict=False):
        row = OBSERVATIONS[name]
        low = -np.inf if row.minimum is None else row.minimum
        high = np.inf if row.maximum is None else row.maximum
        check_range(Path(str(file.source)), native, fluxes[name].to_numpy(), low, high, row.units)


def _check_single(files: Iterable[TowerFile]) -> None:
    """Refuse two files of OzFlux with one name, of which the newer is unknown."""
    seen: dict[tuple[str, str, tuple[int, ...]], TowerFile] = {}
    for file in files:
        if file.distribution == "OzFlux":
            other = seen.setdefault((file.site, file.step, file.version), file)
            if other is not file:
                expected = f"one file of {file.site}, or numbers in the names that tell the newer"
                raise InputError(file.source, "file", expected, f"also {other.source}")


def _measured_shares(file: TowerFile, names: Sequence[str]) -> pd.DataFrame:
    """Shares of the records of each month that were measured, by the names of their flags."""
    if file.distribution == "OzFlux":
        shares = ozflux.measured_shares(file.source)
        return shares.rename(columns={"carbon": NEE_QUALITY, "water": LATENT_HEAT_QUALITY})
    flags, lacking = _read_table(file, "TIMESTAMP_START", names)
    for name in lacking:
        raise InputError(file.source, name, "a column of this name", "other columns only")
    for name in names:
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
