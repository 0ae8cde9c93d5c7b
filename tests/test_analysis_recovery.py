"""True against recovered: numbers by hand and by other libraries, and places that must match."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

from differland.analysis import recovery
from differland.analysis.attribution import attribute
from differland.analysis.traits import principal_components
from differland.errors import InputError
from differland.settings.analyses import Attribution
from differland.synthetic.planet import PlanetSettings, make_planet
from differland.synthetic.truth import TRUE_SENSITIVITIES, TrueField
from differland.tables import PARAMETERS, TRAITS

CELLS, MEMBERS = 30, 4
NAMES = list(dict.fromkeys([*PARAMETERS, *TRAITS]))


def make_truth(seed: int = 1) -> xr.Dataset:
    random = np.random.default_rng(seed)
    truth = xr.Dataset(
        {name: ("cell", random.uniform(1, 2, CELLS)) for name in NAMES},
        coords={
            "lat": ("cell", np.round(random.uniform(-60, 70, CELLS) * 4) / 4 + 0.125),
            "lon": ("cell", np.round(random.uniform(-179, 179, CELLS) * 4) / 4 + 0.125),
        },
    )
    truth["moisture_factor"][:] = 0.2
    return truth


def make_parameters(truth: xr.Dataset, seed: int = 2) -> xr.Dataset:
    """Estimate parameters of the same cells, with errors that differ by member."""
    random = np.random.default_rng(seed)
    shape = (MEMBERS, CELLS)
    return xr.Dataset(
        {
            name: (("member", "cell"), truth[name].to_numpy() + 0.3 * random.standard_normal(shape))
            for name in NAMES
        },
        coords={
            "lat": truth["lat"],
            "lon": truth["lon"],
            "test": ("cell", (np.arange(CELLS) < 8).astype(np.int8)),
        },
    )


def make_identifiability() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "parameter": list(PARAMETERS),
            "median_cv": np.linspace(0.1, 1.0, len(PARAMETERS)),
            "identifiable": np.linspace(0.1, 1.0, len(PARAMETERS)) < 0.6,
            "threshold": 0.6,
        }
    )


class TestRecover:
    def test_cells_are_matched_by_place(self) -> None:
        truth = make_truth()
        parameters = make_parameters(truth)
        shuffled = truth.isel(cell=np.random.default_rng(0).permutation(CELLS))
        shuffled["lon"] = shuffled["lon"] % 360
        recovered = recovery.recover(parameters, shuffled)
        for name in ("leaf_lifespan", "q10"):
            row = recovered.sel(quantity=name)
            np.testing.assert_allclose(row["truth"], truth[name], rtol=1e-6)
            np.testing.assert_allclose(row["mean"], parameters[name].mean("member"), rtol=1e-6)
            np.testing.assert_allclose(
                row["spread"], np.std(parameters[name].to_numpy(), axis=0, ddof=1), rtol=1e-5
            )
        assert recovered["units"].sel(quantity="leaf_lifespan") == "year"

    def test_the_truth_may_have_more_cells(self) -> None:
        truth = make_truth()
        some = make_parameters(truth).isel(cell=slice(5, 12))
        recovered = recovery.recover(some, truth)
        np.testing.assert_allclose(
            recovered["truth"].sel(quantity="q10"), truth["q10"][5:12], rtol=1e-6
        )

    @pytest.mark.parametrize(("shift", "refused"), [(5e-5, False), (2e-4, True)])
    def test_a_cell_without_truth_is_refused(self, shift: float, refused: bool) -> None:
        truth = make_truth()
        parameters = make_parameters(truth)
        moved = truth["lat"].to_numpy().copy()
        moved[3] += shift
        truth = truth.assign_coords(lat=("cell", moved))
        if not refused:
            recovery.recover(parameters, truth)
            return
        place = f"latitude {float(parameters['lat'][3]):.4f}"
        with pytest.raises(InputError, match=f"{place}.*none for 1 of {CELLS} cells"):
            recovery.recover(parameters, truth)

    def test_across_the_date_line(self) -> None:
        truth = make_truth().isel(cell=[0])
        parameters = make_parameters(make_truth()).isel(cell=[0])
        truth = truth.assign_coords(lon=("cell", [179.99997]))
        parameters = parameters.assign_coords(lon=("cell", [-179.99999]))
        recovery.recover(parameters, truth)

    def test_what_is_missing_is_refused(self) -> None:
        truth = make_truth()
        parameters = make_parameters(truth)
        with pytest.raises(InputError, match="at least 2 members"):
            recovery.recover(parameters.isel(member=[0]), truth)
        with pytest.raises(InputError, match="truth: q10"):
            recovery.recover(parameters, truth.drop_vars("q10"))
        with pytest.raises(InputError, match=r"parameters\.nc: boese_r"):
            recovery.recover(parameters.drop_vars("boese_r"), truth)
        with pytest.raises(InputError, match="truth: lat"):
            recovery.recover(parameters, truth.drop_vars("lat"))

    def test_leaf_days_count_by_their_place_in_the_year(self) -> None:
        truth = make_truth()
        parameters = make_parameters(truth)
        plain = recovery.recover(parameters, truth).sel(quantity="leaf_onset_day")
        days = parameters["leaf_onset_day"].to_numpy().copy()
        days[1] += 365.25
        days[2] -= 2 * 365.25
        shifted = recovery.recover(
            parameters.assign(leaf_onset_day=(("member", "cell"), days)), truth
        ).sel(quantity="leaf_onset_day")
        np.testing.assert_allclose(shifted["mean"], plain["mean"], atol=1e-4)
        np.testing.assert_allclose(shifted["spread"], plain["spread"], atol=1e-4)

    def test_cells_are_not_moved_one_by_one(self) -> None:
        """Otherwise days drawn at random would correlate with the truth."""
        truth = make_truth()
        parameters = make_parameters(truth)
        days = parameters["leaf_fall_day"].to_numpy().copy()
        days[:, 0] += 365.25
        recovered = recovery.recover(
            parameters.assign(leaf_fall_day=(("member", "cell"), days)), truth
        ).sel(quantity="leaf_fall_day")
        assert float(recovered["mean"][0] - recovered["truth"][0]) == pytest.approx(365.25, abs=1)


class TestCompareParameters:
    @pytest.fixture
    def recovered(self) -> xr.Dataset:
        truth = make_truth()
        return recovery.recover(make_parameters(truth), truth)

    @pytest.fixture
    def table(self, recovered: xr.Dataset) -> pd.DataFrame:
        return recovery.compare_parameters(recovered, make_identifiability())

    @pytest.mark.parametrize("cells", ["all", "test"])
    def test_numbers(self, recovered: xr.Dataset, table: pd.DataFrame, cells: str) -> None:
        chosen = slice(None) if cells == "all" else slice(0, 8)
        rows = table[table["cells"] == cells].set_index("quantity")
        assert list(rows.index) == NAMES
        for name in ("field_capacity", "q10"):
            part = recovered.sel(quantity=name)
            true, mean, spread = (
                part[column].to_numpy().astype(float)[chosen]
                for column in ("truth", "mean", "spread")
            )
            row = rows.loc[name]
            assert row["n"] == len(true)
            assert row["pearson"] == pytest.approx(scipy.stats.pearsonr(true, mean)[0])
            assert row["spearman"] == pytest.approx(scipy.stats.spearmanr(true, mean)[0])
            assert row["rmse"] == pytest.approx(np.sqrt(np.mean((mean - true) ** 2)))
            assert row["bias"] == pytest.approx(np.mean(mean) - np.mean(true))
            assert row["true_spread"] == pytest.approx(np.std(true))
            assert row["ensemble_spread"] == pytest.approx(np.mean(spread))
        true, mean = (
            np.log(recovered[column].sel(quantity="field_capacity").to_numpy().astype(float))
            for column in ("truth", "mean")
        )
        assert rows.loc["field_capacity", "pearson_log"] == pytest.approx(
            scipy.stats.pearsonr(true[chosen], mean[chosen])[0]
        )

    def test_logarithms_are_those_of_parameters_whose_bounds_span_a_factor_of_ten(
        self, table: pd.DataFrame
    ) -> None:
        rows = table[table["cells"] == "all"].set_index("quantity")
        spanning = {name for name, row in PARAMETERS.items() if row.maximum / row.minimum >= 10}
        assert "canopy_efficiency" in spanning
        assert "leaf_lifespan" not in spanning
        assert set(rows.index[rows["pearson_log"].notna()]) == spanning - {"moisture_factor"}

    def test_a_constant_truth_has_no_correlation_but_an_error(self, table: pd.DataFrame) -> None:
        row = table[(table["quantity"] == "moisture_factor") & (table["cells"] == "all")].iloc[0]
        assert not row["truth_varies"]
        assert row[["pearson", "spearman", "pearson_log"]].isna().all()
        assert row["rmse"] > 0
        assert table.loc[table["quantity"] == "q10", "truth_varies"].all()

    def test_identifiability_is_that_of_its_table(
        self, recovered: xr.Dataset, table: pd.DataFrame
    ) -> None:
        rows = table[table["cells"] == "all"].set_index("quantity")
        known = make_identifiability().set_index("parameter")
        for name in PARAMETERS:
            assert rows.loc[name, "median_cv"] == known.loc[name, "median_cv"]
            assert rows.loc[name, "identifiable"] == known.loc[name, "identifiable"]
        part = recovered.sel(quantity="allocation_wood")
        variation = float(np.median(part["spread"] / part["mean"]))
        assert rows.loc["allocation_wood", "median_cv"] == pytest.approx(variation, rel=1e-5)
        assert set(rows["kind"][list(PARAMETERS)]) == {"parameter"}
        assert rows["kind"]["allocation_wood"] == "trait"

    def test_without_a_test_set_there_are_rows_of_all_cells_alone(
        self, recovered: xr.Dataset
    ) -> None:
        for plain in (
            recovered.drop_vars("test"),
            recovered.assign_coords(test=("cell", [0] * 30)),
        ):
            table = recovery.compare_parameters(plain, make_identifiability())
            assert set(table["cells"]) == {"all"}


def make_shares(shares: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Make a table of attribution of shares by output and predictor."""
    groups = {"sand": "SOIL", "clay": "SOIL", "forest_age": "AGE", "elevation": "CLIM"}
    return pd.DataFrame(
        [
            ("all", output, predictor, groups[predictor], 7 * share, share, 0.0, 40)
            for output, row in shares.items()
            for predictor, share in row.items()
        ],
        columns=[
            *("population", "output", "predictor", "group", "mean_absolute_shap", "share"),
            *("quartile_difference", "n"),
        ],
    )


