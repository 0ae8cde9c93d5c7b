"""Reader of MCD12C1: HDF4 files laid out as the provider ships them, on a coarser grid."""

from pathlib import Path

import numpy as np
import pytest

from differland.datasets.land_cover import read_classes, read_land_cover, vegetated_land
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import regular_grid

SD = pytest.importorskip("pyhdf.SD")

ROWS, COLUMNS = 18, 36

CORNERS = (
    'GROUP=GridStructure\n\tGROUP=GRID_1\n\t\tGridName="MOD12C1"\n\t\tXDim=36\n\t\tYDim=18\n'
    "\t\tUpperLeftPointMtrs=(-180000000.000000,90000000.000000)\n"
    "\t\tLowerRightMtrs=(180000000.000000,-90000000.000000)\n\t\tProjection=GCTP_GEO\n"
)


def write(
    folder: Path,
    values: np.ndarray,
    year: int = 2001,
    units: str = "percent in integers",
    structure: str = CORNERS,
    variable: str = "Land_Cover_Type_1_Percent",
    dimensions: tuple[str, str, str] = ("YDim", "XDim", "Num_IGBP_Classes"),
    processed: int = 2022146170455,
    declared: bool = True,
) -> Path:
    path = folder / f"MCD12C1.A{year}001.061.{processed}.hdf"
    file = SD.SD(str(path), SD.SDC.WRITE | SD.SDC.CREATE)
    stored = file.create(variable, SD.SDC.UINT8, values.shape)
    for axis, name in enumerate(dimensions):
        stored.dim(axis).setname(f"{name}:MOD12C1")
    stored.setcompress(SD.SDC.COMP_DEFLATE, 5)
    stored.units = units
    if declared:
        stored.setfillvalue(255)
    stored[:] = values.astype(np.uint8)
    stored.endaccess()
    majority = file.create("Majority_Land_Cover_Type_1", SD.SDC.UINT8, values.shape[:2])
    majority[:] = np.zeros(values.shape[:2], np.uint8)
    majority.endaccess()
    setattr(file, "StructMetadata.0", structure)
    file.end()
    return path


@pytest.fixture
def ocean() -> np.ndarray:
    values = np.zeros((ROWS, COLUMNS, 17))
    values[..., 0] = 100
    return values


def cell(ocean: np.ndarray, row: int, column: int, **percent: int) -> np.ndarray:
    ocean[row, column] = 0
    for code, share in percent.items():
        ocean[row, column, int(code.removeprefix("c"))] = share
    return ocean


def fractions(folder: Path, *years: int) -> dict[str, np.ndarray]:
    return {field.name: field.whole() for field in read_land_cover(folder, years or (2001,))}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0, "water"),
        (1, "needleleaf_forest"),
        (2, "evergreen_broadleaf_forest"),
        (3, "needleleaf_forest"),
        (4, "deciduous_broadleaf_forest"),
        (5, "mixed_forest"),
        (6, "shrubland"),
        (7, "shrubland"),
        (8, "savanna"),
        (9, "savanna"),
        (10, "grassland"),
        (11, "wetland"),
        (12, "cropland"),
        (13, "nonvegetated"),
        (14, "cropland"),
        (15, "nonvegetated"),
        (16, "nonvegetated"),
    ],
)
def test_each_class_goes_where_the_paper_says(tmp_path, ocean, code, name):
    ocean[4, 7] = 0
    ocean[4, 7, code] = 100
    write(tmp_path, ocean)
    found = {key: values[4, 7] for key, values in fractions(tmp_path).items()}
    assert found.pop(name) == 1
    assert len(found) == 10
    assert set(found.values()) == {0}


def test_percent_becomes_fraction(tmp_path, ocean):
    write(tmp_path, cell(ocean, 4, 7, c0=10, c1=20, c3=5, c12=30, c14=15, c13=8, c16=12))
    found = {name: values[4, 7] for name, values in fractions(tmp_path).items()}
    expected = {"water": 0.1, "needleleaf_forest": 0.25, "cropland": 0.45, "nonvegetated": 0.2}
    assert {name: value for name, value in found.items() if value > 0} == pytest.approx(expected)
    assert all(field.units == "1" for field in read_land_cover(tmp_path, [2001]))


def test_rounded_percentages_add_up_to_one(tmp_path, ocean):
    write(tmp_path, cell(ocean, 4, 7, c1=33, c5=33, c10=33))
    found = fractions(tmp_path)
    assert found["grassland"][4, 7] == pytest.approx(1 / 3)
    np.testing.assert_allclose(sum(found.values()), 1, rtol=1e-12)


