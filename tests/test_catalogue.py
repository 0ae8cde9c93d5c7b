"""The catalogue of raw products, and which of their files a study needs."""

import copy
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from differland.datasets import catalogue, products, sources
from differland.datasets.catalogue import find_files, read_catalogue, tabulate
from differland.errors import InputError
from differland.tables import FORCING, OBSERVATIONS, PREDICTOR_GROUPS

GRACE = "GRCTellus.JPL.200204_{}.GLO.RL06.3M.MSCNv04CRI.nc"

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def raw(configuration: dict, tmp_path: Path) -> dict[str, Any]:
    """The paper's section raw, of two years, in an empty folder."""
    section = copy.deepcopy(configuration["raw"])
    return section | {"folder": str(tmp_path), "first_year": 2020, "last_year": 2021}


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_catalogue_and_configuration_have_the_same_products(configuration: dict):
    of_driver = {name for name, row in read_catalogue().items() if row.kind != "comparison"}
    assert of_driver == set(configuration["raw"]["products"])


def test_every_variable_of_the_driver_has_a_product():
    given = {name for product in read_catalogue().values() for name in product.gives}
    studied = {name for group in ("PFT", "CLIM", "AGE", "SOIL") for name in PREDICTOR_GROUPS[group]}
    assert studied | set(FORCING) | set(OBSERVATIONS) <= given


def test_all_but_comparisons_give_the_driver_something():
    for product in read_catalogue().values():
        assert bool(product.gives) == (product.kind != "comparison"), product.name


def test_every_map_has_a_reader():
    kinds = {name: product.kind for name, product in read_catalogue().items()}
    assert {name for name, kind in kinds.items() if kind == "static"} == set(products._STATIC)
    yearly = {"era5", "mcd64cmq", *products._YEARLY}
    assert {name for name, kind in kinds.items() if kind == "yearly"} == yearly


def test_a_file_of_the_catalogue_must_follow_the_schema(monkeypatch, tmp_path: Path):
    text = Path("resources/datasets/gleam.yaml")
    root = Path(__file__).resolve().parents[1]
    (tmp_path / "gleam.yaml").write_text((root / text).read_text().replace("title:", "titel:"))
    monkeypatch.setattr("differland.datasets.catalogue.CATALOGUE", tmp_path)
    with pytest.raises(InputError, match="titel"):
        read_catalogue.__wrapped__()


def test_files_of_months_are_found_in_order(tmp_path: Path):
    product = read_catalogue()["gfed5_burned_area"]
    names = [f"BA/BA2019{month:02d}.nc" for month in range(12, 0, -1)]
    touch(tmp_path, *names, "BA/BA202001.nc")
    found = find_files(product, "burned_area", tmp_path, [2019])
    assert [file.name for file in found] == [f"BA2019{month:02d}.nc" for month in range(1, 13)]


def test_days_of_the_year_know_leap_years(tmp_path: Path):
    starts = [1, 32, 61, 92, 122, 153, 183, 214, 245, 275, 306, 336]
    touch(tmp_path, *(f"MCD64CMQ.A2020{day:03d}.061.2021.hdf" for day in starts))
    found = find_files(read_catalogue()["mcd64cmq"], "burned_area", tmp_path, [2020])
    assert len(found) == 12
    with pytest.raises(InputError, match=r"MCD64CMQ\.A2021001"):
        find_files(read_catalogue()["mcd64cmq"], "burned_area", tmp_path, [2021])


def test_what_is_missing_is_told_with_product_pattern_folder_and_where_to_get_it(tmp_path: Path):
    product = read_catalogue()["lcspp"]
    touch(tmp_path, *(f"LCSPP_MODIS_v3.2_2015{month:02d}a.nc" for month in range(1, 12)))
    with pytest.raises(InputError) as caught:
        find_files(product, "halves", tmp_path, [2015])
    for words in (str(tmp_path), "product lcspp", "v3.2*201512[ab].nc", "10.5281/zenodo.11658088"):
        assert words in str(caught.value)


