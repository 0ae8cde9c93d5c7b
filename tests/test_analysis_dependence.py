"""Trait-environment curves: windows of known functions, and what is left out."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from differland.analysis.dependence import COLUMNS, trait_dependence
from differland.analysis.key_traits import KEY_TRAITS
from differland.tables import TRAITS

AWARE, AGNOSTIC = "PFT+CLIM", "CLIM"
TEMPERATURE = "mean_annual_temperature"


def make_explanation(
    sizes: dict[str, int], predictors: tuple[str, ...] = (TEMPERATURE, "canopy_height"), seed=0
) -> xr.Dataset:
    """SHAP values that are a sine of the predictor, of another height for each trait."""
    rng = np.random.default_rng(seed)
    population = np.repeat(list(sizes), list(sizes.values()))
    values = rng.uniform(-10, 20, (len(population), len(predictors)))
    height = np.arange(1, len(TRAITS) + 1)
    base = np.where(population == "all", 5.0, 2.0)
    return xr.Dataset(
        {
            "shap": (
                ("sample", "output", "predictor"),
                np.sin(values / 8)[:, None, :] * height[:, None],
            ),
            "predictor_value": (("sample", "predictor"), values),
            "base_value": (("sample", "output"), np.repeat(base[:, None], len(TRAITS), axis=1)),
        },
        coords={
            "population": ("sample", population),
            "output": list(TRAITS),
            "predictor": list(predictors),
            "predictor_units": ("predictor", ["degC", "m"][: len(predictors)]),
        },
    )


def test_curves_are_base_plus_shap_values():
    explanation = make_explanation({"all": 400, "grassland": 60})
    table = trait_dependence({AGNOSTIC: explanation}, AWARE)
    curve = table.query(f"trait == 'allocation_root' and predictor == '{TEMPERATURE}'")
    whole = curve[curve["population"] == "all"]
    expected = 5 + len(TRAITS) * np.sin(whole["predictor_value"] / 8)
    assert np.abs(whole["median"] - expected).max() < 0.15
    assert (whole["lower"] <= whole["median"]).all() and (whole["median"] <= whole["upper"]).all()
    assert set(whole["cells"]) == {40} and len(whole) == 19
    assert set(whole["units"]) == {"1"} and set(whole["predictor_units"]) == {"degC"}
    grass = curve[curve["population"] == "grassland"]
    assert grass["median"].mean() < whole["median"].mean()
    assert set(grass["cells"]) == {6}


def test_carbon_use_efficiency_is_one_minus_the_autotrophic_fraction():
    explanation = make_explanation({"all": 50})
    shap = explanation["shap"].sel(output="autotrophic_fraction", predictor=TEMPERATURE).values
    where = explanation["predictor_value"].sel(predictor=TEMPERATURE).values
    table = trait_dependence({AWARE: explanation}, AWARE)
    curve = table.query(f"trait == 'carbon_use_efficiency' and predictor == '{TEMPERATURE}'")
    first = np.argsort(where)[:5]
    lower, median, upper = np.quantile(1 - (5.0 + shap[first]), [0.25, 0.5, 0.75])
    row = curve.iloc[0]
    assert row["predictor_value"] == pytest.approx(np.median(where[first]))
    found = row[["lower", "median", "upper"]].to_list()
    assert found == pytest.approx([lower, median, upper])


def test_which_setup_gives_which_curve():
    explanation = make_explanation({"all": 30, "grassland": 30, "wetland": 30})
    both = trait_dependence({AGNOSTIC: explanation, AWARE: explanation}, AWARE)
    setups = both.groupby("population")["setup"].unique().to_dict()
    assert {name: list(found) for name, found in setups.items()} == {
        "all": [AGNOSTIC], "grassland": [AWARE], "wetland": [AWARE],
    }  # fmt: skip
    alone = trait_dependence({AWARE: explanation}, AWARE)
    assert set(alone.groupby("population")["setup"].first()) == {AWARE}
    assert set(both["trait"]) == set(KEY_TRAITS)


def test_what_is_not_there_has_no_rows():
    explanation = make_explanation({"all": 30}, (TEMPERATURE,))
    explanation["predictor_value"][:] = 3.0
    table = trait_dependence({AWARE: explanation}, AWARE)
    assert table.empty and list(table.columns) == list(COLUMNS)
    pd.testing.assert_index_equal(trait_dependence({}, AWARE).columns, pd.Index(COLUMNS))


@given(st.integers(1, 300))
def test_windows_reach_both_ends_and_are_of_one_size(cells):
    explanation = make_explanation({"all": cells, "grassland": 0}, seed=cells)
    table = trait_dependence({AWARE: explanation}, AWARE)
    if cells == 1:
        assert table.empty
        return
    curve = table.query(f"trait == 'canopy_efficiency' and predictor == '{TEMPERATURE}'")
    where = np.sort(explanation["predictor_value"].sel(predictor=TEMPERATURE).values)
    (size,) = set(curve["cells"])
    assert size == min(max(5, round(0.1 * cells)), cells)
    ends = curve["predictor_value"].iloc[[0, -1]].to_list()
    if len(curve) > 1:
        assert ends == pytest.approx([np.median(where[:size]), np.median(where[-size:])])
    assert curve["predictor_value"].is_monotonic_increasing
