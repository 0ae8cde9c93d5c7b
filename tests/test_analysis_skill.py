"""Skill of setups, flux towers, biomass, heterogeneity: against direct computations."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from test_figures import make_driver, make_patches, make_simulation

from differland.analysis.biomass import compare_biomass
from differland.analysis.comparison import compare_setups, normalise_errors, patch_draws
from differland.analysis.heterogeneity import correlate_heterogeneity, shannon_index
from differland.analysis.sites import Towers, compare_sites
from differland.analysis.skill import mean_and_spread, summarise_skill
from differland.errors import InputError
from differland.metrics import Agreement
from differland.regridding.study_grid import areas_of_cells
from differland.terms import OBSERVED_VARIABLES

DIRECT = {"R2": r2_score, "mae": mean_absolute_error, "rmse": root_mean_squared_error}
PREDICTIONS = ["02", "05", "ensemble"]
PATCHES, TESTS = 9, 6


def make_pairs(seed: int = 0) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Observed (pair,) and modelled (prediction, pair) by setup and patch; patch 2 has none."""
    random = np.random.default_rng(seed)
    observed = [
        30 + 2 * random.normal() + random.normal(size=0 if patch == 2 else 4 + patch)
        for patch in range(PATCHES)
    ]
    return {
        setup: [
            (values, values + 0.3 + error * random.normal(size=(3, values.size)))
            for values in observed
        ]
        for setup, error in (("PFT", 1.0), ("CLIM", 0.8), ("PFT+CLIM", 0.4))
    }


def sums_of(pairs: list[tuple[np.ndarray, np.ndarray]]) -> xr.Dataset:
    """The file ``patches.nc`` of one target; the first patches are the test set."""
    of_patches = [Agreement.of(np.broadcast_to(o, m.shape), m) for o, m in pairs]
    return xr.Dataset(
        {
            name: (
                ("target", "patch", "prediction"),
                np.stack([vars(patch)[name] for patch in of_patches])[None],
            )
            for name in vars(of_patches[0])
        }
        | {"test": ("patch", (np.arange(PATCHES) < TESTS).astype(np.int8))},
        coords={"target": ["lai"], "prediction": PREDICTIONS, "patch": np.arange(PATCHES) + 3},
    )


def direct_skill(pairs, counts, prediction, name) -> float:
    """Skill of the pairs of patches that are drawn so many times."""
    drawn = [pair for pair, times in zip(pairs, counts, strict=True) for _ in range(times)]
    observed = np.concatenate([o for o, _ in drawn])

    def of(row):
        return DIRECT[name](observed, np.concatenate([m[row] for _, m in drawn]))

    return of(2) if prediction == "ensemble" else np.mean([of(0), of(1)])


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize("prediction", ["ensemble", "members"])
def test_bootstrap_is_that_of_the_pairs_themselves(name, prediction):
    pairs = make_pairs()
    table = compare_setups({setup: sums_of(found) for setup, found in pairs.items()}, 40, seed=3)
    assert len(table) == 3 * 2 * 3
    seen = [0, 1, 3, 4, 5]
    draws = patch_draws(len(seen), 40, 3)
    for a, b in (("PFT", "CLIM"), ("PFT", "PFT+CLIM"), ("CLIM", "PFT+CLIM")):
        values = [
            np.array(
                [direct_skill([pairs[s][p] for p in seen], c, prediction, name) for c in draws]
            )
            for s in (a, b)
        ]
        row = table[(table["setup_a"] == a) & (table["setup_b"] == b) & (table["skill"] == name)]
        row = row[row["prediction"] == prediction].iloc[0]
        for side, found in zip("ab", values, strict=True):
            assert row[f"value_{side}"] == pytest.approx(found[0])
            ends = np.quantile(found[1:], [0.025, 0.975])
            np.testing.assert_allclose(row[[f"lower_{side}", f"upper_{side}"]].astype(float), ends)
        difference = values[1] - values[0]
        assert row["difference"] == pytest.approx(difference[0])
        ends = np.quantile(difference[1:], [0.025, 0.975])
        np.testing.assert_allclose(row[["lower", "upper"]].astype(float), ends)
        assert row["patches"] == len(seen)
        assert row["pairs"] == sum(pairs[a][p][0].size for p in seen)