def test_all_that_is_missing_is_told_by_product(raw: dict):
    missing = sources.missing_files(raw)
    used = [name for name, settings in raw["products"].items() if settings is not None]
    # Xu et al. end in 2019, before this study.
    assert set(missing) == set(used) - {"xu_biomass"}
    (gleam,) = missing["gleam"]
    assert "**/E_2020_GLEAM_v4*_MO.nc for 2020 of" in gleam
    assert gleam.endswith("found no such folder; nor for 2021 (2 files in all)")
    touch(Path(raw["folder"], "gleam"), *(f"E_{y}_GLEAM_v4.2a_MO.nc" for y in (2020, 2021)))
    assert "gleam" not in sources.missing_files(raw)


def test_all_roles_of_a_product_that_are_missing_are_told(raw: dict):
    assert len(sources.missing_files(raw)["era5"]) == 4
    era5 = read_catalogue()["era5"].files
    names = [
        era5[role].replace("{year}*", f"{y}.nc")
        for role in ("t_min", "t_max")
        for y in (2020, 2021)
    ]
    touch(Path(raw["folder"], "era5"), *names)
    assert len(sources.missing_files(raw)["era5"]) == 2


def test_files_that_only_a_calibration_reads_are_told_where_they_are_missing(raw: dict):
    """Burned area of MODIS before the study, from the first year of the overlap on."""
    raw["products"] = {
        name: settings
        for name, settings in raw["products"].items()
        if name in ("gfed5_burned_area", "mcd64cmq")
    }
    raw["products"]["mcd64cmq"]["first_overlap_year"] = 2018
    folder = Path(raw["folder"])
    months = [(year, month) for year in (2018, 2019, 2020, 2021) for month in range(1, 13)]
    touch(folder / "gfed5_burned_area", "BurnableArea.nc")
    touch(
        folder / "gfed5_burned_area",
        *(f"BA/BA{year}{month:02d}.nc" for year, month in months if year < 2021),
    )
    modis = [
        f"MCD64CMQ.A{year}{date(year, month, 1).timetuple().tm_yday:03d}.061.2023.hdf"
        for year, month in months
    ]
    touch(folder / "mcd64cmq", *(name for name in modis if "A2018" not in name))
    (line,) = sources.missing_files(raw)["mcd64cmq"]
    assert f"{folder}/mcd64cmq: product mcd64cmq: expected a file" in line
    assert "MCD64CMQ.A2018001" in line and "for 2018-01" in line
    assert line.endswith("2018-06, 2018-07, ..., 2018-12 (12 files in all)")
    touch(folder / "mcd64cmq", *modis)
    assert sources.missing_files(raw) == {}


def test_years_of_products(raw: dict):
    assert sources.product_years("gleam", raw) == [2020, 2021]
    assert sources.product_years("gfed5_burned_area", raw) == [2020]
    assert sources.product_years("mcd64cmq", raw) == [2021]
    assert sources.product_years("xu_biomass", raw) == []
    assert list(sources.overlap_years(raw)) == list(range(2002, 2021))


def test_observations_are_used_in_the_years_that_the_configuration_names(raw: dict):
    raw |= {"first_year": 2001, "last_year": 2021}
    # As the paper has it.
    assert sources.product_years("lcspp", raw) == list(range(2010, 2022))
    raw["products"]["lcspp"] |= {"first_year": None, "last_year": 2002}
    assert sources.product_years("lcspp", raw) == [2001, 2002]
    raw["products"]["cams"] = {"folder": "cams", "first_year": 2020}
    assert sources.product_years("cams", raw) == [2020, 2021]
    raw["products"]["flux_towers"]["last_year"] = 2003
    assert sources.product_years("flux_towers", raw) == [2001, 2002, 2003]
    raw["products"]["gleam"] |= {"first_year": 2005, "last_year": 2004}
    with pytest.raises(InputError) as caught:
        sources.check_raw(raw, "study.yaml")
    assert caught.value.variable == "raw.products.gleam.last_year"
    assert "raw.products.gleam.first_year = 2005" in caught.value.expected


