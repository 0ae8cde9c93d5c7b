"""NOAA's table of global monthly CO2, written as NOAA writes it."""

from pathlib import Path

import pandas as pd
import pytest

from differland.datasets.co2 import read_co2
from differland.errors import InputError

MONTHS = pd.period_range("2001-01", "2001-03", freq="M")

TABLE = """\
# --------------------------------------------------------------------
# USE OF NOAA GML DATA
# year,month: of the mean
year,month,decimal,average,average_unc,trend,trend_unc
2000,12,2000.958,369.59,0.10,369.33,0.06
2001,1,2001.042,370.24,0.10,369.45,0.06
2001,2,2001.125,370.85,0.10,369.58,0.06
2001,3,2001.208,371.32,0.10,369.74,0.06
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "co2_mm_gl.csv"
    file.write_text(text)
    return file


def test_average_by_month(tmp_path: Path) -> None:
    series = read_co2(write(tmp_path, TABLE), MONTHS)
    assert series.to_list() == [370.24, 370.85, 371.32]
    assert series.index.equals(MONTHS)
    assert series.name == "co2"


def test_trend_is_a_choice(tmp_path: Path) -> None:
    assert read_co2(write(tmp_path, TABLE), MONTHS, "trend").iloc[0] == 369.45


def test_older_layout_without_uncertainties_or_comments(tmp_path: Path) -> None:
    text = "year,month,decimal,average,trend\n2001,1,2001.042,370.24,369.45\n"
    assert read_co2(write(tmp_path, text), MONTHS[:1]).iloc[0] == 370.24


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("average,", "mean,", "a column of this name"),
        ("2001,2,2001.125,370.85,0.10,369.58,0.06\n", "", "2001-02"),
        ("2001,2,2001.125,370.85", "2001,2,2001.125,-99.99", "2001-02"),
        ("2001,2,", "2001,1,", "2001-01 more than once"),
        ("2001,2,", "2001,13,", "1 to 12, found 1-13"),
        ("2001,2,", "2001,0,", "1 to 12, found 0-12"),
        ("370.85", "n/a?", "average: expected numbers"),
        # Parts per thousand million, or a fill value that is not the documented one.
        ("370.85", "370850", "250 to 1000 ppm"),
        ("370.85", "-999.99", "250 to 1000 ppm"),
        ("370.85", "0.00037085", "ppm"),
        (
            "371.32,0.10,369.74,0.06\n",
            "371.3",
            "found 371.3 at the end of the last line, which breaks off",
        ),
    ],
)
def test_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = write(tmp_path, TABLE.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        read_co2(file, MONTHS)
    assert str(file) in str(error.value)


NUMBERS = "".join(f"2001,{month},2001.0,{370 + month},370\n" for month in (1, 2, 3))


@pytest.mark.parametrize(
    "text",
    [
        "# \xb5mol mol-1\n# year,month,decimal,average,trend\n" + NUMBERS,
        "\ufeff# 1\nYear, Month, Decimal, Average, Trend\n" + NUMBERS,
        "year;month;decimal;average;trend\n" + NUMBERS.replace(",", ";").replace(".", ","),
        "year,month,decimal,average,trend,flag\n" + NUMBERS.replace("370\n", "370,\n"),
        "# year month day average trend\n" + NUMBERS.replace(",", "\t"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_headers_of_other_years_and_of_spreadsheets(tmp_path: Path, text: str, encoding: str):
    file = tmp_path / "co2_mm_gl.csv"
    file.write_bytes(text.encode("utf-8" if "\ufeff" in text else encoding))
    assert read_co2(file, MONTHS).to_list() == [371, 372, 373]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# year mean unc\n 2001 370.57 0.1\n", "year: expected a column"),
        ("year,mean,unc\n2001,370.57,0.1\n", "month: expected a column"),
        ("".join(f"2001 1 {day} 370.1 370.2\n" for day in (1, 2)), "2001-01 more than once"),
        ("<html>404</html>\n", "year: expected a column"),
    ],
)
def test_other_tables_of_the_provider_are_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(InputError, match=message):
        read_co2(write(tmp_path, text), MONTHS)


def test_binary_or_empty_file(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    with pytest.raises(InputError, match="comma-separated values"):
        read_co2(file, MONTHS)
    file.write_bytes(b"\x89HDF\xff\xfe\x00,\n")
    with pytest.raises(InputError, match=r"co2_mm_gl\.csv"):
        read_co2(file, MONTHS)


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_co2(tmp_path / "co2.csv", MONTHS)


@pytest.mark.parametrize("uncertainties", [True, False])
def test_the_table_as_text(tmp_path: Path, uncertainties: bool) -> None:
    lines = ["# text, with commas", "#  year month  decimal  average  trend"]
    for month in (1, 2, 3):
        numbers = [f"{370 + month:.2f}", "0.10", f"{370:.2f}", "0.06"]
        used = numbers if uncertainties else numbers[::2]
        lines.append(f"  2001 {month:5d}  2001.{month:03d}   " + "   ".join(used))
    file = tmp_path / "co2_mm_gl.txt"
    file.write_text("\n".join(lines) + "\n")
    assert read_co2(file, MONTHS).to_list() == [371, 372, 373]
    assert read_co2(file, MONTHS, "trend").to_list() == [370, 370, 370]


@pytest.mark.parametrize("column", ["average", "trend"])
@pytest.mark.parametrize("blanks", [False, True])
def test_a_table_that_breaks_off_is_refused_or_has_all_values(
    tmp_path: Path, blanks: bool, column: str
) -> None:
    text = TABLE.replace(",0.10", "").replace(",0.06", "").replace("_unc", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    lines[0] = "year,month,decimal,average,trend"
    text = "\n".join(line.replace(",", " ") for line in lines[1:]) if blanks else "\n".join(lines)
    whole = read_co2(write(tmp_path, text + "\n"), MONTHS, column)  # type: ignore[arg-type]
    refused = 0
    for size in range(len(text) + 1):
        file = write(tmp_path, text[:size])
        try:
            assert read_co2(file, MONTHS, column).equals(whole)  # type: ignore[arg-type]
        except InputError:
            refused += 1
    assert refused == len(text)