def test_normalised_errors_are_ratios_of_paired_draws():
    pairs = make_pairs()
    sums = {setup: sums_of(found) for setup, found in pairs.items()}
    table = normalise_errors(sums, "PFT", 40, seed=3)
    assert list(table[table["setup"] == "CLIM"]["prediction"]) == [
        "02",
        "05",
        "members",
        "ensemble",
    ]
    seen = [0, 1, 3, 4, 5]
    draws = patch_draws(len(seen), 40, 3)
    mae = {
        setup: np.array(
            [direct_skill([found[p] for p in seen], c, "members", "mae") for c in draws]
        )
        for setup, found in pairs.items()
    }
    for setup in pairs:
        rows = table[table["setup"] == setup].set_index("prediction")
        ratio = mae[setup] / mae["PFT"]
        assert rows.loc["members", "normalised"] == pytest.approx(ratio[0])
        ends = np.quantile(ratio[1:], [0.025, 0.975])
        np.testing.assert_allclose(rows.loc["members", ["lower", "upper"]].astype(float), ends)
        of_members = rows.loc[["02", "05"], "normalised"]
        assert of_members.mean() == pytest.approx(ratio[0])
        assert rows.loc[["02", "05"], ["lower", "upper"]].isna().all(axis=None)
    assert (table.loc[table["setup"] == "PFT"].set_index("prediction").loc["members"][
        ["normalised", "lower", "upper"]] == 1).all()  # fmt: skip


def test_a_single_test_patch_has_no_interval():
    sums = {setup: sums_of(found) for setup, found in make_pairs().items()}
    for dataset in sums.values():
        dataset["test"][1:] = 0
    table = compare_setups(sums, 40)
    assert table[["lower", "upper", "lower_a", "upper_b"]].isna().all(axis=None)
    assert np.isfinite(table["difference"]).all()
    for dataset in sums.values():
        dataset["test"][:] = 0
        dataset["test"][2] = 1
    assert compare_setups(sums, 40).empty
    assert normalise_errors(sums, "PFT", 40).empty


def test_different_observations_are_refused():
    pairs = make_pairs()
    sums = {setup: sums_of(found) for setup, found in pairs.items()}
    sums["CLIM"]["n"][0, 1] += 1
    with pytest.raises(InputError, match="in 5 test patches"):
        compare_setups(sums, 40)
    with pytest.raises(InputError, match="AGE among them"):
        normalise_errors(sums, "AGE", 40)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """The mean absolute difference of two setups over all patches there might be is known."""
    random = np.random.default_rng(5)
    inside = 0
    for seed in range(200):
        level = random.exponential(size=(30, 1))
        of_patches = {
            name: Agreement.of(np.zeros((30, 4)) + np.arange(4), np.arange(4) + scale * level)
            for name, scale in (("a", 1.0), ("b", 0.5))
        }
        draws = patch_draws(30, 400, seed)
        mae = {name: found.pooled(draws).skills()["mae"] for name, found in of_patches.items()}
        low, high = np.quantile((mae["b"] - mae["a"])[1:], [0.025, 0.975])
        inside += low <= -0.5 <= high
    assert 0.87 < inside / 200 < 0.99


def test_skill_is_told_as_mean_and_spread():
    rows = []
    for member, r2, mae in (("01", 0.871, 0.1234), ("02", 0.889, 0.1272), ("ensemble", 0.9, 0.11)):
        for domain in ("space-time", "space", "time"):
            for split in ("train", "test") if member == "ensemble" else ("train", "development"):
                rows.append((
                    "PFT", member, split, "et", domain, r2, mae, 2 * mae
                ))  # fmt: skip
    columns = ["setup", "member", "split", "target", "domain", "R2", "mae", "rmse"]
    table = summarise_skill(pd.DataFrame(rows, columns=columns))
    assert len(table) == 5
    first = table.iloc[0]
    assert (first["domain"], first["skill"], first["train"]) == ("space-time", "R2", "0.88 ± 0.01")
    assert (first["test"], first["test_ensemble"], first["members"]) == ("", "0.90", "2")
    mae = table[table["skill"] == "mae"].iloc[0]
    assert mae["development"] == "0.125 ± 0.003"
    assert mae["units"] == "mm day-1"
    assert mean_and_spread(pd.Series([1234.5, 1236.5]), "rmse") == "1236 ± 1"
    assert mean_and_spread(pd.Series([np.nan]), "R2") == ""


@given(st.integers(1, 8), st.integers(0, 1000))
def test_shannon_index_is_the_entropy(types, seed):
    fractions = np.random.default_rng(seed).dirichlet(np.ones(types), 5).T
    np.testing.assert_allclose(shannon_index(0.7 * fractions), stats.entropy(fractions), atol=1e-12)