def test_what_becomes_of_a_product_in_the_driver_grids_it_not_again(raw: dict):
    changes = {"lcspp": {"first_year": 2015}, "gfed5_emissions": {"on_cells": True}}
    for product, change in changes.items():
        before = sources.gridding_settings(product, raw)
        raw["products"][product] |= change
        assert sources.gridding_settings(product, raw) == before


@pytest.mark.parametrize(
    ("choice", "on_patches"), [("mean", False), ("index", True), ("boxes", False)]
)
def test_boxes_of_the_inversion_are_put_on_patches_by_index_alone(raw, choice, on_patches):
    raw["inversion_boxes"] = choice
    raw["products"]["cms_flux_fire"] = {"folder": "cms_flux_fire"}
    for product in ("cms_flux_nbe", "cms_flux_fire"):
        assert sources.gridding_settings(product, raw)["on_patches"] is on_patches
    assert "on_patches" not in sources.gridding_settings("grace", raw)


@pytest.mark.parametrize(
    ("changes", "roles"),
    [
        ({}, {"monthly_means", "t_min", "t_max", "dewpoint_max"}),
        ({"vapour_pressure_deficit": "magnus"}, {"monthly_means", "t_min", "t_max"}),
        ({"extremes": "hour of day"}, {"monthly_means", "hour_of_day"}),
    ],
)
def test_files_depend_on_choices(raw: dict, changes: dict, roles: set[str]):
    raw["products"]["era5"] |= changes
    for role in roles:
        touch(
            Path(raw["folder"], "era5"),
            read_catalogue()["era5"].files[role].replace("{year}*", "2020.nc"),
        )
    assert set(sources.product_sources("era5", raw, 2020)) == roles


def test_patterns_of_the_configuration_overrule_the_catalogue(raw: dict):
    raw["patterns"] = {"era5": {"monthly_means": "all_years.nc"}}
    raw["products"]["era5"] |= {"vapour_pressure_deficit": "magnus"}
    names = ["all_years.nc", "era5_daily_t_min_2020.nc", "era5_daily_t_max_2020.nc"]
    files = touch(Path(raw["folder"], "era5"), *names)
    assert sources.product_sources("era5", raw, 2020)["monthly_means"] == [files[0]]


def test_land_cover_is_that_of_the_chosen_years(raw: dict):
    raw["products"]["mcd12c1"]["years"] = [2010]
    (file,) = touch(Path(raw["folder"], "mcd12c1"), "MCD12C1.A2010001.061.2022.hdf")
    assert sources.product_sources("mcd12c1", raw) == {"land_cover": [file]}


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"last_year": 2019}, "raw.last_year"),
        ({"window": {"south": 10, "north": 10, "west": 0, "east": 10}}, "raw.window.north"),
        ({"window": {"south": 0, "north": 10, "west": 10, "east": 10}}, "raw.window.east"),
        ({"window": {"south": 0, "north": 10, "west": 0, "east": 361}}, "raw.window.east"),
        ({"patterns": {"era6": {}}}, "raw.patterns.era6"),
        ({"patterns": {"era5": {"tmin": "x"}}}, "raw.patterns.era5.tmin"),
    ],
)
def test_contradictions_are_refused(raw: dict, changes: dict, variable: str):
    with pytest.raises(InputError) as caught:
        sources.check_raw(raw | changes, "study.yaml")
    assert caught.value.variable == variable
    assert caught.value.file == "study.yaml"


