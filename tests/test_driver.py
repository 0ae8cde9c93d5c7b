"""Reading a driver: every mistake is told with file, variable, expectation and finding."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from differland.driver import check_predictors, predictors_of_setup, read_driver
from differland.errors import InputError
from differland.files import read_netcdf, write_netcdf
from differland.glance import check_spin_up
from differland.tables import FORCING, PREDICTOR_GROUPS, PREDICTORS

Change = Callable[[xr.Dataset], xr.Dataset]


def put(name: str, index: tuple, value: float) -> Change:
    """Change one number of a variable."""

    def change(driver: xr.Dataset) -> xr.Dataset:
        driver[name].values[index] = value
        return driver

    return change


def units(name: str, text: str | None) -> Change:
    """Change the units of a variable, or take them away."""

    def change(driver: xr.Dataset) -> xr.Dataset:
        if text is None:
            del driver[name].attrs["units"]
        else:
            driver[name].attrs["units"] = text
        return driver

    return change


def months(function: Callable[[pd.DatetimeIndex], pd.DatetimeIndex]) -> Change:
    """Change the time axis."""
    return lambda driver: driver.assign_coords(time=function(driver.indexes["time"]))


def patch(function: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change the number of each cell's patch."""

    def change(driver: xr.Dataset) -> xr.Dataset:
        driver["patch"].values[:] = function(driver["patch"].values.copy())
        return driver

    return change


