"""Readers of flux towers: files named and laid out as the networks ship them."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.archives import list_files
from differland.datasets.towers import (
    find_tower_files,
    plant_cover,
    put_on_cells,
    read_sites,
    read_towers,
    representative_sites,
    select_sites,
)
from differland.errors import InputError
from differland.regridding.grid import Grid

HEADER = (
    "TIMESTAMP,TA_F,LE_F_MDS,LE_F_MDS_QC,LE_CORR,NEE_VUT_REF,NEE_VUT_REF_QC,"
    "RECO_NT_VUT_REF,GPP_NT_VUT_REF,GPP_DT_VUT_REF"
)
PERIOD = pd.period_range("2001-01", "2023-12", freq="M")
FLUXNET = "FLX_DE-Hai_FLUXNET2015_SUBSET_MM_2010-2011_1-4.csv"


def monthly(years: range, gpp: float = 5.0, qc_nee: float = 0.9, qc_le: float = 0.9) -> list[str]:
    """Rows of each month; latent heat 50 W m-2, respiration 3 gC m-2 day-1."""
    return [
        f"{year}{month:02d},10.1,50,{qc_le},60,-2,{qc_nee},3,{gpp},-9999"
        for year in years
        for month in range(1, 13)
    ]


def write(folder: Path, name: str, rows: list[str], header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_values_and_units(tmp_path):
    write(tmp_path, FLUXNET, monthly(range(2010, 2012)))
    towers = read_towers(tmp_path, PERIOD)
    assert len(towers) == 24
    first = towers.iloc[0]
    assert (first["site"], first["month"]) == ("DE-Hai", pd.Period("2010-01", "M"))
    assert first["gpp_site"] == 5.0
    assert first["reco_site"] == 3.0
    # 50 W m-2 are 4.32 MJ m-2 day-1, which evaporate 1.763 kg of water.
    assert first["et_site"] == pytest.approx(1.76327, abs=1e-5)
    closed = read_towers(tmp_path, PERIOD, latent_heat="LE_CORR")
    assert closed.iloc[0]["et_site"] == pytest.approx(2.11592, abs=1e-5)


def test_missing_values_are_missing(tmp_path):
    rows = monthly(range(2010, 2012))
    rows[0] = "201001,-9999,-9999,-9999,-9999,-9999,-9999,-9999,-9999,-9999"
    rows[1] = "201002,-9999,50,0.9,-9999,-9999,-9999,-9999,-9999,-9999"
    write(tmp_path, FLUXNET, rows)
    towers = read_towers(tmp_path, PERIOD)
    assert towers["month"].iloc[0] == pd.Period("2010-02", "M")
    assert np.isnan(towers["gpp_site"].iloc[0])
    assert towers["et_site"].iloc[0] > 0


@pytest.mark.parametrize(
    ("name", "network"),
    [
        (FLUXNET, "FLUXNET2015"),
        ("FLX_DE-Hai_FLUXNET2015_FULLSET_MM_2010-2011_beta-3.csv", "FLUXNET2015"),
        ("AMF_US-SRG_FLUXNET_SUBSET_MM_2010-2011_4-6.csv", "AmeriFlux"),
        ("AMF_US-Ha1_FLUXNET_FLUXMET_MM_2010-2011_v1.3_r1.csv", "AmeriFlux"),
        ("ICOSETC_BE-Bra_FLUXNET_MM_L2.csv", "ICOS"),
    ],
)
def test_networks_are_told_by_name(tmp_path, name, network):
    write(tmp_path, name, monthly(range(2010, 2012)))
    write(tmp_path, name.replace("_MM_", "_DD_"), ["no", "such"])
    write(tmp_path, "readme.csv", ["no", "such"])
    towers = read_towers(tmp_path, PERIOD)
    assert set(towers["network"]) == {network}
    assert set(towers["site"]) == {name.split("_")[1]}
    assert len(towers) == 24


def test_archives_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "FLX_DE-Hai_FLUXNET2015_SUBSET_2010-2011_1-4.zip", "w") as file:
        file.writestr(FLUXNET, "\n".join([HEADER, *monthly(range(2010, 2012))]) + "\n")
    assert len(read_towers(tmp_path, PERIOD)) == 24


def test_cut_archive(tmp_path):
    path = tmp_path / "FLX_DE-Hai.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(FLUXNET, "\n".join([HEADER, *monthly(range(2010, 2012))]))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="a complete archive"):
        read_towers(tmp_path, PERIOD)


def test_gaps_are_judged_by_flux(tmp_path):
    rows = monthly(range(2010, 2012))
    rows[0] = "201001,10,50,0.70,60,-2,0.69,3,5,5"
    rows[1] = "201002,10,50,0.69,60,-2,0.70,3,5,5"
    rows[2] = "201003,10,50,0.10,60,-2,0.10,3,5,5"
    write(tmp_path, FLUXNET, rows)
    towers = read_towers(tmp_path, PERIOD).set_index("month")
    january, february = towers.loc["2010-01"], towers.loc["2010-02"]
    assert np.isnan(january["gpp_site"])
    assert np.isnan(january["reco_site"])
    assert january["et_site"] > 0
    assert february["gpp_site"] == 5
    assert np.isnan(february["et_site"])
    assert pd.Period("2010-03", "M") not in towers.index
    assert len(read_towers(tmp_path, PERIOD, maximum_gap_filled=1.0)) == 24


def half_hours(measured_nee: float, measured_le: float) -> list[str]:
    """January and February of 2010, of which the first share was measured."""
    rows = []
    for start in pd.date_range("2010-01-01", "2010-12-31 23:30", freq="30min"):
        end = start + pd.Timedelta("30min")
        done = (start.day - 1 + start.hour / 24) / start.days_in_month
        flags = (0 if done < measured_le else 1, 0 if done < measured_nee else 2)
        rows.append(f"{start:%Y%m%d%H%M},{end:%Y%m%d%H%M},{flags[0]},{flags[1]}")
    return rows


HALF_HOUR_HEADER = "TIMESTAMP_START,TIMESTAMP_END,LE_F_MDS_QC,NEE_VUT_REF_QC"


def test_measured_half_hours(tmp_path, caplog):
    name = "FLX_DE-Hai_FLUXNET2015_FULLSET_{}_2010-2010_1-4.csv"
    write(tmp_path, name.format("MM"), monthly(range(2010, 2011), qc_nee=1, qc_le=1))
    other = "FLX_DE-Tha_FLUXNET2015_FULLSET_MM_2010-2010_1-4.csv"
    write(tmp_path, other, monthly(range(2010, 2011), qc_nee=1, qc_le=1))
    write(tmp_path, name.format("HH"), half_hours(0.6, 0.8), HALF_HOUR_HEADER)
    assert read_towers(tmp_path, PERIOD)["gpp_site"].notna().all()
    towers = read_towers(tmp_path, PERIOD, gap_rule="half-hourly").set_index("site")
    assert towers.loc["DE-Hai", "gpp_site"].isna().all()
    assert towers.loc["DE-Hai", "et_site"].notna().all()
    assert set(towers.loc["DE-Hai", "gap_rule"]) == {"half-hourly"}
    assert towers.loc["DE-Tha", "gpp_site"].notna().all()
    assert set(towers.loc["DE-Tha", "gap_rule"]) == {"monthly"}
    (told,) = [
        record.getMessage() for record in caplog.records if "gap_rule" in record.getMessage()
    ]
    assert "of 1 sites" in told and told.endswith(": DE-Tha")
    loose = read_towers(tmp_path, PERIOD, 0.45, "half-hourly").set_index("site")
    assert loose.loc["DE-Hai", "gpp_site"].notna().all()


def test_half_hours_that_are_absent_were_not_measured(tmp_path):
    name = "ICOSETC_BE-Bra_FLUXNET_{}_L2.csv"
    write(tmp_path, name.format("MM"), monthly(range(2010, 2011)))
    write(tmp_path, name.format("HH"), half_hours(1, 1)[: 20 * 48], HALF_HOUR_HEADER)
    towers = read_towers(tmp_path, PERIOD, gap_rule="half-hourly")
    assert towers.empty
    assert len(read_towers(tmp_path, PERIOD, 0.4, "half-hourly")) == 1


def test_measured_hours(tmp_path):
    name = "AMF_US-Ha1_FLUXNET_FLUXMET_{}_2010-2010_v1.3_r1.csv"
    write(tmp_path, name.format("MM"), monthly(range(2010, 2011)))
    write(tmp_path, name.format("HR"), half_hours(1, 1)[::2], HALF_HOUR_HEADER)
    assert len(read_towers(tmp_path, PERIOD, 0.0, "half-hourly")) == 12


def test_unknown_flag(tmp_path):
    name = "ICOSETC_BE-Bra_FLUXNET_{}_L2.csv"
    write(tmp_path, name.format("MM"), monthly(range(2010, 2011)))
    write(tmp_path, name.format("HH"), ["201001010000,201001010030,7,0"], HALF_HOUR_HEADER)
    with pytest.raises(InputError, match=r"LE_F_MDS_QC: expected flags from 0 to 3, found 7"):
        read_towers(tmp_path, PERIOD, gap_rule="half-hourly")


def test_newest_file_of_a_site_counts(tmp_path):
    old = "FLX_US-Ha1_FLUXNET2015_SUBSET_MM_2008-2011_1-3.csv"
    new = "AMF_US-Ha1_FLUXNET_SUBSET_MM_2010-2012_3-5.csv"
    write(tmp_path, old, monthly(range(2008, 2012), gpp=1))
    write(tmp_path, new, monthly(range(2010, 2013), gpp=2))
    write(tmp_path, new.replace("3-5", "4-5"), monthly(range(2010, 2013), gpp=3))
    towers = read_towers(tmp_path, PERIOD)
    assert len(towers) == 60
    by_year = towers.groupby(towers["month"].dt.year)["gpp_site"].unique().map(list)
    assert by_year.to_dict() == {2008: [1], 2009: [1], 2010: [3], 2011: [3], 2012: [3]}


def test_poor_month_of_the_newest_file_is_not_taken_from_the_older(tmp_path):
    write(
        tmp_path, "FLX_BE-Bra_FLUXNET2015_SUBSET_MM_2010-2010_1-4.csv", monthly(range(2010, 2011))
    )
    write(tmp_path, "ICOSETC_BE-Bra_FLUXNET_MM_L2.csv", monthly(range(2010, 2012), qc_nee=0.1))
    assert read_towers(tmp_path, PERIOD)["gpp_site"].isna().all()


def test_months_outside_the_period_are_left_out(tmp_path):
    write(tmp_path, FLUXNET, monthly(range(2010, 2012)))
    towers = read_towers(tmp_path, pd.period_range("2011-07", "2023-12", freq="M"))
    assert list(towers["month"].astype(str)) == [f"2011-{m:02d}" for m in range(7, 13)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "complete rows|as the file is named"),
        (
            lambda text: "".join(text.splitlines(keepends=True)[:13]),
            "2010-2011, as the file is named, found 2010-2010",
        ),
        (lambda text: text.replace("GPP_NT_VUT_REF", "GPP_NT_CUT_REF"), "GPP_NT_VUT_REF: expected"),
        (lambda text: text.replace("201003,", "201002,"), "every month once, found 2010-02 twice"),
        (lambda text: text.replace(",3,5.0,", ",3,86400,"), "values from -10 to 60 gC m-2 day-1"),
        (lambda text: text.replace("-9999", "x").replace(",3,", ",y,"), "RECO_NT_VUT_REF"),
        (lambda text: text.replace(",0.9,", ",90,"), "values from 0 to 1"),
        (lambda text: text.replace("2010", "10").replace("2011", "11"), "TIMESTAMP"),
        (lambda text: "", "TIMESTAMP: expected a column of this name, found an empty file"),
    ],
)
def test_broken_files(tmp_path, change, message):
    path = write(tmp_path, FLUXNET, monthly(range(2010, 2012)))
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=message):
        read_towers(tmp_path, PERIOD)


def test_undeclared_fill_value(tmp_path):
    rows = monthly(range(2010, 2012))
    rows[3] = rows[3].replace(",3,5.0,", ",3,-6999,")
    write(tmp_path, FLUXNET, rows)
    with pytest.raises(InputError, match="GPP_NT_VUT_REF"):
        read_towers(tmp_path, PERIOD)


def test_site_without_values(tmp_path):
    rows = [row[:7] + ",".join(["-9999"] * 9) for row in monthly(range(2010, 2012))]
    write(tmp_path, FLUXNET, rows)
    assert read_towers(tmp_path, PERIOD).empty
    write(tmp_path, "ICOSETC_BE-Bra_FLUXNET_MM_L2.csv", monthly(range(2010, 2011)))
    assert set(read_towers(tmp_path, PERIOD)["site"]) == {"BE-Bra"}


def test_no_files(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_towers(tmp_path / "absent", PERIOD)
    with pytest.raises(InputError, match="monthly files"):
        find_tower_files(tmp_path)


def test_sites_need_more_than_twelve_months_of_all_fluxes(tmp_path):
    write(tmp_path, "ICOSETC_BE-Bra_FLUXNET_MM_L2.csv", monthly(range(2010, 2012)))
    write(tmp_path, "ICOSETC_FI-Hyy_FLUXNET_MM_L2.csv", monthly(range(2010, 2011)))
    poor = monthly(range(2010, 2011), qc_le=0.1) + monthly(range(2011, 2012))
    write(tmp_path, "ICOSETC_DE-Tha_FLUXNET_MM_L2.csv", poor)
    apart = monthly(range(2010, 2012), qc_le=0.1) + monthly(range(2012, 2014), qc_nee=0.1)
    write(tmp_path, "ICOSETC_SE-Nor_FLUXNET_MM_L2.csv", apart)
    towers = read_towers(tmp_path, PERIOD)
    assert set(select_sites(towers)["site"]) == {"BE-Bra", "SE-Nor"}
    assert set(select_sites(towers, simultaneous=True)["site"]) == {"BE-Bra"}
    assert set(select_sites(towers, 12)["site"]) == {"BE-Bra", "FI-Hyy", "DE-Tha", "SE-Nor"}
    assert set(select_sites(towers, excluded=["BE-Bra"])["site"]) == {"SE-Nor"}
    with pytest.raises(InputError, match="BE-Bar"):
        select_sites(towers, excluded=["BE-Bar"])


def test_sites_of_a_table(tmp_path):
    path = tmp_path / "combined_meta_post_2010.csv"
    path.write_text(
        "site_id,lat,lon,IGBP,ELE\nDE-Hai,51.0792,10.4522,DBF,430\nXX-Lak,10,-20,WAT,\n"
        "XX-Unk,10,-20,,1\n"
    )
    sites = read_sites([path])
    assert sites.loc["DE-Hai"].to_list() == [51.0792, 10.4522, "DBF", ""]
    assert sites.loc["XX-Unk", "igbp"] == ""


def test_sites_of_the_networks(tmp_path):
    path = tmp_path / "ICOSETC_BE-Bra_SITEINFO_L2.csv"
    path.write_text(
        "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\n"
        "BE-Bra,9,GRP_LOCATION,LOCATION_LAT,1.0\n"
        "BE-Bra,9,GRP_LOCATION,LOCATION_LONG,2.0\n"
        "BE-Bra,3,GRP_LOCATION,LOCATION_LAT,51.3076\n"
        "BE-Bra,3,GRP_LOCATION,LOCATION_LONG,4.5198\n"
        "BE-Bra,5,GRP_IGBP,IGBP,MF\n"
        'BE-Bra,7,GRP_HEADER,SITE_NAME,"Brasschaat, De Inslag"\n'
        'BE-Bra,6,GRP_TEAM,TEAM_MEMBER_NAME,"Some, Body"\n'
    )
    table = tmp_path / "table.csv"
    table.write_text(
        "Site_Name,site_id,lat,lon,IGBP\nBra,BE-Bra,0,0,CRO\nLonzee,BE-Lon,50.5,4.7,CRO\n"
    )
    sites = read_sites([path, table])
    assert sites.loc["BE-Bra"].to_list() == [51.3076, 4.5198, "MF", "Brasschaat, De Inslag"]
    assert sites.loc["BE-Lon", "name"] == "Lonzee"
    assert list(sites.index) == ["BE-Bra", "BE-Lon"]
    assert path in list(list_files(tmp_path))


BADM = pd.DataFrame(
    {
        "SITE_ID": "DE-Hai",
        "GROUP_ID": [1, 1, 2],
        "VARIABLE_GROUP": ["GRP_LOCATION", "GRP_LOCATION", "GRP_IGBP"],
        "VARIABLE": ["LOCATION_LAT", "LOCATION_LONG", "IGBP"],
        "DATAVALUE": ["51.0792", "10.4522", "DBF"],
    }
)


@pytest.mark.skipif(find_spec("openpyxl") is None, reason="needs openpyxl")
def test_sites_of_a_spreadsheet(tmp_path):
    path = tmp_path / "FLX_AA-Flx_BIF_MM_20200501.xlsx"
    BADM.to_excel(path, index=False)
    assert read_sites([path]).loc["DE-Hai"].to_list() == [51.0792, 10.4522, "DBF", ""]


def test_spreadsheet_without_its_library(tmp_path, monkeypatch):
    def absent(*_, **__):
        raise ImportError("Missing optional dependency 'openpyxl'")

    monkeypatch.setattr(pd, "read_excel", absent)
    path = tmp_path / "FLX_AA-Flx_BIF_MM_20200501.xlsx"
    path.touch()
    with pytest.raises(InputError, match="openpyxl to be installed, or the table as CSV"):
        read_sites([path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("site_id,latitude\nDE-Hai,51\n", "columns: expected columns site_id"),
        ("site_id,lat,lon,IGBP\nDE-Hai,151,10,DBF\n", "latitude: expected degrees at DE-Hai"),
        ("site_id,lat,lon,IGBP\nDE-Hai,51,,DBF\n", "longitude: expected degrees at DE-Hai"),
        (
            "SITE_ID,GROUP_ID,VARIABLE,DATAVALUE\nDE-Hai,1,IGBP,DBF\n",
            "latitude: expected degrees at DE-Hai",
        ),
        ("", "a table of sites"),
    ],
)
def test_broken_tables_of_sites(tmp_path, text, message):
    path = tmp_path / "sites.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_sites([path])


def sites_at(*places: tuple[str, float, float, str]) -> pd.DataFrame:
    table = pd.DataFrame(places, columns=["site", "latitude", "longitude", "igbp"])
    return table.set_index("site")


def towers_of(*values: tuple[str, str, float, float, float]) -> pd.DataFrame:
    columns = ["site", "month", "gpp_site", "reco_site", "et_site"]
    table = pd.DataFrame(values, columns=columns)
    return table.assign(month=pd.PeriodIndex(table["month"], freq="M"))


def test_sites_are_averaged_within_their_cell():
    # 51.08 N, 10.45 E: 155 rows of a quarter degree below 90 N, 761 columns east of 180 W.
    sites = sites_at(
        ("DE-Hai", 51.0792, 10.4522, "DBF"),
        ("DE-Oth", 51.2, 10.3, "DBF"),
        ("FJ-Dat", -89.99, 180.0, "GRA"),
    )
    towers = towers_of(
        ("DE-Hai", "2010-01", 2.0, 1.0, np.nan),
        ("DE-Oth", "2010-01", 4.0, np.nan, np.nan),
        ("DE-Oth", "2010-03", 8.0, 5.0, 1.0),
        ("FJ-Dat", "2010-03", 1.0, 1.0, 1.0),
        ("XX-Not", "2010-01", 9.0, 9.0, 9.0),
    )
    months = pd.period_range("2010-01", "2010-03", freq="M")
    cells = put_on_cells(towers, sites, months)
    assert cells["gpp_site"].dims == ("cell", "time")
    assert cells["row"].values.tolist() == [155, 719]
    assert cells["column"].values.tolist() == [761, 0]
    assert cells["lat"].values.tolist() == [51.125, -89.875]
    assert cells["lon"].values.tolist() == [10.375, -179.875]
    assert cells["site"].values.tolist() == ["DE-Hai DE-Oth", "FJ-Dat"]
    np.testing.assert_array_equal(cells["gpp_site"][0], [3.0, np.nan, 8.0])
    np.testing.assert_array_equal(cells["reco_site"][0], [1.0, np.nan, 5.0])
    np.testing.assert_array_equal(cells["et_site"][0], [np.nan, np.nan, 1.0])
    assert cells["et_site"].units == "mm day-1"


def test_sites_outside_a_window_are_left_out():
    window = Grid(np.array([52.0, 51.0]), np.array([10.0, 11.0]))
    sites = sites_at(("DE-Hai", 51.1, 370.45, "DBF"), ("US-Ha1", 42.5, -72.2, "DBF"))
    towers = towers_of(("DE-Hai", "2010-01", 2, 1, 1), ("US-Ha1", "2010-01", 2, 1, 1))
    cells = put_on_cells(towers, sites, pd.period_range("2010-01", "2010-01", freq="M"), window)
    assert cells["site"].values.tolist() == ["DE-Hai"]


def test_representative_sites():
    grid = Grid(np.array([52.0, 51.0, 50.0]), np.array([10.0, 11.0]))
    cover = {
        "deciduous_broadleaf_forest": np.array([[0.3], [0.1]]),
        "needleleaf_forest": np.array([[0.05], [0.5]]),
        "shrubland": np.array([[0.25], [np.nan]]),
    }
    sites = sites_at(
        ("AA-Dbf", 51.5, 10.5, "DBF"),
        ("AA-Enf", 50.5, 10.5, "ENF"),
        ("AA-Osh", 51.5, 10.5, "OSH"),
        ("AA-Csh", 50.5, 10.5, "CSH"),
        ("AA-Odd", 51.5, 10.5, "forest"),
        ("AA-Wat", 51.5, 10.5, "WAT"),
        ("AA-Out", 10.0, 10.5, "DBF"),
    )
    np.testing.assert_array_equal(
        plant_cover(sites, cover, grid), [0.3, 0.5, 0.25, np.nan, np.nan, np.nan, np.nan]
    )
    kept = {
        share: list(representative_sites(sites, cover, share, grid).index)
        for share in (0.1, 0.25, 0.5)
    }
    assert kept == {
        0.1: ["AA-Dbf", "AA-Enf", "AA-Osh"],
        0.25: ["AA-Dbf", "AA-Enf", "AA-Osh"],
        0.5: ["AA-Enf"],
    }
    with pytest.raises(InputError, match="share"):
        representative_sites(sites, cover, 25, grid)


HOWARD = "HowardSprings"
YEAR_2010 = pd.period_range("2010-01", "2010-12", freq="M")


def write_summary(
    folder: Path,
    name: str = f"{HOWARD}_L6_Summary.nc",
    *,
    gpp: float = 5.0,
    units: dict[str, str] | None = None,
    heat: str | None = "Fe",
    attributes: dict[str, str] | None = None,
    group: str = "Monthly",
    gaps: int = 0,
    months: pd.PeriodIndex = YEAR_2010,
    per_day: float | None = None,
) -> Path:
    """As PyFluxPro writes it: a group for each period, sums of carbon, means of energy.

    Respiration 3 gC m-2 day-1, latent heat 50 W m-2; the first months are missing.
    """
    units = {"carbon": "gC/m^2/month", "heat": "W/m^2", "water": "kg/m^2/month"} | (units or {})
    days = months.days_in_month.to_numpy() if per_day is None else per_day
    stamps = months.to_timestamp() + pd.Timedelta("30min")
    where = {"latitude": "-12.4943", "longitude": "131.1523"}
    names = {"site_name": "Howard Springs", "fluxnet_id": "AU-How"}
    with netCDF4.Dataset(folder / name, "w") as dataset:
        for key, text in (where | names | (attributes or {})).items():
            if text is not None:
                dataset.setncattr(key, text)
        dataset.time_step = "30"
        for title in ("Daily", group, "Annual"):
            part = dataset.createGroup(title)
            for axis, size in (("time", len(months)), ("latitude", 1), ("longitude", 1)):
                part.createDimension(axis, size)
            time = part.createVariable("time", "f8", ("time",))
            time.units = "days since 1800-01-01 00:00:00.0"
            time[:] = (stamps - pd.Timestamp("1800-01-01")) / pd.Timedelta("1D")
            series = {
                "GPP_SOLO": (gpp * days, units["carbon"]),
                "ER_SOLO": (3.0 * days, units["carbon"]),
                "NEE_SOLO": ((3.0 - gpp) * days, units["carbon"]),
                "ET": (2.0 * days, units["water"]),
            }
            if heat is not None:
                series[heat] = (np.full(len(months), 50.0), units["heat"])
            for label, (values, unit) in series.items():
                stored = part.createVariable(label, "f8", ("time", "latitude", "longitude"))
                stored[:, 0, 0] = np.where(np.arange(len(months)) < gaps, -9999, values)
                stored.units = unit
    return folder / name


def write_records(
    folder: Path,
    name: str = f"{HOWARD}_L6.nc",
    *,
    carbon: float = 0.9,
    water: float = 0.9,
    flags: tuple[str, ...] = ("Fco2_QCFlag", "Fe_QCFlag"),
    filled: int = 500,
    last: str = "2011-01-01 00:00",
    step: int = 30,
    twice: bool = False,
    kind: str = "NETCDF4",
) -> Path:
    """Half-hours of 2010 stamped with their end; the first share of a month was measured."""
    ends = pd.date_range("2010-01-01", last, freq=f"{step}min")[1:]
    starts = ends - pd.Timedelta(minutes=step)
    done = (starts.day - 1 + starts.hour / 24) / starts.days_in_month
    numbers = (ends - pd.Timestamp("1800-01-01")) / pd.Timedelta("1D")
    with netCDF4.Dataset(folder / name, "w", format=kind) as dataset:
        dataset.setncatts({"site_name": "Howard Springs", "fluxnet_id": "AU-How"})
        dataset.setncatts({"time_step": str(step), "latitude": "-12.4943", "longitude": "131.1523"})
        for axis, size in (("time", len(ends)), ("latitude", 1), ("longitude", 1)):
            dataset.createDimension(axis, size)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = "days since 1800-01-01 00:00:00.0"
        time[:] = numbers if not twice else np.where(np.arange(len(ends)) == 7, numbers[6], numbers)
        for label, share in zip(flags, (carbon, water), strict=False):
            flag = dataset.createVariable(label, "i4", ("time", "latitude", "longitude"))
            flag[:, 0, 0] = np.where(done < share, 0, filled)
            flag.units = "1"
    return folder / name


def test_ozflux_values_and_units(tmp_path):
    write_summary(tmp_path)
    write_records(tmp_path)
    write_summary(tmp_path, f"{HOWARD}_L6_Monthly.nc")
    towers = read_towers(tmp_path, PERIOD)
    assert len(towers) == 12
    assert set(towers["site"]) == {"AU-How"}
    assert set(towers["network"]) == {"OzFlux"}
    assert set(towers["gap_rule"]) == {"half-hourly"}
    assert list(towers["month"].astype(str)) == [f"2010-{m:02d}" for m in range(1, 13)]
    np.testing.assert_allclose(towers["gpp_site"], 5.0)
    np.testing.assert_allclose(towers["reco_site"], 3.0)
    np.testing.assert_allclose(towers["et_site"], 1.76327, atol=1e-5)
    assert read_towers(tmp_path, PERIOD, latent_heat="LE_CORR")["et_site"].isna().all()


@pytest.mark.parametrize(
    ("summary", "records"),
    [
        ("cpr_summary_L6.nc", "cpr_L6.nc"),
        ("ridgefield_2015_2024_L6_Summary.nc", "ridgefield_2015_2024_L6.nc"),
        ("HowardSprings_L6_Summary_20100101.nc", "HowardSprings_L6_20100101.nc"),
    ],
)
def test_ozflux_names(tmp_path, summary, records):
    write_summary(tmp_path, summary)
    write_records(tmp_path, records)
    assert [file.step for file in find_tower_files(tmp_path)].count("HH") == 1
    assert len(read_towers(tmp_path, PERIOD)) == 12


def test_ozflux_other_units(tmp_path):
    # Means of the month: 5 gC m-2 day-1 are 4.818 umol m-2 s-1.
    write_summary(tmp_path, units={"carbon": "umol/m^2/s"}, per_day=4.818 / 5)
    write_records(tmp_path)
    np.testing.assert_allclose(read_towers(tmp_path, PERIOD)["gpp_site"], 5.0, atol=1e-3)
    write_summary(tmp_path, units={"carbon": "gC/m^2/day"}, per_day=1.0)
    np.testing.assert_allclose(read_towers(tmp_path, PERIOD)["reco_site"], 3.0)


def test_ozflux_older_totals_name_no_period(tmp_path):
    write_summary(tmp_path, units={"carbon": "gC/m2"})
    write_records(tmp_path)
    np.testing.assert_allclose(read_towers(tmp_path, PERIOD)["gpp_site"], 5.0)


def test_ozflux_water_without_latent_heat(tmp_path):
    write_summary(tmp_path, heat=None)
    write_records(tmp_path)
    np.testing.assert_allclose(read_towers(tmp_path, PERIOD)["et_site"], 2.0)


def test_ozflux_production_of_either_sign(tmp_path):
    write_summary(tmp_path, gpp=-5.0)
    write_records(tmp_path)
    np.testing.assert_allclose(read_towers(tmp_path, PERIOD)["gpp_site"], 5.0)


def test_ozflux_gaps(tmp_path):
    write_summary(tmp_path, gaps=2)
    # Filled by a neural network: whole tens are no measurements.
    write_records(tmp_path, carbon=0.6, water=0.8, filled=500)
    towers = read_towers(tmp_path, PERIOD)
    assert len(towers) == 10
    assert towers["gpp_site"].isna().all()
    assert towers["et_site"].notna().all()
    assert read_towers(tmp_path, PERIOD, 0.45)["gpp_site"].notna().all()


def test_ozflux_month_of_which_only_a_part_was_summed_up(tmp_path):
    write_summary(tmp_path)
    write_records(tmp_path, carbon=1, water=1, last="2010-12-28 00:00")
    assert str(read_towers(tmp_path, PERIOD)["month"].max()) == "2010-11"
    assert str(read_towers(tmp_path, PERIOD, 1.0)["month"].max()) == "2010-11"


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_64BIT_OFFSET"])
def test_ozflux_in_an_archive(tmp_path, kind):
    (tmp_path / "out").mkdir()
    files = [write_summary(tmp_path / "out"), write_records(tmp_path / "out", step=60, kind=kind)]
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "HowardSprings.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in files:
            packed.write(file, file.name)
    assert len(read_towers(tmp_path / "in", PERIOD)) == 12
    sites = read_sites([s for s in list_files(tmp_path / "in") if "Summary" in s.name])
    assert sites.loc["AU-How"].to_list() == [-12.4943, 131.1523, "", "Howard Springs"]
    files[1].write_bytes(files[1].read_bytes()[:20_000])
    with zipfile.ZipFile(archive, "w") as packed:
        for file in files:
            packed.write(file, file.name)
    with pytest.raises(InputError, match="complete NetCDF file"):
        read_towers(tmp_path / "in", PERIOD)


def test_ozflux_beside_fluxnet(tmp_path):
    old = "FLX_AU-How_FLUXNET2015_SUBSET_MM_2009-2010_1-4.csv"
    write(tmp_path, old, monthly(range(2009, 2011), gpp=1))
    write_summary(tmp_path, months=pd.period_range("2010-07", "2011-06", freq="M"))
    write_records(tmp_path, last="2011-07-01 00:00")
    towers = read_towers(tmp_path, PERIOD).set_index("month")
    assert len(towers) == 30
    assert towers.loc["2010-06", "gpp_site"] == 1
    assert towers.loc["2010-07", "gpp_site"] == 5


def test_ozflux_sites(tmp_path):
    table = tmp_path / "sites.csv"
    table.write_text("site_id,lat,lon,IGBP\nAU-How,0,0,SAV\nAU-Dry,-15,132,SAV\n")
    sites = read_sites([write_summary(tmp_path), table])
    assert sites.loc["AU-How"].to_list() == [-12.4943, 131.1523, "SAV", "Howard Springs"]
    assert list(sites.index) == ["AU-Dry", "AU-How"]
    nameless = write_summary(tmp_path, "x_L6_Summary.nc", attributes={"fluxnet_id": ""})
    assert list(read_sites([nameless]).index) == ["HowardSprings"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latitude": "12 S"}, "latitude: expected degrees in a global attribute, found 12 S"),
        ({"latitude": None}, "latitude: expected degrees in a global attribute, found none"),
        ({"latitude": "-131.2"}, "latitude: expected degrees, at most 90"),
        ({"fluxnet_id": None, "site_name": None}, "fluxnet_id, site_name: expected"),
    ],
)
def test_ozflux_site_is_not_told(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_sites([write_summary(tmp_path, attributes=changes)])


@pytest.mark.parametrize(
    ("summary", "records", "message"),
    [
        ({}, None, "a file of half-hours of the same name"),
        ({"group": "monthly"}, {}, "Monthly: expected a group of this name, found Daily, monthly"),
        ({"units": {"carbon": "mol/m^2"}}, {}, "GPP_SOLO: expected units .* units 'mol/m"),
        ({"units": {"heat": "MJ/m^2"}}, {}, "Fe: expected units .* found units 'MJ/m"),
        ({"gpp": 500.0}, {}, "values from -10 to 60 gC m-2 day-1"),
        ({"heat": None, "units": {"water": "W/m^2"}}, {}, "ET: expected units"),
        ({"months": pd.PeriodIndex(["2010-01"] * 2, freq="M")}, {}, "every month once"),
        ({}, {"flags": ("NEE_QCFlag",)}, "Fco2_QCFlag: expected a variable of this name"),
        ({}, {"filled": 9999}, "Fco2_QCFlag: expected flags from 0 to 999, found 9999"),
        ({}, {"step": 15}, "time_step: expected 30 or 60 minutes"),
        ({}, {"twice": True}, "time: expected every time once"),
    ],
)
def test_ozflux_broken_files(tmp_path, summary, records, message):
    write_summary(tmp_path, **summary)
    if records is not None:
        write_records(tmp_path, **records)
    with pytest.raises(InputError, match=message):
        read_towers(tmp_path, PERIOD)


def test_ozflux_file_twice(tmp_path):
    for folder in ("2021_v1", "2022_v2"):
        (tmp_path / folder).mkdir()
        write_summary(tmp_path / folder)
        write_records(tmp_path / folder)
    with pytest.raises(InputError, match=r"one file of AU-How, .* found also"):
        read_towers(tmp_path, PERIOD)


def test_ozflux_flags_of_an_older_release(tmp_path):
    write_summary(tmp_path)
    write_records(tmp_path, flags=("Fc_QCFlag", "Fe_QCFlag"))
    assert len(read_towers(tmp_path, PERIOD)) == 12


def test_ozflux_cut_file(tmp_path):
    path = write_summary(tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        read_towers(tmp_path, PERIOD)


def test_a_flux_that_breaks_off_within_its_number_is_refused(tmp_path):
    header = "TIMESTAMP,LE_F_MDS,LE_F_MDS_QC,NEE_VUT_REF_QC,GPP_NT_VUT_REF,RECO_NT_VUT_REF"
    rows = [f"{2010 + m // 12}{m % 12 + 1:02d},50,0.9,0.9,5,{m}.1234" for m in range(24)]
    text = write(tmp_path, FLUXNET, rows, header).read_text()
    assert read_towers(tmp_path, PERIOD)["reco_site"].iloc[-1] == 23.1234
    (tmp_path / FLUXNET).write_text(text[:-1])
    assert read_towers(tmp_path, PERIOD)["reco_site"].iloc[-1] == 23.1234
    for size in range(len(text) - 7, len(text) - 1):
        (tmp_path / FLUXNET).write_text(text[:size])
        with pytest.raises(InputError, match=r"breaks off|complete rows"):
            read_towers(tmp_path, PERIOD)


def test_a_table_of_sites_that_may_be_cut_is_told(tmp_path, caplog):
    file = tmp_path / "sites.csv"
    file.write_text("site,igbp,lat,lon\nAA-One,GRA,45.1234,-99.4216")
    read_sites([file])
    assert "its last number may be cut" in caplog.text