def test_years_are_averaged(tmp_path, ocean):
    write(tmp_path, cell(ocean.copy(), 4, 7, c10=100), 2001)
    write(tmp_path, cell(ocean.copy(), 4, 7, c10=50, c12=50), 2002)
    write(tmp_path, cell(ocean.copy(), 4, 7, c12=100), 2003)
    assert fractions(tmp_path, 2001, 2002)["grassland"][4, 7] == 0.75
    assert fractions(tmp_path, 2002, 2003)["grassland"][4, 7] == 0.25
    assert fractions(tmp_path, 2003)["cropland"][4, 7] == 1


def test_many_years_do_not_overflow(tmp_path, ocean):
    for year in range(2001, 2004):
        write(tmp_path, ocean, year)
    assert (fractions(tmp_path, 2001, 2002, 2003)["water"] == 1).all()


def test_corners_are_packed_degrees(tmp_path, ocean):
    # 90 degrees, 30 minutes and 45 seconds west are 90.5125 degrees.
    structure = CORNERS.replace("(-180000000", "(-90030045").replace("(180000000", "(90030045")
    write(tmp_path, ocean, structure=structure)
    (grid,) = {field.grid for field in read_land_cover(tmp_path, [2001])}
    assert grid.longitude_edges[[0, -1]] == pytest.approx([-90.5125, 90.5125], abs=1e-9)
    assert grid.latitude_edges[[0, -1]].tolist() == [90, -90]


@pytest.mark.parametrize("orientation", ["north-up", "south-up", "from 0 to 360"])
def test_the_map_is_the_same_however_the_file_lies(tmp_path, ocean, orientation):
    # 45 N, 105 W.
    values = cell(ocean, 4, 7, c10=100)
    structure = CORNERS
    if orientation == "south-up":
        values = values[::-1]
        structure = structure.replace(",90000000", ",N").replace(",-90000000", ",90000000")
        structure = structure.replace(",N", ",-90000000")
    if orientation == "from 0 to 360":
        values = np.roll(values, -18, axis=1)
        structure = structure.replace("(-180000000", "(0").replace("(180000000", "(360000000")
    write(tmp_path, values, structure=structure)
    field = next(f for f in read_land_cover(tmp_path, [2001]) if f.name == "grassland")
    target = regular_grid(10)
    mapped = Regridder.between(field.grid, target).apply(field.whole())
    assert mapped.sum() == pytest.approx(1)
    row, column = np.unravel_index(mapped.argmax(), mapped.shape)
    assert (target.latitude[row], target.longitude[column]) == (45, -105)


@pytest.mark.parametrize("declared", [True, False])
def test_fill_value_is_missing_in_all_types(tmp_path, ocean, declared):
    ocean[0, 0] = 255
    ocean[1, 1, 5] = 255
    write(tmp_path, ocean, declared=declared)
    for values in fractions(tmp_path).values():
        assert np.isnan(values[[0, 1], [0, 1]]).all()
        assert np.isfinite(values).sum() == ROWS * COLUMNS - 2


def test_rows_are_the_rows_of_the_whole(tmp_path, ocean):
    write(tmp_path, cell(ocean, 4, 7, c10=100))
    for field in read_land_cover(tmp_path, [2001]):
        np.testing.assert_array_equal(field.read(slice(3, 6)), field.whole()[3:6])


ROWS_OF_CLASSES = [
    "water,0",
    *("needleleaf_forest,1", "evergreen_broadleaf_forest,2", "needleleaf_forest,3"),
    *("deciduous_broadleaf_forest,4", "mixed_forest,5", "shrubland,6", "shrubland,7"),
    *("savanna,8", "savanna,9", "grassland,10", "wetland,11", "cropland,12", "nonvegetated,13"),
    *("cropland,14", "nonvegetated,15", "nonvegetated,16"),
]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS_OF_CLASSES[:-1], "igbp_code: expected each code from 0 to 16 once"),
        ([*ROWS_OF_CLASSES, "savanna,9"], "igbp_code: expected each code from 0 to 16 once"),
        # MCD12Q1 counts from 1, and its water is 17.
        (["water,17", *ROWS_OF_CLASSES[1:]], "igbp_code: expected each code from 0 to 16 once"),
        (
            [row.replace("wetland", "savanna") for row in ROWS_OF_CLASSES],
            "igbp_code: expected each code from 0 to 16 once",
        ),
        (["sea,0", *ROWS_OF_CLASSES[1:]], "variable: expected one of .*found sea"),
    ],
)
def test_broken_tables_of_classes(tmp_path, rows, message):
    table = tmp_path / "pft_classes.csv"
    header = "variable,igbp_code\n"
    table.write_text(header + "\n".join(ROWS_OF_CLASSES) + "\n")
    assert read_classes(table)["cropland"] == [12, 14]
    table.write_text(header + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match=message):
        read_classes(table)


def test_mask_is_that_of_the_paper():
    water = np.array([0.5, 0.51, 0.0, 0.0, np.nan, 0.0])
    bare = np.array([0.2, 0.0, 0.2, 0.21, 0.0, np.nan])
    assert vegetated_land(water, bare).tolist() == [True, False, True, False, False, False]
    assert vegetated_land(water, bare, maximum_water=0.6)[1]
    assert not vegetated_land(water, bare, maximum_nonvegetated=0.1)[2]