def test_burned_area_must_reach_the_last_year(raw: dict):
    raw["products"]["mcd64cmq"] = None
    with pytest.raises(InputError, match=r"mcd64cmq: expected settings, since .* 2021 to 2021"):
        sources.check_raw(raw, "study.yaml")


def test_the_table_of_datasets_names_source_and_choices(raw: dict):
    (row,) = tabulate(["gleam"], {"gleam": [2020, 2021]}, raw["products"])
    assert row["years"] == "2020-2021"
    assert row["configuration key"] == "raw.products.gleam"
    assert "E (mm month-1)" in row["variables"]
    assert row["choices"] == "units: stated"
    assert row["seen of it"] == "genuine files (4.2a)"


def test_files_lie_anywhere_in_the_folder_or_where_the_pattern_says(tmp_path: Path):
    product = read_catalogue()["gleam"]
    names = [
        f"{place}E_{year}_GLEAM_v4.2a_MO.nc" for year in (2020, 2021) for place in ("", "a/b/")
    ]
    files = touch(tmp_path, *names)
    (tmp_path / "E_2020_GLEAM_v4.9_MO.nc").symlink_to(tmp_path / "nowhere")
    assert find_files(product, "evaporation", tmp_path, [2020, 2021]) == files
    chosen = find_files(product, "evaporation", tmp_path, [2021], "*/b/E_{year}*.nc")
    assert chosen == [tmp_path / names[3]]


def test_files_that_no_reader_takes_are_told_by_product(raw: dict):
    folder = Path(raw["folder"])
    touch(
        folder / "gleam",
        *(f"monthly/E_{year}_GLEAM_v4.2a_MO.nc" for year in (2019, 2020, 2021)),
        "E_2020_GLEAM_v4.2a.nc",
        "._E_2020_GLEAM_v4.2a_MO.nc",
    )
    touch(folder / "modis_lai", *(f"lai_8-day_0.05_{year}.nc" for year in (2020, 2021)))
    touch(folder / "hwsd/data", "T_SAND.nc4", "AWT_S_SOC.nc4", "AWC_CLASS.nc4", "T_SAND (1).nc4")
    assert sources.unread_files(raw) == {
        "gleam": ["E_2020_GLEAM_v4.2a.nc", "monthly/E_2019_GLEAM_v4.2a_MO.nc"],
        "hwsd": ["data/AWC_CLASS.nc4", "data/T_SAND (1).nc4"],
    }


@pytest.mark.parametrize(
    ("product", "role", "names"),
    [
        ("noaa_co2", "table", ("co2_mm_gl.csv", "co2_mm_gl_2023.csv")),
        ("grace", "mascons", [GRACE.format(end) for end in ("202312", "202403")]),
        ("xu_biomass", "biomass", [f"{x}/test10a_cd_ab_pred_corr_2000_2019_v2.tif" for x in "ab"]),
    ],
)
def test_of_two_versions_where_one_file_is_read_none_is_chosen(
    tmp_path: Path, product: str, role: str, names: list[str]
):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    find = partial(find_files, read_catalogue()[product], role, tmp_path, [])
    with pytest.raises(
        InputError, match=f"{product}: expected one file .*, {role}, tell"
    ) as caught:
        find()
    assert all(name in str(caught.value) for name in names)
    assert find(pattern=f"**/{names[1]}") == [tmp_path / names[1]]


@pytest.mark.parametrize("name", ["E_2020_GLEAM_v4.2a_MO.nc.gz", "E_2020_GLEAM_v4.2a_MO.NC"])
def test_a_file_that_is_packed_or_named_otherwise_is_told(tmp_path: Path, name: str):
    find = partial(find_files, read_catalogue()["gleam"], "evaporation", tmp_path, [2020])
    touch(tmp_path, "._hidden", "SMs_2020_GLEAM_v4.2a_MO.nc")
    with pytest.raises(InputError, match="found none among 1 files, such as SMs_2020"):
        find()
    touch(tmp_path, name)
    with pytest.raises(InputError, match=f"found none, but {name} .is it to be unpacked"):
        find()


