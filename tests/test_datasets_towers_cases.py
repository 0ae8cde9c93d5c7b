"""Flux towers: what is wrong with a file is told, for each network and step."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from differland.datasets.towers import (
    find_site_tables,
    plant_cover,
    put_on_cells,
    read_sites,
    read_towers,
)
from differland.errors import InputError
from differland.regridding.grid import Grid

PERIOD = pd.period_range("2001-01", "2023-12", freq="M")

NAMES = {
    "FLUXNET2015": "FLX_DE-Hai_FLUXNET2015_FULLSET_{}_2010-2011_1-4.csv",
    "AmeriFlux": "AMF_US-Ha1_FLUXNET_FLUXMET_{}_2010-2011_v1.3_r1.csv",
    "ICOS": "ICOSETC_BE-Bra_FLUXNET_{}_L2.csv",
}
COLUMNS = {
    "LE_F_MDS": 80.0,
    "LE_F_MDS_QC": 0.9,
    "LE_CORR": 100.0,
    "NEE_VUT_REF": -2.0,
    "NEE_VUT_REF_QC": 0.8,
    "NEE_CUT_REF_QC": 0.0,
    "LE_CORR_QC": 0.0,
    "RECO_NT_VUT_REF": 4.0,
    "GPP_NT_VUT_REF": 6.0,
    "RECO_DT_VUT_REF": 40.0,
    "GPP_DT_VUT_REF": 50.0,
    "RECO_NT_CUT_REF": 41.0,
    "GPP_NT_CUT_REF": 51.0,
}
MONTHS = [f"{year}{month:02d}" for year in (2010, 2011) for month in range(1, 13)]

every_network = pytest.mark.parametrize("network", NAMES)


def table(months: list[str] = MONTHS, **changed: object) -> pd.DataFrame:
    """Gross primary production is 6 and a hundredth more in each month."""
    frame = pd.DataFrame(COLUMNS, index=pd.Index(months, name="TIMESTAMP"))
    frame["GPP_NT_VUT_REF"] += np.arange(len(months)) / 100
    return frame.assign(**changed)


def write(folder: Path, network: str, frame: pd.DataFrame, step: str = "MM") -> Path:
    path = folder / NAMES[network].format(step)
    frame.to_csv(path)
    return path


@every_network
@pytest.mark.parametrize("order", [list(COLUMNS), sorted(COLUMNS), list(COLUMNS)[::-1]])
def test_columns_are_told_by_name(tmp_path, network, order):
    write(tmp_path, network, table()[order])
    towers = read_towers(tmp_path, PERIOD)
    assert list(towers["month"].astype(str)) == [f"{m[:4]}-{m[4:]}" for m in MONTHS]
    assert towers["gpp_site"].to_list() == pytest.approx([6 + k / 100 for k in range(24)])
    assert (towers["reco_site"] == 4.0).all()
    # 80 W m-2 are 6.912 MJ m-2 day-1; 2.45 MJ evaporate a kilogram.
    assert towers["et_site"].to_list() == pytest.approx([6.912 / 2.45] * 24)
    closed = read_towers(tmp_path, PERIOD, latent_heat="LE_CORR")
    assert closed["et_site"].to_list() == pytest.approx([8.64 / 2.45] * 24)


@every_network
@pytest.mark.parametrize(
    "column", ["LE_F_MDS", "LE_F_MDS_QC", "NEE_VUT_REF_QC", "RECO_NT_VUT_REF", "GPP_NT_VUT_REF"]
)
def test_wrong_variables(tmp_path, network, column):
    write(tmp_path, network, table().drop(columns=column))
    with pytest.raises(InputError, match=f"{column}: expected a column of this name"):
        read_towers(tmp_path, PERIOD)


@every_network
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        # Grams in a month, a year, or in milligrams; joules; percent.
        ("GPP_NT_VUT_REF", 180.0, "gC m-2 day-1"),
        ("RECO_NT_VUT_REF", 1500.0, "gC m-2 day-1"),
        ("LE_F_MDS", 6.9e6, "mm day-1"),
        ("NEE_VUT_REF_QC", 80.0, "a share"),
        ("LE_F_MDS_QC", 90.0, "a share"),
    ],
)
def test_wrong_units(tmp_path, network, column, value, message):
    write(tmp_path, network, table(**{column: value}))
    with pytest.raises(InputError, match=rf"{column}: expected values from .*{message}"):
        read_towers(tmp_path, PERIOD)


@every_network
@pytest.mark.parametrize(
    ("column", "lost"),
    [
        ("GPP_NT_VUT_REF", {"gpp_site"}),
        ("RECO_NT_VUT_REF", {"reco_site"}),
        ("LE_F_MDS", {"et_site"}),
        ("NEE_VUT_REF_QC", {"gpp_site", "reco_site"}),
        ("LE_F_MDS_QC", {"et_site"}),
        ("GPP_DT_VUT_REF", set()),
    ],
)
def test_missing_values(tmp_path, network, column, lost):
    frame = table()
    frame.loc["201003", column] = -9999
    write(tmp_path, network, frame)
    towers = read_towers(tmp_path, PERIOD).set_index("month")
    march = towers.loc[pd.Period("2010-03", "M"), ["gpp_site", "reco_site", "et_site"]]
    assert set(march.index[march.isna()]) == lost
    assert len(towers) == 24


@every_network
@pytest.mark.parametrize("value", [-6999.0, -99999.0, 1e20])
def test_fill_values_that_are_not_documented(tmp_path, network, value):
    frame = table()
    frame.loc["201003", "RECO_NT_VUT_REF"] = value
    write(tmp_path, network, frame)
    with pytest.raises(InputError, match="RECO_NT_VUT_REF: expected values from"):
        read_towers(tmp_path, PERIOD)


@every_network
def test_a_missing_month_is_a_gap(tmp_path, network):
    write(tmp_path, network, table().drop(index="201005"))
    towers = read_towers(tmp_path, PERIOD).set_index("month")["gpp_site"]
    assert pd.Period("2010-05", "M") not in towers.index
    assert towers[pd.Period("2010-06", "M")] == pytest.approx(6.05)
    assert towers[pd.Period("2010-04", "M")] == pytest.approx(6.03)


@every_network
def test_a_duplicate_month_is_refused(tmp_path, network):
    months = [*MONTHS[:4], MONTHS[3], *MONTHS[5:]]
    write(tmp_path, network, table(months))
    with pytest.raises(InputError, match="TIMESTAMP: expected every month once, found 2010-04"):
        read_towers(tmp_path, PERIOD)


@every_network
def test_truncated_within_a_row(tmp_path, network):
    path = write(tmp_path, network, table())
    text = path.read_text()
    for kept in (len(text) - 20, len(text) // 2):
        path.write_text(text[:kept].rsplit(",", 2)[0])
        with pytest.raises(InputError, match=rf"{path.name}: \w+: expected"):
            read_towers(tmp_path, PERIOD)


@pytest.mark.parametrize("network", ["FLUXNET2015", "AmeriFlux"])
@pytest.mark.parametrize("months", [MONTHS[:12], MONTHS[12:]])
def test_truncated_between_rows(tmp_path, network, months):
    """The names of ICOS do not tell the years."""
    write(tmp_path, network, table(months))
    with pytest.raises(InputError, match="expected 2010-2011, as the file is named, found 201"):
        read_towers(tmp_path, PERIOD)


@every_network
def test_truncated_archive(tmp_path, network):
    path = write(tmp_path, network, table())
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, path.name)
    path.unlink()
    assert len(read_towers(tmp_path, PERIOD)) == 24
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"site\.zip: file: expected a complete archive"):
        read_towers(tmp_path, PERIOD)


@every_network
def test_quality_at_the_limit_is_enough(tmp_path, network):
    """1 - 0.7 is a little more than 0.3 in binary."""
    write(tmp_path, network, table(NEE_VUT_REF_QC=0.3, LE_F_MDS_QC=0.3))
    assert len(read_towers(tmp_path, PERIOD, maximum_gap_filled=0.7)) == 24
    assert read_towers(tmp_path, PERIOD, maximum_gap_filled=0.69).empty


def test_the_record_that_ends_last_goes_before_the_younger_network(tmp_path):
    later = "FLX_US-Ha1_FLUXNET2015_SUBSET_MM_2011-2012_1-3.csv"
    months = [f"{year}{month:02d}" for year in (2011, 2012) for month in range(1, 13)]
    table(months, GPP_NT_VUT_REF=1.0).to_csv(tmp_path / later)
    table(GPP_NT_VUT_REF=2.0).to_csv(tmp_path / NAMES["AmeriFlux"].format("MM"))
    towers = read_towers(tmp_path, PERIOD)
    years = towers.groupby(towers["month"].dt.year)["gpp_site"].unique().map(list)
    assert years.to_dict() == {2010: [2.0], 2011: [1.0], 2012: [1.0]}


def records(step: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """All records of two years, measured but for the first tenth of each month."""
    times = pd.date_range("2010-01-01", "2011-12-31 23:59", freq="30min" if step == "HH" else "1h")
    filled = (times.day - 1) < times.days_in_month / 10
    flags = np.where(filled, 1, 0)
    frame = pd.DataFrame(
        {
            "TIMESTAMP_END": (times + (times[1] - times[0])).strftime("%Y%m%d%H%M"),
            "NEE_VUT_REF_QC": flags,
            "LE_F_MDS_QC": flags,
        },
        index=pd.Index(times.strftime("%Y%m%d%H%M"), name="TIMESTAMP_START"),
    )
    return change(frame)


def two_days_more(frame: pd.DataFrame) -> pd.DataFrame:
    """Of which one flag is missing and the other that of a poor fill."""
    later = pd.Series(frame.index).str[6:8].isin(["20", "21"]).to_numpy()
    return frame.assign(
        NEE_VUT_REF_QC=np.where(later, -9999, frame["NEE_VUT_REF_QC"]),
        LE_F_MDS_QC=np.where(later, 3, frame["LE_F_MDS_QC"]),
    )


@every_network
@pytest.mark.parametrize("step", ["HH", "HR"])
def test_measured_records(tmp_path, network, step):
    write(tmp_path, network, table())
    write(tmp_path, network, records(step, lambda frame: frame), step)

    def months(share: float) -> pd.DataFrame:
        return read_towers(tmp_path, PERIOD, share, "half-hourly")

    # 4 of 31, 3 of 28 and 3 of 30 days, as 10 % end within a day.
    assert set(months(0.101)["month"].dt.days_in_month) == {30}
    assert set(months(0.11)["month"].dt.days_in_month) == {28, 30}
    assert len(months(0.13)) == 24
    write(tmp_path, network, records(step, two_days_more), step)
    assert months(0.13).empty
    assert len(months(0.2)) == 24


@every_network
def test_duplicate_and_cut_records(tmp_path, network):
    write(tmp_path, network, table())
    twice = records("HH", lambda frame: pd.concat([frame[:1], frame]))
    path = write(tmp_path, network, twice, "HH")
    with pytest.raises(InputError, match="TIMESTAMP_START: expected every time once"):
        read_towers(tmp_path, PERIOD, gap_rule="half-hourly")
    text = path.read_text()
    path.write_text(text[: len(text) - 4])
    with pytest.raises(InputError, match=path.name):
        read_towers(tmp_path, PERIOD, gap_rule="half-hourly")


def test_swapped_coordinates_of_sites(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text("site_id,lon,lat,IGBP\nUS-Ha1,-72.1715,42.5378,DBF\n")
    sites = read_sites([path])
    assert sites.loc["US-Ha1", ["latitude", "longitude"]].to_list() == [42.5378, -72.1715]
    path.write_text("site_id,lat,lon,IGBP\nJP-Tak,137.4231,36.1462,DBF\n")
    with pytest.raises(InputError, match=r"latitude: expected degrees at JP-Tak, found 137\.4231"):
        read_sites([path])


@pytest.mark.parametrize(("longitude", "column"), [(-72.1715, 431), (287.8285, 431), (0.0, 720)])
def test_sites_from_0_to_360_lie_in_the_same_cell(tmp_path, longitude, column):
    path = tmp_path / "sites.csv"
    path.write_text(f"site_id,lat,lon,IGBP\nBE-Bra,42.5378,{longitude},DBF\n")
    write(tmp_path, "ICOS", table())
    cells = put_on_cells(read_towers(tmp_path, PERIOD), read_sites([path]), PERIOD)
    # 42.5378 N is 47.4622 south of the pole: 189 whole cells of a quarter degree.
    assert (cells["row"].item(), cells["column"].item()) == (189, column)
    first = cells["gpp_site"].sel(time="2010-01-01")
    assert first.item() == pytest.approx(6.0)
    assert cells["gpp_site"].count() == 24


@pytest.mark.parametrize(
    ("igbp", "name"),
    [
        ("ENF", "needleleaf_forest"),
        ("DNF", "needleleaf_forest"),
        ("EBF", "evergreen_broadleaf_forest"),
        ("DBF", "deciduous_broadleaf_forest"),
        ("MF", "mixed_forest"),
        ("CSH", "shrubland"),
        ("OSH", "shrubland"),
        ("WSA", "savanna"),
        ("SAV", "savanna"),
        ("GRA", "grassland"),
        ("WET", "wetland"),
        ("CRO", "cropland"),
        ("CVM", "cropland"),
        ("URB", "nonvegetated"),
        ("SNO", "nonvegetated"),
        ("BSV", "nonvegetated"),
    ],
)
def test_plant_type_of_each_class(igbp, name):
    types = (
        *("needleleaf_forest", "evergreen_broadleaf_forest", "deciduous_broadleaf_forest"),
        *("mixed_forest", "shrubland", "savanna", "grassland", "wetland", "cropland"),
        "nonvegetated",
    )
    cover = {other: np.array([[0.6 if other == name else 0.04]]) for other in types}
    site = pd.DataFrame({"latitude": [0.5], "longitude": [0.5], "igbp": [igbp]}, ["AA-Aaa"])
    assert (
        plant_cover(site, cover, Grid(np.array([1.0, 0.0]), np.array([0.0, 1.0])))["AA-Aaa"] == 0.6
    )


@every_network
def test_damaged_archive(tmp_path, network):
    path = write(tmp_path, network, table())
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, path.name)
    path.unlink()
    content = bytearray(archive.read_bytes())
    content[200:260] = b"\xff" * 60
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"site\.zip"):
        read_towers(tmp_path, PERIOD)


SHUTTLE = ("AMF", "ICOS", "EUF", "TERN", "JPF", "KOF", "FLX", "SAEON", "CNF", "NEW")


def test_all_networks_of_the_present_distribution_are_read(tmp_path, caplog):
    text = table().to_csv()
    for number, hub in enumerate(SHUTTLE):
        stem = f"{hub}_XX-T{number:02d}_FLUXNET"
        name = f"{stem}_FLUXMET_MM_2010-2011_v1.3_r1.csv"
        if number % 2:
            (tmp_path / name).write_text(text)
            continue
        with zipfile.ZipFile(tmp_path / f"{stem}_2010-2011_v1.3_r1.zip", "w") as archive:
            archive.writestr(f"folder/{name}", text)
            archive.writestr(
                f"{stem}_ERA5_MM_1981-2025_v1.3_r1.csv", "TIMESTAMP,TA_ERA\n198101,1\n"
            )
            archive.writestr(f"{stem}_BIFVARINFO_MM_2010-2011_v1.3_r1.csv", "x")
            archive.writestr(f"{stem}_FLUXMET_DD_2010-2011_v1.3_r1.csv", "x")
    towers = read_towers(tmp_path, PERIOD)
    networks = towers.groupby("site")["network"].first()
    assert networks.to_dict() == {
        f"XX-T{number:02d}": {"AMF": "AmeriFlux", "FLX": "FLUXNET"}.get(hub, hub)
        for number, hub in enumerate(SHUTTLE)
    }
    assert len(towers) == 24 * len(SHUTTLE)
    assert "not read" not in caplog.text


def test_weather_in_the_archives_of_fluxnet2015_is_left_alone(tmp_path):
    stem = "FLX_DE-Hai_FLUXNET2015"
    with zipfile.ZipFile(tmp_path / f"{stem}_FULLSET_2010-2011_1-4.zip", "w") as archive:
        archive.writestr(f"{stem}_FULLSET_MM_2010-2011_1-4.csv", table().to_csv())
        for other in ("ERAI_MM_1989-2014", "AUXMETEO_2010-2011", "AUXNEE_2010-2011"):
            archive.writestr(f"{stem}_{other}_1-4.csv", "TIMESTAMP,TA_ERA\n198901,1\n")
    assert len(read_towers(tmp_path, PERIOD)) == 24


def test_archives_of_archives_capitals_and_second_downloads(tmp_path):
    inner = tmp_path / "inner"
    name = "FLX_{}_FLUXNET2015_SUBSET_MM_2010-2011_1-4{}"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(name.format("AA-One", ".csv"), table().to_csv())
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.write(inner, "FLX_AA-One_FLUXNET2015_SUBSET_2010-2011_1-4.zip")
    inner.unlink()
    (tmp_path / name.format("AA-Two", ".CSV")).write_text(table().to_csv())
    for copy in (".csv", " (1).csv"):
        (tmp_path / name.format("AA-Tre", copy)).write_text(table().to_csv())
    towers = read_towers(tmp_path, PERIOD)
    assert towers.groupby("site").size().to_dict() == {"AA-One": 24, "AA-Tre": 24, "AA-Two": 24}


def test_files_that_nobody_reads_are_named_and_counted(tmp_path, caplog):
    write(tmp_path, "ICOS", table())
    (tmp_path / "EUF_ES-LJu_FLUXES_2010.csv").write_text("x")
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "._notes.docx").write_text("x")
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.writestr("AA-One_MM.csv", "x")
    read_towers(tmp_path, PERIOD)
    (message,) = [record.message for record in caplog.records if "not read" in record.message]
    assert "3 files are not read" in message
    for name in ("EUF_ES-LJu_FLUXES_2010.csv", "site.zip/AA-One_MM.csv", "notes.docx"):
        assert name in message


FACTS = (
    "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\n"
    "DE-Hai,1,GRP_LOCATION,LOCATION_LAT,51.08\n"
    "DE-Hai,1,GRP_LOCATION,LOCATION_LONG,10.45\n"
    "DE-Hai,2,GRP_IGBP,IGBP,DBF\n"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("AMF_AA-Flx_FLUXNET-BIF_CCBY4_20231211.csv", FACTS.encode()),
        (
            "FLX_AA-Flx_BIF_LATEST.csv",
            (FACTS + "DE-Hai,3,GRP_TEAM,TEAM_MEMBER_NAME,J\xfcrgen\n").encode("latin-1"),
        ),
        (
            "ICOSETC_DE-Hai_SITEINFO_L2.csv",
            (FACTS + 'DE-Hai,3,GRP_SITE,SITE_DESC,beech, "oak, and a\nroad, to it\n').encode(),
        ),
        ("ICOS_DE-Hai_FLUXNET_BIF_1996-2024_v1.3_r1.csv", FACTS.replace("\n", "\r\n").encode()),
        ("sites.csv", b"site_id;lat;lon;IGBP\nDE-Hai;51,08;10,45;DBF\n"),
        ("sites.csv", b'site_id,lat,lon,IGBP\nDE-Hai,"51,08","10,45",dbf\n'),
        ("sites.csv", "site_id,lat,lon,IGBP\nDE-Hai,51°04'48\"N,10°27'E,DBF\n".encode()),
        ("sites.csv", "site_id\tlat\tlon\tIGBP\nDE-Hai\tN 51.08\t10.45\tDBF\n".encode("utf-16")),
        (
            "AmeriFlux-site-search-results-202401.tsv",
            b"Site ID\tName\tLatitude (degrees)\tLongitude (degrees)\t"
            b"Vegetation Abbreviation (IGBP)\nDE-Hai\tHainich\t51.08\t10.45\tDBF\n",
        ),
        (
            "siteinfo_fluxnet2015.csv",
            b"sitename,lon,lat,elv,igbp_land_use\nDE-Hai,10.45,51.08,430,DBF\n",
        ),
        (
            "Fluxnet_site_info.csv",
            b"SiteCode,Fullname,SiteLatitude,SiteLongitude,IGBP\n"
            b"DE-Hai,Hainich,51.08,10.45,Deciduous Broadleaf Forests\n"
            b"US-One,bare, comma,1,2,DBF\n,,,,\n",
        ),
        ("ICOSETC_DE-Hai_SITEINFO_INTERIM_L2.csv", FACTS.encode()),
        ("ICOSETC_DE-Hai_SITEINFO_L2 (1).csv", FACTS.replace(",", "\t").encode()),
        (
            "fluxnet_snapshot_2026.csv",
            b"data_hub,site_id,site_name,location_lat,location_long,igbp\n"
            b'EUF,DE-Hai,"Hainich, old",51.08,10.45,DBF\n',
        ),
    ],
)
def test_tables_of_sites_as_networks_and_users_write_them(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (tmp_path / f"._{name}").write_bytes(b"\x00\x05\xff")
    tables = find_site_tables(tmp_path)
    assert [table.name for table in tables] == [name]
    assert read_sites(tables).loc["DE-Hai"].to_list()[:3] == [51.08, 10.45, "DBF"]


def test_classes_may_stand_in_another_table_than_places(tmp_path, caplog):
    (tmp_path / "ICOS_stations.csv").write_text(
        "uri,id,name,lat,lon\nx,DE-Hai,Hainich,51.08,10.45\nx,FI-Hyy,Hyytiala,,\n"
    )
    with pytest.raises(InputError, match=r"stations\.csv: IGBP: expected a column of this name"):
        read_sites(find_site_tables(tmp_path))
    facts = FACTS.splitlines()
    (tmp_path / "ICOSETC_DE-Hai_SITEINFO_L2.csv").write_text("\n".join([facts[0], facts[-1]]))
    sites = read_sites(find_site_tables(tmp_path))
    assert sites.loc["DE-Hai"].to_list() == [51.08, 10.45, "DBF", "Hainich"]
    assert "1 sites have no place in the tables: FI-Hyy" in caplog.text


def test_sites_with_places_far_apart_are_named_and_the_first_counts(tmp_path, caplog):
    numbers = (
        FACTS.replace(",1,", ",9,") + "DE-Hai,10,G,LOCATION_LAT,52\nDE-Hai,10,G,LOCATION_LONG,1\n"
    )
    (tmp_path / "FLX_AA-Flx_BIF_LATEST.csv").write_text(numbers)
    sites = read_sites(find_site_tables(tmp_path))
    assert sites.loc["DE-Hai", ["latitude", "longitude"]].to_list() == [51.08, 10.45]
    assert "1 sites have several places, of which the first counts: DE-Hai" in caplog.text


def test_a_site_without_the_columns_of_a_flux_is_named_and_the_others_are_read(tmp_path, caplog):
    """Of 781 sites of the present distribution 165 have no fluxes of a variable threshold."""
    constant = table().drop(columns=[name for name in COLUMNS if "VUT" in name])
    constant.to_csv(tmp_path / "EUF_GL-Dsk_FLUXNET_FLUXMET_MM_2010-2011_v1.3_r1.csv")
    table().drop(columns="LE_F_MDS_QC").to_csv(tmp_path / NAMES["AmeriFlux"].format("MM"))
    write(tmp_path, "FLUXNET2015", table())
    towers = read_towers(tmp_path, PERIOD)
    counts = towers.groupby("site")[["gpp_site", "reco_site", "et_site"]].count()
    assert counts.T.to_dict("list") == {
        "DE-Hai": [24, 24, 24],
        "GL-Dsk": [0, 0, 24],
        "US-Ha1": [24, 24, 0],
    }
    assert "1 of 3 files have no column GPP_NT_VUT_REF, and so no flux of it: EUF_GL" in caplog.text


def test_files_packed_alone_and_in_linked_folders_are_read(tmp_path):
    other, folder = tmp_path / "other", tmp_path / "towers"
    other.mkdir()
    folder.mkdir()
    write(other, "AmeriFlux", table())
    (folder / "link").symlink_to(other)
    (folder / "round").symlink_to(folder)
    packed = folder / (NAMES["FLUXNET2015"].format("MM") + ".gz")
    packed.write_bytes(gzip.compress(table().to_csv().encode()))
    assert read_towers(folder, PERIOD).groupby("site").size().to_dict() == {
        "DE-Hai": 24,
        "US-Ha1": 24,
    }
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(InputError, match=rf"{packed.name}: file: expected"):
        read_towers(folder, PERIOD)


@pytest.mark.parametrize("release", ["INTERIM_L2", "01", "L2 (1)"])
def test_every_release_of_icos_is_read_and_several_files_of_a_site_are_named(
    tmp_path, caplog, release
):
    write(tmp_path, "ICOS", table())
    other = NAMES["ICOS"].format("MM").replace("L2", release)
    table(GPP_NT_VUT_REF=9.0).to_csv(tmp_path / other)
    (tmp_path / NAMES["ICOS"].format("DD").replace("L2", release)).write_text("x")
    towers = read_towers(tmp_path, PERIOD)
    assert "not read" not in caplog.text
    assert "1 sites have several files" in caplog.text
    newest = other if release == "L2 (1)" else NAMES["ICOS"].format("MM")
    assert f"BE-Bra ({newest}, not" in caplog.text
    assert (towers["gpp_site"] == 9).all() == (newest == other)


@pytest.mark.parametrize("network", ["FLUXNET2015", "AmeriFlux"])
def test_a_file_that_ends_within_its_last_year_is_cut(tmp_path, network):
    write(tmp_path, network, table(MONTHS[:21]))
    with pytest.raises(InputError, match="as the file is named, found 201001 to 201109"):
        read_towers(tmp_path, PERIOD)


def test_archives_packed_on_windows_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        name = zipfile.ZipInfo("folder")
        name.filename = "folder\\" + NAMES["FLUXNET2015"].format("MM")
        archive.writestr(name, table().to_csv())
    assert len(read_towers(tmp_path, PERIOD)) == 24


def test_a_table_that_is_none_of_sites_is_named(tmp_path, caplog):
    (tmp_path / "sites.csv").write_text("site_id,lat,lon,IGBP\nDE-Hai,51.08,10.45,DBF\n")
    (tmp_path / "notes_on_sites.csv").write_text("site,remark\nDE-Hai,fine\n")
    assert list(read_sites(find_site_tables(tmp_path)).index) == ["DE-Hai"]
    assert "1 files are not read" in caplog.text
    assert "notes_on_sites.csv" in caplog.text


def test_towers_without_a_place_are_named(caplog):
    months = pd.period_range("2010-01", "2010-03", freq="M")
    towers = pd.DataFrame(
        {"site": ["US-Tst"] * 3 + ["DE-Tst"] * 3, "month": [*months, *months]}
        | dict.fromkeys(("gpp_site", "reco_site", "et_site"), 1.0)
    )
    sites = pd.DataFrame({"latitude": 40.1, "longitude": -88.3, "igbp": "CRO"}, ["DE-Tst"])
    assert put_on_cells(towers, sites, months)["site"].values.tolist() == ["DE-Tst"]
    assert "1 of 2 towers are left out" in caplog.text
    assert "US-Tst" in caplog.text