def test_shannon_index_of_pure_even_and_empty_cells():
    cover = np.array([[1.0, 0.25, 0], [0, 0.25, 0], [0, 0.25, 0], [0, 0.25, 0]])
    np.testing.assert_allclose(shannon_index(cover), [0, np.log(4), np.nan])


@pytest.fixture
def mosaic() -> tuple[xr.Dataset, xr.Dataset]:
    """Partition and driver of 60 cells in 12 patches; plant types matter more in mosaics."""
    random = np.random.default_rng(2)
    cover = random.dirichlet([0.6, 0.6, 0.6], 60).T
    index = stats.entropy(cover)
    contribution = np.stack([0.2 * index + 0.05 * random.normal(size=60), random.normal(size=60)])
    patch = np.repeat(np.arange(12), 5)
    of_patch = np.stack([np.repeat(random.uniform(size=12), 5)] * 2)
    latitude = random.uniform(-50, 70, 60)
    cells = xr.Dataset(
        {"contribution": (("target", "group", "cell"), np.stack([contribution, of_patch]))},
        coords={"target": ["lai", "nbe"], "group": ["PFT", "SOIL"], "lat": ("cell", latitude)},
    )
    cells["contribution"][0, :, 7] = np.nan
    driver = xr.Dataset(
        {f"type_{number}": ("cell", values) for number, values in enumerate(cover)},
        coords={"lat": ("cell", latitude), "patch": ("cell", patch)},
    )
    return cells, driver


TYPES = ["type_0", "type_1", "type_2"]


def test_heterogeneity_is_the_rank_correlation_of_scipy(mosaic):
    cells, driver = mosaic
    table, bins = correlate_heterogeneity(cells, driver, TYPES, 300, 0)
    rows = table.set_index(["target", "measure"])
    index = stats.entropy(np.stack([driver[name] for name in TYPES]))
    known = np.arange(60) != 7
    importance = cells["contribution"].to_numpy()
    expected = stats.spearmanr(index[known], importance[0, 0, known])
    lai = rows.loc["lai", "contribution"]
    assert (lai["n"], lai["patches"], lai["unit"]) == (59, 12, "cell")
    assert lai["spearman"] == pytest.approx(expected.statistic)
    assert lai["p"] == pytest.approx(expected.pvalue)
    assert lai["lower"] < lai["spearman"] < lai["upper"] < 1
    total = importance[0].sum(axis=0)
    positive = known & (total > 0)
    share = importance[0, 0, positive] / total[positive]
    expected = stats.spearmanr(index[positive], share)
    assert rows.loc["lai", "share"]["spearman"] == pytest.approx(expected.statistic)

    of_patches = index.reshape(12, 5).mean(axis=1)
    expected = stats.spearmanr(of_patches, importance[1, 0, ::5])
    nbe = rows.loc["nbe", "contribution"]
    assert (nbe["n"], nbe["unit"]) == (12, "patch")
    assert nbe["spearman"] == pytest.approx(expected.statistic)
    assert nbe["p"] == pytest.approx(expected.pvalue)

    of_lai = bins[(bins["target"] == "lai") & (bins["measure"] == "contribution")]
    assert of_lai["n"].sum() == 59
    assert (np.diff(of_lai["heterogeneity"]) > 0).all()
    order = np.argsort(index[known])[: int(of_lai["n"].iloc[0])]
    assert of_lai["median"].iloc[0] == pytest.approx(np.median(importance[0, 0, known][order]))


def test_heterogeneity_of_nothing_is_undefined(mosaic):
    cells, driver = mosaic
    cells["contribution"][0] = np.nan
    table, bins = correlate_heterogeneity(cells, driver, TYPES, 100)
    lai = table[table["target"] == "lai"]
    assert (lai["n"] == 0).all()
    assert lai["spearman"].isna().all()
    assert "lai" not in set(bins["target"])
    with pytest.raises(InputError, match="the cells of the driver"):
        correlate_heterogeneity(cells.isel(cell=slice(1, None)), driver, TYPES)
    with pytest.raises(InputError, match="PFT among them"):
        correlate_heterogeneity(cells.isel(group=[1]), driver, TYPES)


