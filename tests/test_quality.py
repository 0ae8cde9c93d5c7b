"""Quality control of a driver: statistics by hand, and a remark for every planted mistake."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from differland import quality
from differland.errors import InputError
from differland.files import write_netcdf
from differland.tables import FORCING, OBSERVATIONS, PREDICTOR_GROUPS, PREDICTORS
from differland.terms import OBSERVED_VARIABLES

YEARS = 2
FRACTIONS = PREDICTOR_GROUPS["PFT"]
STUDIED = [name for group in ("PFT", "CLIM", "SOIL", "AGE") for name in PREDICTOR_GROUPS[group]]


def make_driver() -> xr.Dataset:
    """Make a plausible driver of two years: 40 cells from 58 S to 70 N, in 5 patches."""
    random = np.random.default_rng(3)
    latitude = np.linspace(-58, 70, 40)
    months = 12 * YEARS
    # July is the warmest month in the north, January in the south.
    summer = np.sign(latitude)[:, None] * np.cos(2 * np.pi * (np.arange(months) - 6) / 12)
    growth = 1.0 + 0.6 * summer + 0.1 * random.random((40, months))
    level = 24 - 0.35 * np.abs(latitude)
    temperature = level[:, None] + 0.2 * np.abs(latitude)[:, None] * summer
    saturation = 6.11 * 10 ** (7.5 * (temperature + 5) / (237.3 + temperature + 5))
    rain = 1.5 + random.random((40, months))
    monthly = {
        "t_min": temperature - 5,
        "t_max": temperature + 5,
        "srad": 15 + 0.15 * np.abs(latitude)[:, None] * summer,
        "vpd": 0.4 * saturation,
        "precipitation": rain,
        "burned_fraction": 0.01 * random.random((40, months)),
        "lai": 2 * growth,
        "sif": 0.4 * growth,
        "biomass": np.full((40, months), 3000.0) + 100 * random.random((40, 1)),
        "gpp_site": 3 * growth,
    }
    driver = xr.Dataset(
        {name: (("cell", "time"), values) for name, values in monthly.items()},
        coords={
            "lat": ("cell", latitude),
            "lon": ("cell", np.linspace(-120, 140, 40)),
            "patch": ("cell", np.arange(40) // 8),
            "time": pd.date_range("2001-01-01", periods=months, freq="MS") + pd.Timedelta("14D"),
        },
    )
    driver["gpp_site"][2:] = np.nan
    driver["nbe"] = ("patch", "time"), random.normal(0, 0.5, (5, months))
    driver["ewt"] = ("patch", "time"), random.normal(0, 80, (5, months))
    driver["co2"] = "time", 370 + 0.15 * np.arange(months)
    driver["soil_organic_carbon"] = "cell", 8000 + 4000 * random.random(40)
    shares = random.dirichlet(np.ones(10), 40).T
    for name, share in zip(FRACTIONS, shares, strict=True):
        driver[name] = "cell", share
    driver["mean_annual_temperature"] = "cell", temperature.mean(axis=1)
    driver["mean_annual_precipitation"] = "cell", 365.25 * rain.mean(axis=1)
    for name, value in {"sand": 45, "silt": 30, "clay": 22, "bulk_density": 1.3}.items():
        driver[name] = "cell", value * (1 + 0.05 * random.random(40))
    return driver


def make_patches() -> xr.Dataset:
    """Keep all patches but the last."""
    return xr.Dataset({"number": ("patch", np.arange(4))})


def describe(driver: xr.Dataset, *names: str) -> pd.DataFrame:
    return quality.check_quality(driver, make_patches(), names).set_index("variable")


def scaled(name: str, factor: float) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda driver: driver.assign({name: driver[name] * factor})


def swapped(name: str) -> Callable[[xr.Dataset], xr.Dataset]:
    """Give the northernmost cell the values of the southernmost one, and so on."""
    return lambda driver: driver.assign({name: (driver[name].dims, driver[name].to_numpy()[::-1])})


def only(name: str, cells: int, months: int) -> Callable[[xr.Dataset], xr.Dataset]:
    """Leave the first months of the first cells."""
    few = masked(name, slice(cells, None), slice(None))
    return lambda driver: masked(name, slice(None), slice(months, None))(few(driver))


def masked(name: str, cells: slice, months: slice) -> Callable[[xr.Dataset], xr.Dataset]:
    def mask(driver: xr.Dataset) -> xr.Dataset:
        values = driver[name].to_numpy().copy()
        values[cells, months] = np.nan
        return driver.assign({name: (driver[name].dims, values)})

    return mask


class TestRemarks:
    def test_a_plausible_driver_has_none(self) -> None:
        driver = make_driver()
        names = [*(str(name) for name in driver.data_vars)]
        remarks = describe(driver, *names)["remark"]
        assert remarks[remarks != ""].to_dict() == {}

    def test_the_synthetic_planet_has_none(self, driver: xr.Dataset, patches: xr.Dataset) -> None:
        names = [*STUDIED, *FORCING, *OBSERVED_VARIABLES.values()]
        table = quality.check_quality(driver, patches, names).set_index("variable")
        # So small a planet may lack a plant type.
        remarks = table["remark"].drop(list(FRACTIONS))
        assert remarks[remarks != ""].to_dict() == {}

    @pytest.mark.parametrize(
        ("name", "mistake", "words"),
        [
            ("vpd", scaled("vpd", 0.1), "kPa?"),
            ("srad", scaled("srad", 1 / 3.6), "kWh m-2 day-1"),
            ("lai", scaled("lai", 10), "scale factor"),
            ("soil_organic_carbon", scaled("soil_organic_carbon", 1e-3), "kgC m-2"),
            ("biomass", scaled("biomass", 1e-3), "kgC m-2"),
            ("ewt", scaled("ewt", 0.1), "cm or m"),
            ("nbe", scaled("nbe", 30), "per month"),
            ("precipitation", scaled("precipitation", 30), "mm month-1"),
            ("mean_annual_precipitation", scaled("precipitation", 30), "0.033 times"),
            ("mean_annual_temperature", scaled("t_max", 5), "against the mean of t_min and t_max"),
            ("sand", scaled("silt", 0.01), "sum with silt, clay"),
            (FRACTIONS[0], scaled(FRACTIONS[8], 0.0), ""),
            (FRACTIONS[0], scaled(FRACTIONS[0], 30.0), "expected 0.5 to 1.02"),
            ("lai", swapped("lai"), "against the sun"),
            ("srad", swapped("srad"), "against the sun"),
            ("t_min", swapped("t_min"), "north and south"),
            ("lai", masked("lai", slice(None), slice(6, 8)), "2 months without any value, the"),
            ("lai", masked("lai", slice(None), slice(6, 8)), "first 2001-07"),
            ("lai", only("lai", 1, 3), "coverage of 0.31% only"),
            ("gpp_site", only("gpp_site", 1, 3), ""),
            ("lai", masked("lai", slice(None), slice(0, 12)), ""),
            ("lai", masked("lai", slice(None), slice(None)), "no value"),
            ("clay", scaled("clay", 0.0), "almost constant"),
            ("sif", lambda driver: driver.drop_vars("sif"), "not in the driver"),
        ],
    )
    def test_a_mistake_is_told(
        self, name: str, mistake: Callable[[xr.Dataset], xr.Dataset], words: str
    ) -> None:
        remark = describe(mistake(make_driver()), name)["remark"][name]
        assert words in remark
        assert bool(words) == bool(remark)

    def test_what_grows_after_winter_rain_is_not_upside_down(self) -> None:
        driver = make_driver()
        # Three months ahead of the sun, as in California.
        early = np.roll(driver["lai"].to_numpy(), -3, axis=1)
        assert describe(driver.assign(lai=(("cell", "time"), early)), "lai")["remark"]["lai"] == ""

    def test_the_tropics_have_no_season_to_turn_over(self) -> None:
        driver = swapped("lai")(make_driver())
        tropics = driver.isel(cell=np.flatnonzero(np.abs(driver["lat"]) < 23))
        assert describe(tropics, "lai")["remark"]["lai"] == ""


class TestStatistics:
    def test_of_cells_and_months(self) -> None:
        driver = make_driver()
        values = driver["lai"].to_numpy().copy()
        # Cells 0 to 31 are in the patches that are kept; 8 to 39 lose the first year.
        values[8:, :12] = np.nan
        values[36] = np.nan
        row = describe(driver.assign(lai=(("cell", "time"), values)), "lai").loc["lai"]
        known = [
            (np.cos(np.deg2rad(float(driver["lat"][cell]))), values[cell, month])
            for cell in range(40)
            for month in range(24)
            if not np.isnan(values[cell, month])
        ]
        assert row["coverage"] == pytest.approx(len(known) / 960)
        expected = sum(area * value for area, value in known) / sum(area for area, _ in known)
        assert row["mean"] == pytest.approx(expected)
        single = np.array([value for _, value in known])
        assert row["minimum"] == single.min()
        assert row["maximum"] == single.max()
        assert row["percentile_1"] == pytest.approx(np.percentile(single, 1))
        assert row["median"] == pytest.approx(np.percentile(single, 50))
        assert row["percentile_99"] == pytest.approx(np.percentile(single, 99))
        assert (row["places"], row["places_total"]) == (39, 40)
        assert (row["patches"], row["patches_total"]) == (5, 5)
        assert (row["patches_kept"], row["kept_total"]) == (4, 4)
        assert (row["first_month"], row["last_month"], row["months"]) == ("2001-01", "2002-12", 24)
        assert (row["kind"], row["units"]) == ("observation", "m2 m-2")
        assert (row["allowed_minimum"], row["allowed_maximum"]) == (0, 20)

    def test_of_patches(self) -> None:
        driver = make_driver()
        values = driver["nbe"].to_numpy().copy()
        values[:3] = np.nan
        row = describe(driver.assign(nbe=(("patch", "time"), values)), "nbe").loc["nbe"]
        assert row["coverage"] == pytest.approx(2 / 5)
        assert (row["places"], row["places_total"]) == (2, 5)
        assert (row["patches"], row["patches_kept"]) == (2, 1)
        area = np.cos(np.deg2rad(driver["lat"].to_numpy())).reshape(5, 8).sum(axis=1)
        expected = (area[3] * values[3].mean() + area[4] * values[4].mean()) / (area[3] + area[4])
        assert row["mean"] == pytest.approx(expected)

    def test_of_what_has_no_cells_or_no_months(self) -> None:
        table = describe(make_driver(), "co2", "clay")
        assert table.loc["co2", "mean"] == pytest.approx(370 + 0.15 * 11.5)
        assert table.loc["co2", "places_total"] == 0
        assert table.loc["co2", "months"] == 24
        assert table.loc["clay", "months"] == 0
        assert table.loc["clay", "places"] == 40

    def test_of_every_month(self) -> None:
        driver = make_driver()
        values = driver["lai"].to_numpy().copy()
        values[:, 4] = np.nan
        values[10:, 5] = np.nan
        driver = driver.assign(lai=(("cell", "time"), values))
        months = quality.monthly_statistics(driver, "lai")
        area = np.cos(np.deg2rad(driver["lat"].to_numpy()))
        assert months["mean"].iloc[0] == pytest.approx((area * values[:, 0]).sum() / area.sum())
        assert months.iloc[4].isna().all()
        few = values[:10, 5]
        assert months["mean"].iloc[5] == pytest.approx((area[:10] * few).sum() / area[:10].sum())
        assert months["percentile_95"].iloc[5] == pytest.approx(np.percentile(few, 95))
        assert list(months.index) == list(driver["time"].to_numpy())
        np.testing.assert_allclose(
            quality.monthly_statistics(driver, "co2")["mean"], driver["co2"].to_numpy()
        )


class TestFiles:
    def test_variables_are_read_one_at_a_time(self, tmp_path: Path) -> None:
        driver = make_driver()
        write_netcdf(driver, tmp_path / "driver.nc")
        with quality.open_driver(tmp_path / "driver.nc") as opened:
            table = quality.check_quality(opened, make_patches(), ["lai", "nbe", "vpd"])
            # The values of a cached variable would stay in memory.
            assert not any(opened[name].variable._in_memory for name in ("lai", "vpd", "t_max"))
        expected = quality.check_quality(driver, make_patches(), ["lai", "nbe", "vpd"])
        pd.testing.assert_frame_equal(table, expected)

    def test_no_file_and_no_driver_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "text.nc").write_text("no driver")
        for name in ("absent.nc", "text.nc"):
            with (
                pytest.raises(InputError, match=name),
                quality.open_driver(tmp_path / name),
            ):
                pass


class TestNames:
    @pytest.mark.parametrize(
        ("name", "kind", "base"),
        [
            ("sand", "predictor", "sand"),
            ("co2", "forcing", "co2"),
            ("et", "observation", "et"),
            ("et_site", "observation", "et_site"),
            ("lai_copernicus", "observation", "lai"),
            ("et_site_other", "observation", "et_site"),
        ],
    )
    def test_products_are_told_by_their_observation(self, name: str, kind: str, base: str) -> None:
        assert quality.known_variable(name)[:2] == (kind, base)

    def test_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(InputError, match="leaf_area"):
            quality.known_variable("leaf_area")

    def test_plausible_ranges_are_those_of_variables(self) -> None:
        tables = {**PREDICTORS, **FORCING, **OBSERVATIONS}
        for name, plausible in quality.PLAUSIBLE.items():
            facts = tables[name]
            assert plausible.statistic in ("median", "mean", "half_range")
            assert plausible.minimum < plausible.maximum
            # A range that the allowed one holds already would never be left.
            assert facts.maximum is None or plausible.maximum <= facts.maximum
            assert facts.minimum is None or plausible.minimum >= facts.minimum
