"""Parameters on the grid, as other tools read them."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

from differland.analysis.fields import FILL_VALUE, parameter_fields
from differland.errors import InputError
from differland.files import write_netcdf_parts
from differland.tables import PARAMETERS, TRAITS

NAMES = list(dict.fromkeys([*PARAMETERS, *TRAITS]))


def make_parameters() -> xr.Dataset:
    """Three members and some cells of a window of 4 rows and 6 columns."""
    random = np.random.default_rng(2)
    column, row = np.meshgrid(np.arange(6), np.arange(4))
    chosen = random.permutation(24)[:17]
    # The corners are there, so that the window is known.
    chosen = np.unique([*chosen, 0, 5, 18, 23])
    random.shuffle(chosen)
    return xr.Dataset(
        {name: (("member", "cell"), random.uniform(1, 2, (3, chosen.size))) for name in NAMES},
        coords={
            "lat": ("cell", 50.125 - 0.25 * row.ravel()[chosen]),
            "lon": ("cell", -1.375 + 0.25 * column.ravel()[chosen]),
        },
        attrs={"setup": "PFT"},
    )


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "grid.nc"
    write_netcdf_parts(parameter_fields(make_parameters()), file)
    return file


def test_every_cell_is_in_its_place(path) -> None:
    parameters = make_parameters()
    with xr.open_dataset(path) as grid:
        assert dict(grid.sizes) == {"lat": 4, "lon": 6, "bnds": 2}
        np.testing.assert_array_equal(grid["lat"], 50.125 - 0.25 * np.arange(4))
        np.testing.assert_array_equal(grid["lon"], -1.375 + 0.25 * np.arange(6))
        for name in NAMES:
            facts = {**PARAMETERS, **TRAITS}[name]
            assert grid[name].attrs["units"] == facts.units
            assert grid[f"{name}_spread"].attrs["units"] == facts.units
        places = {"lat": parameters["lat"], "lon": parameters["lon"]}
        for name in ("q10", "boese_r", "leaf_lifespan"):
            assert int(grid[name].notnull().sum()) == parameters.sizes["cell"]
            np.testing.assert_allclose(
                grid[name].sel(places), parameters[name].mean("member"), rtol=1e-6
            )
            np.testing.assert_allclose(
                grid[f"{name}_spread"].sel(places),
                np.std(parameters[name], axis=0, ddof=1),
                rtol=1e-5,
            )


def test_the_file_follows_the_conventions(path) -> None:
    with netCDF4.Dataset(path) as file:
        assert file.Conventions.startswith("CF-1.")
        assert set(file.dimensions) == {"lat", "lon", "bnds"}
        for axis, edges, sign in (("lat", 50.25, -1), ("lon", -1.5, 1)):
            variable = file[axis]
            assert variable.standard_name == {"lat": "latitude", "lon": "longitude"}[axis]
            assert variable.units == {"lat": "degrees_north", "lon": "degrees_east"}[axis]
            assert "_FillValue" not in variable.ncattrs()
            bounds = file[variable.bounds]
            assert "_FillValue" not in bounds.ncattrs()
            np.testing.assert_array_equal(
                bounds[:, 0], edges + sign * 0.25 * np.arange(len(bounds))
            )
            np.testing.assert_array_equal(bounds[1:, 0], bounds[:-1, 1])
        data = [name for name in file.variables if file[name].dimensions == ("lat", "lon")]
        assert len(data) == 2 * len(NAMES)
        for name in data:
            assert file[name].dtype == np.float32
            assert file[name]._FillValue == FILL_VALUE
            assert file[name].filters()["zlib"]
            assert file[name].long_name and file[name].units
        assert file["q10"][:].mask.sum() == 24 - make_parameters().sizes["cell"]


def test_days_are_those_of_the_year() -> None:
    parameters = make_parameters()
    parameters["leaf_onset_day"][:] = np.array([[364.0], [365.25 + 2], [3 * 365.25 + 366]])
    (part,) = (part for part in parameter_fields(parameters) if "leaf_onset_day" in part)
    mean, spread = part["leaf_onset_day"], part["leaf_onset_day_spread"]
    # 364, 367.25 and 366 days: a little after the turn of the year.
    np.testing.assert_allclose(mean.to_numpy()[mean.notnull()], 365.75 - 365.25, atol=1e-4)
    expected = np.std([364, 367.25, 366], ddof=1)
    np.testing.assert_allclose(spread.to_numpy()[spread.notnull()], expected, rtol=1e-4)


def test_what_does_not_fit_the_grid_is_refused() -> None:
    parameters = make_parameters()
    towers = parameters.assign_coords(lat=parameters["lat"] + 0.05)
    with pytest.raises(InputError, match="flux towers"):
        next(parameter_fields(towers))
    twice = xr.concat([parameters, parameters.isel(cell=[0])], "cell")
    with pytest.raises(InputError, match="once"):
        next(parameter_fields(twice))
    with pytest.raises(InputError, match="at least 2 members"):
        next(parameter_fields(parameters.isel(member=[0])))
    with pytest.raises(InputError, match="boese_r"):
        list(parameter_fields(parameters.drop_vars("boese_r")))