def test_missing_year_is_named(tmp_path, ocean):
    write(tmp_path, ocean, 2001)
    with pytest.raises(InputError, match=r"year 2002: expected one file MCD12C1.A2002001.*none"):
        read_land_cover(tmp_path, [2001, 2002])


def test_year_that_is_there_twice_is_named(tmp_path, ocean):
    write(tmp_path, ocean)
    write(tmp_path, ocean, processed=2023244164746)
    with pytest.raises(InputError, match=r"year 2001: expected one file .*170455.*164746"):
        read_land_cover(tmp_path, [2001])


def test_no_year_is_refused(tmp_path):
    with pytest.raises(InputError, match="years: expected at least one year"):
        read_land_cover(tmp_path, [])


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_truncated_file_is_named(tmp_path, ocean, kept):
    path = write(tmp_path, ocean)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"2146170455\.hdf: file: expected a complete HDF4 file"):
        fractions(tmp_path)


def test_damaged_data_are_named(tmp_path, ocean):
    rng = np.random.default_rng(1)
    ocean[..., 1] = rng.integers(0, 50, ocean.shape[:2])
    ocean[..., 0] = 100 - ocean[..., 1]
    path = write(tmp_path, ocean)
    content = bytearray(path.read_bytes())
    start = content.find(b"\x78\x5e")
    start = start if start > 0 else content.find(b"\x78")
    content[start : start + 40] = bytes(40)
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="complete HDF4 file"):
        fractions(tmp_path)


def test_wrong_variable_is_named(tmp_path, ocean):
    write(tmp_path, ocean, variable="Land_Cover_Type_2_Percent")
    expected = (
        "Land_Cover_Type_1_Percent: expected a data set of this name, found only .*Type_2_Percent"
    )
    with pytest.raises(InputError, match=expected):
        read_land_cover(tmp_path, [2001])


def test_wrong_units_are_refused(tmp_path, ocean):
    write(tmp_path, ocean, units="class number")
    with pytest.raises(InputError, match="found units 'class number'"):
        read_land_cover(tmp_path, [2001])


def test_other_legend_is_refused(tmp_path, ocean):
    write(tmp_path, ocean[..., :14])
    with pytest.raises(InputError, match=r"expected dimensions YDim.*found .*\(18, 36, 14\)"):
        read_land_cover(tmp_path, [2001])


def test_other_order_of_dimensions_is_refused(tmp_path, ocean):
    names = ("Num_IGBP_Classes", "YDim", "XDim")
    write(tmp_path, np.moveaxis(ocean, -1, 0), dimensions=names)
    with pytest.raises(InputError, match=r"expected dimensions YDim.*found Num_IGBP_Classes"):
        read_land_cover(tmp_path, [2001])


def test_rows_and_columns_by_mistake_are_refused(tmp_path, ocean):
    names = ("XDim", "YDim", "Num_IGBP_Classes")
    write(tmp_path, np.swapaxes(ocean, 0, 1), dimensions=names)
    with pytest.raises(InputError, match=r"expected dimensions YDim.*found XDim"):
        read_land_cover(tmp_path, [2001])


def test_file_without_corners_is_refused(tmp_path, ocean):
    write(tmp_path, ocean, structure="GROUP=SwathStructure")
    with pytest.raises(InputError, match=r"StructMetadata\.0: expected UpperLeftPointMtrs"):
        read_land_cover(tmp_path, [2001])


@pytest.mark.parametrize(
    ("step", "structure"),
    [
        (2, CORNERS),
        (1, CORNERS.replace("(-180000000", "(0").replace("(180000000", "(360000000")),
        (1, CORNERS.replace(",90000000", ",80000000").replace(",-90000000", ",-80000000")),
    ],
)
def test_two_grids_are_refused(tmp_path, ocean, step, structure):
    write(tmp_path, ocean, 2001)
    write(tmp_path, ocean[::step, ::step], 2002, structure=structure)
    with pytest.raises(InputError, match=r"expected the grid of MCD12C1\.A2001"):
        read_land_cover(tmp_path, [2001, 2002])


def test_what_is_no_percentage_is_refused(tmp_path, ocean):
    write(tmp_path, cell(ocean.copy(), 4, 7, c1=101))
    with pytest.raises(
        InputError, match="expected values from 0 to 100 percent, or 255, found 101"
    ):
        fractions(tmp_path)


def test_classes_that_miss_the_whole_are_refused(tmp_path, ocean):
    write(tmp_path, cell(ocean, 4, 7, c1=40))
    with pytest.raises(InputError, match="add up to 100 percent within 10, found 40 to 40"):
        fractions(tmp_path)