def test_files_in_linked_folders_are_found(tmp_path: Path):
    (tmp_path / "other").mkdir()
    (tmp_path / "product").mkdir()
    touch(tmp_path / "other", "co2_mm_gl.txt")
    (tmp_path / "product/link").symlink_to(tmp_path / "other")
    (tmp_path / "product/round").symlink_to(tmp_path / "product")
    found = find_files(read_catalogue()["noaa_co2"], "table", tmp_path / "product", [])
    assert found == [tmp_path / "product/link/co2_mm_gl.txt"]
    (better,) = touch(tmp_path / "product", "co2_mm_gl.csv")
    assert find_files(read_catalogue()["noaa_co2"], "table", tmp_path / "product", []) == [better]
    better.unlink()
    (tmp_path / "product/link").unlink()
    with pytest.raises(InputError, match="found none"):
        find_files(read_catalogue()["noaa_co2"], "table", tmp_path / "product", [])


def test_hidden_copies_are_no_files_of_a_product(tmp_path: Path):
    product = read_catalogue()["noaa_co2"]
    (file, _) = touch(tmp_path, "co2_mm_gl.csv", "._co2_mm_gl.csv")
    for pattern in (None, "*.csv", "**/*.csv"):
        assert find_files(product, "table", tmp_path, [], pattern) == [file]


def test_folders_are_looked_through_once_and_shared_ones_are_told_once(
    raw: dict, monkeypatch: pytest.MonkeyPatch
):
    folder = Path(raw["folder"]) / "all"
    for name, settings in raw["products"].items():
        if settings is not None and name != "flux_towers":
            raw["products"][name] = settings | {"folder": "all"}
    names = [f"BA{year}{month:02d}.nc" for year in (2019, 2020, 2021) for month in range(1, 13)]
    touch(folder, *names, "co2_mm_gl.csv", "notes.txt")
    listed = []

    def list_names(place: Path):
        listed.append(place)
        return catalogue.list_names(place)

    monkeypatch.setattr(sources, "list_names", list_names)
    (told,) = sources.unread_files(raw).values()
    assert listed == [folder]
    # Burned area of 2021 is that of MODIS.
    assert told == [f"BA2021{month:02d}.nc" for month in range(1, 13)] + ["notes.txt"]
    listed.clear()
    sources.missing_files(raw)
    assert len(listed) == len(set(listed))


def test_the_documents_say_what_was_seen_of_each_real_product():
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{name}` | {product.title} | {product.format} | {product.seen} |"
        for name, product in read_catalogue().items()
    ]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "genuine files of ERA5, FLUXNET2015, GLEAM, CO2 and CMIP6, headers" in readme
    genuine = {name for name, product in read_catalogue().items() if "genuine" in product.seen[:7]}
    assert genuine == {"era5", "flux_towers", "gleam", "noaa_co2", "cmip6"}


def test_the_size_of_what_a_job_reads_is_that_of_its_files_on_average(raw: dict):
    raw["products"] = {
        name: settings
        for name, settings in raw["products"].items()
        if name in ("gleam", "modis_lai", "forest_age", "gfed5_burned_area", "mcd64cmq")
    }
    raw["products"]["mcd64cmq"] = None
    for name, size in (("E_2020_GLEAM_v4.2a_MO.nc", 100), ("E_2021_GLEAM_v4.2a_MO.nc", 300)):
        (file,) = touch(Path(raw["folder"], "gleam"), name)
        file.write_bytes(bytes(size))
    (file,) = touch(Path(raw["folder"], "modis_lai"), "lai_8-day_0.05_2020.nc")
    file.write_bytes(bytes(600))
    found = sources.native_bytes(raw)
    # Two years of two products, and GFED5's last; what is missing counts as none.
    assert found == {"yearly": (100 + 300 + 600) / 5, "static": 0}
