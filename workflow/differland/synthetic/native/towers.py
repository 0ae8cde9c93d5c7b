"""Flux towers: monthly tables of ONEFlux and the networks' tables of sites."""

import io
import zipfile
from pathlib import Path

import pandas as pd

from differland.synthetic.raw import RawPlanet
from differland.synthetic.sites import Site

ARCHIVE_DATE = (2024, 11, 5, 0, 0, 0)
"""Of the members, so that archives of the same planet are the same."""


def write_towers(planet: RawPlanet, folder: Path) -> None:
    """Write the three networks.

    FLUXNET2015 and AmeriFlux have one table of all sites, and ICOS one in the archive of each site.
    The first site of ICOS is also in FLUXNET2015, whose older record is wrong.
    """
    months = planet.sites.months
    years = f"{months[0].year}-{months[-1].year}"
    names = {
        "FLUXNET2015": ("fluxnet2015", "FLX_AA-Flx_BIF_MM_20200501.csv"),
        "AmeriFlux": ("ameriflux", "AMF_AA-Net_BIF_CCBY4_20240101.csv"),
    }
    for name, (place, table) in names.items():
        (folder / place).mkdir(parents=True)
        here = [site for site in planet.sites.sites if site.network == name]
        (folder / place / table).write_text(_facts(here), encoding="utf-8")
        for site in here:
            text = _monthly(site, months)
            if name == "FLUXNET2015":
                stem = f"FLX_{site.name}_FLUXNET2015_SUBSET"
                _archive(
                    folder / place / f"{stem}_{years}_1-4.zip", {f"{stem}_MM_{years}_1-4.csv": text}
                )
            else:
                path = folder / place / f"AMF_{site.name}_FLUXNET_SUBSET_MM_{years}_4-6.csv"
                path.write_text(text, encoding="utf-8")
    (folder / "icos").mkdir(parents=True)
    twice = True
    for site in planet.sites.sites:
        if site.network != "ICOS":
            continue
        _archive(
            folder / "icos" / f"ICOSETC_{site.name}_ARCHIVE_L2.zip",
            {
                f"ICOSETC_{site.name}_FLUXNET_MM_L2.csv": _monthly(site, months),
                f"ICOSETC_{site.name}_SITEINFO_L2.csv": _facts([site]),
            },
        )
        if twice and site.usable and len(months) > 12:
            twice = False
            years = f"{months[0].year}-{months[-13].year}"
            path = folder / "fluxnet2015" / f"FLX_{site.name}_FLUXNET2015_SUBSET_MM_{years}_1-3.csv"
            path.write_text(_monthly(site, months[:-12], factor=1.5), encoding="utf-8")


def _monthly(site: Site, months: pd.PeriodIndex, factor: float = 1.0) -> str:
    """Monthly table of a site, -9999 where missing."""
    gpp, reco, evaporation = (
        factor * site.fluxes[name][: len(months)] for name in ("gpp_site", "reco_site", "et_site")
    )
    # A kilogram of water takes 2.45 MJ to evaporate.
    heat = evaporation * 2.45e6 / 86400
    table = pd.DataFrame(
        {
            "TIMESTAMP": months.strftime("%Y%m"),
            "TA_F": 10.0,
            "LE_F_MDS": heat,
            "LE_F_MDS_QC": site.heat_quality[: len(months)],
            "LE_CORR": 1.15 * heat,
            "NEE_VUT_REF": reco - gpp,
            "NEE_VUT_REF_QC": site.carbon_quality[: len(months)],
            "RECO_NT_VUT_REF": reco,
            "RECO_DT_VUT_REF": 0.9 * reco,
            "GPP_NT_VUT_REF": gpp,
            "GPP_DT_VUT_REF": 0.9 * gpp,
        }
    )
    return _as_text(table.fillna(-9999))


def _facts(sites: list[Site]) -> str:
    """Table with one fact per row, as networks describe their sites."""
    rows = []
    for group, site in enumerate(sites, 1001):
        for kind, variable, value in (
            ("GRP_HEADER", "SITE_NAME", f"Synthetic tower {site.name[-2:]}"),
            ("GRP_IGBP", "IGBP", site.igbp),
            ("GRP_LOCATION", "LOCATION_LAT", f"{site.latitude:.4f}"),
            ("GRP_LOCATION", "LOCATION_LONG", f"{site.longitude:.4f}"),
        ):
            rows.append((site.name, group, kind, variable, value))
    columns = ["SITE_ID", "GROUP_ID", "VARIABLE_GROUP", "VARIABLE", "DATAVALUE"]
    return _as_text(pd.DataFrame(rows, columns=columns))


def _as_text(table: pd.DataFrame) -> str:
    text = io.StringIO()
    table.to_csv(text, index=False, float_format="%.7g", lineterminator="\n")
    return text.getvalue()


def _archive(path: Path, members: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            info = zipfile.ZipInfo(name, ARCHIVE_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
