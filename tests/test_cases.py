"""Case files as docs/files.md describes them, through the commands that read them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from differland.__main__ import main
from differland.metrics import SKILLS
from differland.tables import OUTPUTS, PARAMETERS
from differland.terms import PAPER_WEIGHTS

PAGE = (Path(__file__).resolve().parents[1] / "docs/files.md").read_text(encoding="utf-8")
MONTHS = 24
SIZES = {"case": 2, "cell": 2, "time": MONTHS}

VALUES = {
    **{"dt": 30.4, "t_min": 8.0, "t_max": 19.0, "srad": 14.0, "vpd": 6.0, "precipitation": 2.5},
    **{"burned_fraction": 0.001, "co2": 390.0, "latitude": 48.0, "mean_temperature": 13.5},
    "mean_precipitation": 2.5,
    "time": 365.0 + 30.4 * np.arange(MONTHS),
    "doy": 15.0 + 30.4 * (np.arange(MONTHS) % 12),
}


def described(section: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Variables and dimensions that the page tells of a command."""
    table = PAGE.partition(f"### {section}\n")[2].partition("###")[0]
    for names, dimensions in re.findall(r"^\| (.*?) \| (.*?) \|", table, re.MULTILINE):
        if "`" not in names:
            continue
        dims = tuple(re.findall(r"\w+", dimensions.replace("as the observation", "cell, time")))
        told, _, listed = names.partition(": ")
        if told == "`param_<parameter>`":
            yield from (
                (f"param_{name}", dims) for name in PARAMETERS if not name.startswith("initial_")
            )
        elif "<output>" in told:
            yield from ((f"model_{name}", dims) for name in OUTPUTS if name in SIMULATED)
        elif "<" in told:
            prefix = told.strip("`").partition("<")[0]
            known = INITIAL if "as above" in listed else re.findall(r"\w+", listed)
            yield from ((prefix + name, dims) for name in known if prefix != "weight_")
        else:
            yield from ((name, dims) for name in re.findall(r"`(\w+)`", told))


INITIAL = ["labile", "foliar", "root", "wood", "litter", "som", "water"]
SIMULATED: set[str] = set()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    folder = tmp_path_factory.mktemp("cases")
    cases = xr.Dataset()
    for name, dims in described("simulate"):
        row = PARAMETERS.get(name.removeprefix("param_"))
        if row is not None:
            value = np.sqrt(row.minimum * row.maximum)
        else:
            value = VALUES[name.removeprefix("forcing_")]
        cases[name] = (dims, np.broadcast_to(value, [SIZES[dim] for dim in dims]))
    cases.to_netcdf(folder / "cases.nc")
    assert main(["simulate", str(folder / "cases.nc"), str(folder / "out.nc")]) == 0
    return folder, xr.open_dataset(folder / "out.nc").load()


def test_cases_as_the_page_describes_them_are_simulated(simulated):
    _, out = simulated
    assert len(out.data_vars) == 44
    for variable in out.data_vars.values():
        assert variable.dims == ("case", "time") and np.isfinite(variable).all()
        assert {"units", "long_name"} <= set(variable.attrs)


def test_a_loss_as_the_page_describes_it_is_worked_out(simulated, capsys):
    folder, out = simulated
    SIMULATED.update(map(str, out.data_vars))
    case = xr.Dataset()
    for name, dims in described("loss"):
        kind, _, what = name.partition("_")
        value = out[what].to_numpy() if kind == "model" else np.ones([SIZES[dim] for dim in dims])
        case[name] = (dims, value)
    case.to_netcdf(folder / "case.nc")
    assert main(["loss", str(folder / "case.nc")]) == 0
    terms = json.loads(capsys.readouterr().out)
    assert set(terms) == {*PAPER_WEIGHTS, "total"}
    assert terms["total"] == pytest.approx(sum(terms.values()) / 2)


def test_a_missing_variable_of_a_case_is_named(simulated, capsys):
    folder, _ = simulated
    with xr.open_dataset(folder / "cases.nc") as cases:
        cases.drop_vars("forcing_vpd").to_netcdf(folder / "less.nc")
    assert main(["simulate", str(folder / "less.nc"), str(folder / "none.nc")]) == 2
    assert "less.nc: forcing_vpd: expected a variable of a case file" in capsys.readouterr().err


def test_dimensions_of_cases_are_known_by_their_names(simulated):
    folder, out = simulated
    with xr.open_dataset(folder / "cases.nc") as cases:
        turned = cases.load().transpose()
    # Forcing that is the same in all months, or in all cases.
    turned["forcing_co2"] = turned["forcing_co2"][0]
    turned["forcing_doy"] = turned["forcing_doy"][:, 0]
    turned["forcing_dt"] = turned["forcing_dt"][0, 0]
    assert [turned[f"forcing_{name}"].dims for name in ("co2", "doy", "vpd")] == [
        ("case",),
        ("time",),
        ("time", "case"),
    ]
    turned.to_netcdf(folder / "turned.nc")
    assert main(["simulate", str(folder / "turned.nc"), str(folder / "again.nc")]) == 0
    xr.testing.assert_allclose(xr.open_dataset(folder / "again.nc").load(), out, rtol=1e-5)


def test_dimensions_of_a_loss_are_known_by_their_names(simulated, capsys):
    folder, _ = simulated
    with xr.open_dataset(folder / "case.nc") as case:
        case.load().transpose().to_netcdf(folder / "turned_case.nc")
    results = []
    for name in ("case.nc", "turned_case.nc"):
        assert main(["loss", str(folder / name)]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0] == pytest.approx(results[1])


@pytest.mark.parametrize(
    ("command", "name", "dimensions", "message"),
    [
        (
            "simulate",
            "forcing_vpd",
            ("site", "time"),
            "the dimensions time, case, found site, time",
        ),
        ("simulate", "param_boese_r", (), "the dimensions case, found none"),
        ("loss", "observed_nbe", ("cell", "time"), "the dimensions time, found cell, time"),
        ("loss", "model_gpp", ("time",), "the dimensions time, cell, found time"),
    ],
)
def test_other_dimensions_of_a_case_are_refused(
    simulated, tmp_path, capsys, command, name, dimensions, message
):
    folder, _ = simulated
    with xr.open_dataset(folder / {"simulate": "cases.nc", "loss": "case.nc"}[command]) as case:
        changed = case.load().drop_vars(name)
    sizes = {"site": 2, **changed.sizes}
    changed[name] = (dimensions, np.ones([sizes[dim] for dim in dimensions]))
    changed.to_netcdf(tmp_path / "bad.nc")
    words = [str(tmp_path / "bad.nc"), *([str(tmp_path / "out.nc")] * (command == "simulate"))]
    assert main([command, *words]) == 2
    assert f"bad.nc: {name}: expected {message}" in capsys.readouterr().err


def test_a_file_without_cases_is_refused(tmp_path, capsys):
    xr.Dataset({"param_boese_r": 1.0}).to_netcdf(tmp_path / "none.nc")
    assert main(["simulate", str(tmp_path / "none.nc"), str(tmp_path / "out.nc")]) == 2
    expected = "none.nc: case: expected a dimension of this name, found the dimensions none"
    assert expected in capsys.readouterr().err


def test_the_page_tells_of_every_column_of_metrics():
    table = PAGE.partition("## Columns of metrics.csv\n")[2].partition("##")[0]
    told = [
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in row.split(", ")
    ]
    columns = [
        "stage",
        "setup",
        "member",
        "split",
        "target",
        "support",
        "domain",
        "n",
        *SKILLS,
        "driver",
    ]
    assert sorted(name.strip("`") for name in told) == sorted(columns)