BAD = {
    "no forcing variable": (lambda d: d.drop_vars("vpd"), "vpd", "no such variable"),
    "no latitude": (lambda d: d.drop_vars("lat"), "lat", "no such variable"),
    "radiation in W m-2": (units("srad", "W m-2"), "srad", "units 'W m-2'"),
    "pressure in kPa": (units("vpd", "kPa"), "vpd", "units 'kPa'"),
    "temperature in K": (units("t_max", "K"), "t_max", "units 'K'"),
    "cover in percent": (units("cropland", "%"), "cropland", "units '%'"),
    "no units": (units("lai", None), "lai", "no attribute units"),
    "kelvin called degC": (
        lambda d: d.assign(t_max=(d["t_max"] + 273.15).assign_attrs(d["t_max"].attrs)),
        "t_max",
        "values from -90 to 70 degC, found",
    ),
    "NaN in forcing": (put("srad", (3, 5), np.nan), "srad", "'cell': 3, 'time': 5"),
    "NaN in CO2": (put("co2", (5,), np.nan), "co2", "'time': 5"),
    "NaN in a predictor": (put("savanna", (2,), np.nan), "savanna", "'cell': 2"),
    "infinite observation": (put("lai", (2, 2), np.inf), "lai", "1 infinite"),
    "negative LAI": (put("lai", (2, 2), -3.0), "lai", "-3 to"),
    "t_max below t_min": (put("t_max", (4, 7), -80.0), "t_max", "cell 4, month 7"),
    "means taken for extremes": (
        lambda d: d.assign(t_max=d["t_min"].assign_attrs(d["t_max"].attrs)),
        "t_max",
        "the same values in whole years",
    ),
    "means taken for extremes in one year": (
        lambda d: d.assign(t_max=d["t_max"].where(d["time"].dt.year != 2002, d["t_min"])),
        "t_max",
        "cells and years, the first at cell 0, year 2",
    ),
    "a gap": (lambda d: d.isel(time=[*range(10), *range(11, 48)]), "time", "2001-12"),
    "days": (months(lambda t: pd.date_range(t[0], periods=len(t), freq="D")), "time", "2001-01"),
    "a month twice": (lambda d: d.isel(time=[0, 0, *range(1, 47)]), "time", "2001-01"),
    "no whole years": (lambda d: d.isel(time=slice(0, 40)), "time", "40 months"),
    "not from January": (lambda d: d.isel(time=slice(1, 37)), "time", "2001-02"),
    "cell outside the patch list": (
        patch(lambda p: np.where(p == 7, 30, p)),
        "patch",
        "30 at cell",
    ),
    "negative patch": (patch(lambda p: np.where(p == 7, -2, p)), "patch", "-2 at cell"),
    "empty patch": (patch(lambda p: np.where(p == 3, 4, p)), "patch", "no cell in patch 3"),
    "transposed nowhere": (
        lambda d: d.assign(srad=d["srad"].isel(time=0, drop=True)),
        "srad",
        "dimensions ('cell',)",
    ),
    "patch observation per cell": (
        lambda d: d.assign(nbe=d["lai"].assign_attrs(units="gC m-2 day-1")),
        "nbe",
        "dimensions",
    ),
    "negative weight": (
        lambda d: d.assign(gpp_site_weight=(d["gpp_site"] * 0 - 1).assign_attrs(units="1")),
        "gpp_site_weight",
        "-1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_driver_is_refused(planet_file: Path, tmp_path: Path, case: str):
    change, variable, found = BAD[case]
    path = tmp_path / "bad_driver.nc"
    driver = change(read_netcdf(planet_file))
    for name in driver.variables:
        driver[name].encoding = {}
    write_netcdf(driver, path)
    with pytest.raises(InputError) as caught:
        read_driver(path)
    message = str(caught.value)
    assert caught.value.variable == variable
    assert "bad_driver.nc" in message
    assert found in message
    assert re.search(r"expected .+, found .+", message)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_half_written_driver_is_refused(planet_file: Path, tmp_path: Path, share: float):
    path = tmp_path / "half.nc"
    content = planet_file.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"half\.nc: file: expected a complete NetCDF file"):
        read_driver(path)


def test_absent_driver_is_told(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_driver(tmp_path / "none.nc")


def test_driver_reads_back_as_it_was(driver: xr.Dataset, tmp_path: Path):
    write_netcdf(driver, tmp_path / "driver.nc")
    again = read_driver(tmp_path / "driver.nc")
    for name in driver.data_vars:
        np.testing.assert_array_equal(driver[name], again[name], err_msg=str(name))
    assert (driver.indexes["time"] == again.indexes["time"]).all()


def test_order_of_dimensions_and_longitudes_do_not_matter(planet_file: Path, tmp_path: Path):
    raw = read_netcdf(planet_file)
    raw["srad"] = raw["srad"].transpose("time", "cell")
    east = raw["lon"].copy(data=raw["lon"].to_numpy() % 360)
    raw = raw.assign_coords(lon=east)
    write_netcdf(raw.drop_encoding(), tmp_path / "turned.nc")
    turned, straight = read_driver(tmp_path / "turned.nc"), read_driver(planet_file)
    np.testing.assert_array_equal(turned["srad"], straight["srad"])
    np.testing.assert_allclose(turned["lon"], straight["lon"], atol=1e-9)


def test_driver_without_observations_is_still_a_driver(driver: xr.Dataset, tmp_path: Path):
    forcing_only = driver[[*FORCING, *PREDICTOR_GROUPS["CLIM"]]]
    write_netcdf(forcing_only, tmp_path / "forcing.nc")
    assert "lai" not in read_driver(tmp_path / "forcing.nc")


def test_alternative_products_are_checked_like_their_observation(
    driver: xr.Dataset, tmp_path: Path
):
    other = driver.assign(lai_copernicus=driver["lai"].assign_attrs(units="%"))
    write_netcdf(other, tmp_path / "product.nc")
    with pytest.raises(InputError, match="lai_copernicus"):
        read_driver(tmp_path / "product.nc")


def test_setup_needing_an_absent_predictor_names_both(driver: xr.Dataset):
    poorer = driver.drop_vars("clay")
    groups = {group: PREDICTOR_GROUPS[group] for group in ("PFT", "CLIM", "SOIL", "AGE")}
    check_predictors(poorer, "driver.nc", ["PFT+CLIM", "LATLON"], groups)
    with pytest.raises(InputError, match=r"driver\.nc: clay: .*PFT\+SOIL"):
        check_predictors(poorer, "driver.nc", ["PFT", "PFT+SOIL"], groups)


def test_predictors_of_a_setup_follow_the_configuration():
    chosen = {"PFT": ["savanna"], "CLIM": ["elevation"]}
    assert predictors_of_setup("PFT+CLIM", chosen) == ("savanna", "elevation")
    assert predictors_of_setup("LATLON", chosen) == ("latitude", "longitude")


def test_real_sites_are_a_driver(reference: Path):
    driver = read_driver(reference / "data/fluxnet_sites.nc")
    assert driver.sizes == {"cell": 150, "time": 192}
    assert sum(name in driver for name in PREDICTORS) == 10 + 2 + 3


def test_patches_do_not_matter_where_nothing_is_trained(planet_file: Path, tmp_path: Path):
    raw = read_netcdf(planet_file).drop_vars("patch").isel(cell=[3, 11, 40])
    write_netcdf(raw.drop_encoding(), tmp_path / "elsewhere.nc")
    with pytest.raises(InputError, match="patch"):
        read_driver(tmp_path / "elsewhere.nc")
    driver = read_driver(tmp_path / "elsewhere.nc", in_patches=False)
    assert driver["patch"].to_numpy().tolist() == [0, 1, 2]
    assert "nbe" not in driver


def test_a_record_that_is_all_spin_up_is_refused(driver: xr.Dataset) -> None:
    months = driver.sizes["time"]
    check_spin_up(months, "sites.nc", months - 12)
    with pytest.raises(InputError, match=rf"sites.nc: time: expected more .* = {months}\)"):
        check_spin_up(months, "sites.nc", months)