@pytest.fixture
def study() -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Driver, patches and simulation of 40 cells in ten patches; every fourth cell has a tower."""
    driver = make_driver(40, 6)
    towers = xr.DataArray(np.arange(40) % 4 == 1, dims="cell")
    for name in ("gpp_site", "reco_site", "et_site"):
        driver[name] = driver[name].where(towers)
    half = xr.DataArray(np.arange(40) % 8 == 1, dims="cell")
    driver["gpp_site_50percent"] = driver["gpp_site"].where(half)
    driver["gpp_site_50percent_weight"] = driver["gpp_site_50percent"] * 0 + 1
    driver["gpp_site"][5, 20:30] = np.nan
    patches = make_patches(driver)
    return driver, patches, make_simulation(driver, patches)


def test_sites_by_hand(study):
    driver, patches, simulation = study
    means, skills = compare_sites(driver, patches, simulation, OBSERVED_VARIABLES, 0.25, 24)
    assert list(means["target"].unique()) == ["gpp_site", "reco_site", "et_site"]
    gpp = means[means["observations"] == "gpp_site"].set_index("site")
    assert len(gpp) == 10
    observed = driver["gpp_site"].to_numpy()[5, 24:]
    known = np.isfinite(observed)
    row = gpp.loc["AA-005"]
    assert row["months"] == known.sum() == 48 - 6
    assert row["observed"] == pytest.approx(observed[known].mean())
    assert row["modelled"] == pytest.approx(simulation["gpp"].to_numpy()[5, 24:][known].mean())
    held_out = patches["test"].to_numpy()[driver["patch"].to_numpy()] == 1
    assert row["split"] == ("test" if held_out[5] else "train")

    rows = skills.set_index(["observations", "split", "domain"])
    space = rows.loc["gpp_site", "all", "space"]
    assert (space["sites"], space["n"], space["representativeness"]) == (10, 10, 0.25)
    expected = stats.pearsonr(gpp["observed"], gpp["modelled"]).statistic
    assert space["correlation"] == pytest.approx(expected)
    assert space["R2"] == pytest.approx(r2_score(gpp["observed"], gpp["modelled"]))
    tests = gpp[gpp["split"] == "test"]
    held = rows.loc["gpp_site", "test", "space"]
    assert held["sites"] == len(tests) == 3
    assert held["rmse"] == pytest.approx(
        root_mean_squared_error(tests["observed"], tests["modelled"])
    )
    values = driver["gpp_site"].to_numpy()[:, 24:]
    every = np.isfinite(values)
    all_months = rows.loc["gpp_site", "all", "space-time"]
    assert all_months["n"] == every.sum()
    assert all_months["mae"] == pytest.approx(
        mean_absolute_error(values[every], simulation["gpp"].to_numpy()[:, 24:][every])
    )
    other = rows.loc["gpp_site_50percent", "all", "space"]
    assert (other["sites"], other["representativeness"]) == (5, 0.5)


def test_sites_that_share_a_cell_are_compared_one_by_one(study):
    """The driver has their mean; of a lower threshold there is a third."""
    driver, patches, simulation = study
    months = pd.period_range("2001-01", periods=driver.sizes["time"], freq="M")
    names = ["XX-One", "XX-Two", "XX-Low", "XX-Not"]
    sites = pd.DataFrame(
        {
            **{"site": names, "cell": [5, 5, 6, 6], "cover": [0.3, 0.6, 0.1, np.nan]},
            **{"latitude": 10.0, "longitude": 20.0, "candidate": [True, True, True, False]},
        }
    )
    fluxes = pd.DataFrame(
        [(site, str(month), number) for number, site in enumerate(names) for month in months],
        columns=["site", "month", "gpp_site"],
    ).assign(reco_site=1.0, et_site=np.nan)
    fluxes = fluxes.drop(
        fluxes.index[fluxes["month"].eq(str(months[30])) & fluxes["site"].eq("XX-One")]
    )
    driver["gpp_site_10percent"] = driver["gpp_site"]
    towers = Towers(sites, fluxes)
    means, skills = compare_sites(driver, patches, simulation, OBSERVED_VARIABLES, 0.25, 24, towers)
    gpp = means[means["target"] == "gpp_site"].set_index(["observations", "site"])
    assert gpp["observed"].to_dict() == {
        ("gpp_site", "XX-One"): 0,
        ("gpp_site", "XX-Two"): 1,
        ("gpp_site_10percent", "XX-One"): 0,
        ("gpp_site_10percent", "XX-Two"): 1,
        ("gpp_site_10percent", "XX-Low"): 2,
        ("gpp_site_50percent", "XX-Two"): 1,
    }
    two, one = gpp.loc[("gpp_site", "XX-Two")], gpp.loc[("gpp_site", "XX-One")]
    assert (two["months"], one["months"], two["lat"]) == (48, 47, 10.0)
    assert two["modelled"] == pytest.approx(simulation["gpp"].to_numpy()[5, 24:].mean())
    assert "et_site" not in set(means["target"])
    counts = skills[skills["split"] == "all"].groupby("observations")["sites"].first()
    assert counts[["gpp_site", "gpp_site_10percent"]].to_dict() == {
        "gpp_site": 2,
        "gpp_site_10percent": 3,
    }


def test_the_threshold_of_a_variable_is_that_of_its_name(study):
    driver, patches, simulation = study
    chosen = {"gpp_site": "gpp_site_50percent"}
    means, _ = compare_sites(driver, patches, simulation, chosen, 0.25, 24)
    assert set(means["representativeness"]) == {0.5}


def test_sites_of_dropped_patches_do_not_count(study):
    driver, patches, simulation = study
    means, _ = compare_sites(driver, patches.isel(patch=slice(2, None)), simulation)
    assert len(means[means["observations"] == "gpp_site"]) == 8
    assert means["representativeness"].dropna().isin([0.5]).all()


def test_no_tower_gives_empty_tables(study):
    driver, patches, simulation = study
    without = driver.drop_vars([name for name in driver.data_vars if "_site" in str(name)])
    for table in compare_sites(without, patches, simulation):
        assert table.empty
        assert "target" in table.columns
    with pytest.raises(InputError, match="40 cells"):
        compare_sites(driver, patches, simulation.isel(cell=slice(0, 3)))


def test_biomass_by_hand(study):
    driver, patches, simulation = study
    driver["biomass"][3, 24:36] = np.nan
    driver["biomass"][4, 24:60] = np.nan
    driver["biomass"][6] = np.nan
    cells, years, table = compare_biomass(driver, patches, simulation, "biomass", 12)
    observed = driver["biomass"].to_numpy()[:, 12:].reshape(40, 5, 12).mean(axis=2)
    modelled = (
        simulation["biomass"].to_numpy().astype(float)[:, 12:].reshape(40, 5, 12).mean(axis=2)
    )
    calendar = np.arange(2002, 2007)
    for cell in (0, 3):
        known = np.isfinite(observed[cell])
        for side, annual in (("observed", observed), ("modelled", modelled)):
            line = stats.linregress(calendar[known], annual[cell, known])
            assert float(cells[f"{side}_trend"][cell]) == pytest.approx(line.slope, rel=1e-4)
            mean = annual[cell, known].mean()
            assert float(cells[f"{side}_mean"][cell]) == pytest.approx(mean, rel=1e-6)
    assert cells["years"].to_numpy()[[0, 3, 4, 6]].tolist() == [5, 4, 2, 0]
    assert np.isnan(cells["observed_trend"][[4, 6]]).all()
    assert np.isfinite(cells["observed_mean"][4])

    whole = ~np.isin(np.arange(40), [3, 4, 6])
    areas = areas_of_cells(driver["lat"].to_numpy())[whole]
    np.testing.assert_allclose(years["observed"], areas @ observed[whole] / 1e15)
    assert (years["cells"] == 37).all()
    rows = table.set_index(["quantity", "split"])
    line = stats.linregress(calendar, areas @ modelled[whole] / 1e15)
    assert rows.loc[("total_trend", "all"), "modelled"] == pytest.approx(line.slope)
    assert rows.loc[("total_trend", "all"), "modelled_error"] == pytest.approx(line.stderr)
    test = patches["test"].to_numpy()[driver["patch"].to_numpy()] == 1
    here = cells.isel(cell=test & np.isfinite(cells["observed_mean"].to_numpy()))
    assert rows.loc[("mean", "test"), "R2"] == pytest.approx(
        r2_score(here["observed_mean"], here["modelled_mean"]), rel=1e-4
    )


def test_biomass_that_is_nowhere_observed(study):
    driver, patches, simulation = study
    driver["biomass"][:] = np.nan
    cells, years, table = compare_biomass(driver, patches, simulation)
    assert cells["observed_mean"].isnull().all()
    assert years.empty
    assert table.empty
    assert "quantity" in table.columns
    again, _, _ = compare_biomass(driver.drop_vars("biomass"), patches, simulation)
    assert again["observed_mean"].isnull().all()
    with pytest.raises(InputError, match="simulation"):
        compare_biomass(driver, patches, simulation.drop_vars("biomass"))