class TestCompareImportance:
    ESTIMATED = make_shares(
        {
            "q10": {"sand": 0.5, "clay": 0.3, "forest_age": 0.2},
            "leaf_lifespan": {"sand": 0.1, "clay": 0.2, "forest_age": 0.7},
            "canopy_efficiency": {"sand": 1.0, "clay": 0.0, "forest_age": 0.0},
            "component_1": {"sand": 1.0, "clay": 0.0, "forest_age": 0.0},
        }
    )
    TRUE = make_shares(
        {
            "q10": {"sand": 0.4, "clay": 0.4, "elevation": 0.2},
            "leaf_lifespan": {"sand": 0.0, "clay": 0.3, "elevation": 0.7},
            "canopy_efficiency": {"sand": np.nan, "clay": np.nan, "elevation": np.nan},
            "component_1": {"sand": 1.0, "clay": 0.0, "elevation": 0.0},
        }
    )

    @pytest.fixture
    def table(self) -> pd.DataFrame:
        return recovery.compare_importance(self.ESTIMATED, self.TRUE)

    @staticmethod
    def rows(table: pd.DataFrame, output: str, level: str) -> pd.DataFrame:
        return table[(table["output"] == output) & (table["level"] == level)].set_index("name")

    def test_a_predictor_that_one_side_lacks_has_no_importance_there(
        self, table: pd.DataFrame
    ) -> None:
        rows = self.rows(table, "q10", "predictor")
        assert rows["true_share"].to_dict() == {
            "sand": 0.4,
            "clay": 0.4,
            "elevation": 0.2,
            "forest_age": 0.0,
        }
        assert rows["estimated_share"].to_dict() == {
            "sand": 0.5,
            "clay": 0.3,
            "elevation": 0.0,
            "forest_age": 0.2,
        }
        correlation = scipy.stats.pearsonr([0.4, 0.4, 0.2, 0], [0.5, 0.3, 0, 0.2])[0]
        ranks = scipy.stats.spearmanr([0.4, 0.4, 0.2, 0], [0.5, 0.3, 0, 0.2])[0]
        np.testing.assert_allclose(rows["correlation"], correlation)
        np.testing.assert_allclose(rows["rank_correlation"], ranks)

    def test_groups_are_sums(self, table: pd.DataFrame) -> None:
        rows = self.rows(table, "q10", "group")
        assert rows["true_share"].to_dict() == pytest.approx({"AGE": 0, "CLIM": 0.2, "SOIL": 0.8})
        assert rows["estimated_share"].to_dict() == pytest.approx(
            {"AGE": 0.2, "CLIM": 0, "SOIL": 0.8}
        )

    def test_a_constant_trait_has_no_shares_and_no_part_in_the_mean(
        self, table: pd.DataFrame
    ) -> None:
        rows = self.rows(table, "canopy_efficiency", "predictor")
        assert rows[["true_share", "correlation", "rank_correlation"]].isna().all(axis=None)
        assert rows["estimated_share"]["sand"] == 1
        overall = self.rows(table, recovery.ALL_OUTPUTS, "predictor")
        assert overall["true_share"].to_dict() == pytest.approx(
            {"sand": 0.2, "clay": 0.35, "elevation": 0.45, "forest_age": 0}
        )
        assert overall["estimated_share"].sum() == pytest.approx(1)

    def test_components_are_no_traits(self, table: pd.DataFrame) -> None:
        outputs = {"q10", "leaf_lifespan", "canopy_efficiency", recovery.ALL_OUTPUTS}
        assert set(table["output"]) == outputs

    def test_noise_does_not_order_what_is_of_no_importance(self) -> None:
        shares = [
            {"sand": 0.99, "clay": noise, "forest_age": 0.01 - noise} for noise in (4e-3, 6e-3)
        ]
        tables = [make_shares({"q10": row}) for row in shares]
        rows = self.rows(recovery.compare_importance(*tables), "q10", "predictor")
        assert rows["correlation"].iloc[0] == pytest.approx(1, abs=1e-4)
        rounded = [np.round(100 * np.array(list(row.values()))) for row in shares]
        expected = scipy.stats.spearmanr(*rounded)[0]
        np.testing.assert_allclose(rows["rank_correlation"], expected)


def test_the_truth_compared_with_itself_is_found_again() -> None:
    driver, truth = make_planet(PlanetSettings(8, 6, 2001, 2, seed=5, noise=0.05))
    field = TrueField.read_from(truth)
    members = truth[list(TRAITS)].expand_dims(member=2)
    components = principal_components(members, 2)
    settings = Attribution(
        background=10, explained=8, samples=400, plant_type_threshold=1.0, minimum_cells=5, seed=0
    )
    first, second = (
        attribute(field, driver, components, np.arange(driver.sizes["cell"]), settings)[1]
        for _ in range(2)
    )
    table = recovery.compare_importance(first, second)
    np.testing.assert_array_equal(table["true_share"], table["estimated_share"])
    correlation = table["correlation"].dropna()
    np.testing.assert_allclose(correlation, 1)
    efficiency = table[(table["output"] == "canopy_efficiency") & (table["level"] == "predictor")]
    named = TRUE_SENSITIVITIES["canopy_efficiency"]
    leading = efficiency.nlargest(len(named), "true_share")
    assert set(leading["name"]) == set(named)
    assert leading["true_share"].sum() > 0.9
    # The truth has one Q10 for the whole planet.
    assert table.loc[table["output"] == "q10", "true_share"].isna().all()
