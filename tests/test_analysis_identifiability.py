"""Coefficient of variation of the parameters across members."""

import numpy as np
import pytest
import xarray as xr

from differland.analysis.identifiability import identifiability
from differland.errors import InputError
from differland.tables import PARAMETERS


def parameters_of(values):
    """Dataset in which every parameter has the same `values` (member, cell)."""
    values = np.asarray(values, dtype=np.float32)
    return xr.Dataset(
        {name: (("member", "cell"), values.copy()) for name in PARAMETERS},
        coords={
            "member": [f"{seed:02d}" for seed in range(1, len(values) + 1)],
            "lat": ("cell", np.linspace(-60, 60, values.shape[1])),
            "lon": ("cell", np.linspace(-180, 180, values.shape[1])),
        },
    )


def test_hand_derived_case():
    # Members 1 and 3: mean 2, sample standard deviation sqrt(2). Cells: 0, sqrt(2)/2, 0.4 sqrt(2).
    table, maps = identifiability(parameters_of([[5, 1, 3], [5, 3, 7]]), threshold=0.6)
    expected = [0, np.sqrt(2) / 2, 0.4 * np.sqrt(2)]
    np.testing.assert_allclose(
        maps["coefficient_of_variation"].sel(parameter="boese_r"),
        expected,
        rtol=1e-6,
    )
    assert maps["coefficient_of_variation"].dims == ("parameter", "cell")
    assert maps["coefficient_of_variation"].dtype == np.float32
    np.testing.assert_allclose(table["median_cv"], 0.4 * np.sqrt(2))
    assert table["identifiable"].all()
    assert list(table.columns) == ["parameter", "units", "median_cv", "identifiable", "threshold"]


def test_all_parameters_in_the_order_of_the_table():
    table, maps = identifiability(parameters_of([[1, 2], [2, 3]]), 0.6)
    assert len(table) == 40
    assert list(table["parameter"]) == list(PARAMETERS)
    assert list(maps["parameter"].values) == list(PARAMETERS)
    assert list(table["units"]) == [parameter.units for parameter in PARAMETERS.values()]


def test_threshold_separates_parameters():
    parameters = parameters_of([[1, 1, 1], [3, 3, 3]])
    parameters["field_capacity"][:] = 7
    table, _ = identifiability(parameters, threshold=0.6)
    assert list(table.loc[table["identifiable"], "parameter"]) == ["field_capacity"]
    assert identifiability(parameters, threshold=0.8)[0]["identifiable"].all()


def test_one_member_is_not_enough():
    with pytest.raises(InputError, match="at least 2 members, found 1"):
        identifiability(parameters_of([[1, 2, 3]]), 0.6)


def test_a_missing_parameter_is_named():
    with pytest.raises(InputError, match="boese_r"):
        identifiability(parameters_of([[1, 2], [2, 3]]).drop_vars("boese_r"), 0.6)
