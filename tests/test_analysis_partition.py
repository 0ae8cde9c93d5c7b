"""Hierarchical partition against brute force, closed forms and its own properties."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from differland.analysis.partition import (
    group_subsets,
    independent_contributions,
    partition,
    partition_weights,
    summarise_cells,
)
from differland.errors import InputError

PUBLISHED = ["PFT", "CLIM", "SOIL", "AGE"]


def setups_of(groups):
    """Setup names of every non-empty subset, groups in the order given."""
    return [
        "+".join(subset)
        for size in range(1, len(groups) + 1)
        for subset in combinations(groups, size)
    ]


def contributions_over_orderings(groups, explained):
    """Mean gain of each group over all orders of entry; `explained` maps subsets to r2."""
    orders = list(permutations(groups))
    total = dict.fromkeys(groups, 0.0)
    for order in orders:
        for position, group in enumerate(order):
            before = explained[frozenset(order[:position])]
            total[group] += explained[frozenset(order[: position + 1])] - before
    return [total[group] / len(orders) for group in groups]


@st.composite
def explained_variances(draw):
    groups = PUBLISHED[: draw(st.integers(1, 4))]
    values = draw(
        st.lists(st.floats(0, 1), min_size=2 ** len(groups) - 1, max_size=2 ** len(groups) - 1)
    )
    return groups, values


@given(explained_variances())
def test_contributions_are_mean_gains_over_all_orderings(case):
    groups, values = case
    explained = {frozenset(): 0.0, **dict(zip(group_subsets(groups), values, strict=True))}
    found = independent_contributions(xr.DataArray(values, dims="subset"), groups)
    np.testing.assert_allclose(found, contributions_over_orderings(groups, explained), atol=1e-12)


@given(explained_variances())
def test_contributions_sum_to_the_full_model(case):
    groups, values = case
    found = independent_contributions(xr.DataArray(values, dims="subset"), groups)
    assert float(found.sum()) == pytest.approx(values[-1], abs=1e-12)


def test_two_groups_have_the_closed_form():
    # I_a = (r2_a + r2_ab - r2_b) / 2, the two-variable case of hierarchical partitioning.
    alone_a, alone_b, both = 0.5, 0.25, 0.625
    found = independent_contributions(
        xr.DataArray([alone_a, alone_b, both], dims="subset"), ["a", "b"]
    )
    np.testing.assert_allclose(found, [0.4375, 0.1875], rtol=1e-15)


def test_each_hierarchy_level_has_the_same_weight():
    weights = partition_weights(PUBLISHED)
    sizes = np.array([len(subset) for subset in group_subsets(PUBLISHED)])
    for group, row in zip(PUBLISHED, weights, strict=True):
        holds = np.array([group in subset for subset in group_subsets(PUBLISHED)])
        for size in range(1, 5):
            assert row[holds & (sizes == size)].sum() == pytest.approx(1 / 4)


# Longley (1967), doi:10.1080/01621459.1967.10482896: United States, 1947 to 1962, as in the
# Statistical Reference Datasets of NIST, which are in the public domain. GNP (10^9 dollars),
# unemployed (10^4), armed forces (10^4), population (10^6), employed (10^6).
LONGLEY = np.array(
    [
        [234.289, 235.6, 159.0, 107.608, 60.323],
        [259.426, 232.5, 145.6, 108.632, 61.122],
        [258.054, 368.2, 161.6, 109.773, 60.171],
        [284.599, 335.1, 165.0, 110.929, 61.187],
        [328.975, 209.9, 309.9, 112.075, 63.221],
        [346.999, 193.2, 359.4, 113.270, 63.639],
        [365.385, 187.0, 354.7, 115.094, 64.989],
        [363.112, 357.8, 335.0, 116.219, 63.761],
        [397.469, 290.4, 304.8, 117.388, 66.019],
        [419.180, 282.2, 285.7, 118.734, 67.857],
        [442.769, 293.6, 279.8, 120.445, 68.169],
        [444.546, 468.1, 263.7, 121.950, 66.513],
        [482.704, 381.3, 255.2, 123.366, 68.655],
        [502.601, 393.1, 251.4, 125.368, 69.564],
        [518.173, 480.6, 257.2, 127.852, 69.331],
        [554.894, 400.7, 282.7, 130.081, 70.551],
    ]
)


def test_contributions_are_those_that_r_gives_for_a_regression():
    """Armed forces on GNP, population, employed and unemployed, in this order.

    The R package relaimpo (metric ``lmg``, averages over orderings, which for R2 are the
    independent effects of hier.part) gives 0.328, 0.241, 0.217, 0.215 of an R2 of 0.702.
    """
    columns = {"GNP": 0, "Population": 3, "Employed": 4, "Unemployed": 1}
    outcome = LONGLEY[:, 2] - LONGLEY[:, 2].mean()

    def explained(subset):
        chosen = LONGLEY[:, [columns[name] for name in subset]]
        chosen = chosen - chosen.mean(axis=0)
        fitted = chosen @ np.linalg.lstsq(chosen, outcome, rcond=None)[0]
        return (fitted**2).sum() / (outcome**2).sum()

    values = [explained(subset) for subset in group_subsets(list(columns))]
    assert outcome.var(ddof=1) == pytest.approx(4843, abs=0.5)
    assert values[-1] == pytest.approx(0.702, abs=5e-4)
    found = independent_contributions(xr.DataArray(values, dims="subset"), list(columns))
    np.testing.assert_allclose(found / values[-1], [0.328, 0.241, 0.217, 0.215], atol=5e-4)


@pytest.fixture
def study():
    """Two members in each of 15 setups, four cells, two targets; cell 3 has no observation."""
    generator = np.random.default_rng(3)
    rows, cells = [], {}
    for setup in [*setups_of(PUBLISHED), "LATLON"]:
        skill = generator.uniform(0, 1, (2, 2, 4)).astype(np.float32)
        skill[:, :, 3] = np.nan
        seeds = generator.choice(20, 2, replace=False)
        cells[setup] = xr.Dataset(
            {name: (("member", "target", "cell"), skill.copy()) for name in ("pearson_r2", "R2")},
            coords={
                "member": [f"{seed:02d}" for seed in seeds],
                "target": ["sif", "lai"],
                "lat": ("cell", [10.0, 20.0, 30.0, 40.0]),
                "lon": ("cell", [1.0, 2.0, 3.0, 4.0]),
            },
        )
        for split in ("train", "test"):
            for member in ["01", "02", "ensemble"]:
                for domain in ("space-time", "space"):
                    rows.append(
                        {
                            "stage": "develop",
                            "setup": setup,
                            "member": member,
                            "split": split,
                            "target": "sif",
                            "support": "cell",
                            "domain": domain,
                            "pearson_r2": generator.uniform(0, 1),
                            "R2": 0.0,
                        }
                    )
    return pd.DataFrame(rows), cells


def test_global_partition_uses_the_mean_of_single_members(study):
    metrics, cells = study
    table, _ = partition(metrics, cells, PUBLISHED)
    assert list(table.columns) == [
        "target", "support", "domain", "split", "group", "contribution", "share",
    ]  # fmt: skip
    assert list(table["group"]) == [*PUBLISHED, "total"] * 2
    assert set(table["domain"]) == {"space-time"}

    used = metrics[(metrics.member != "ensemble") & (metrics.domain == "space-time")]
    for split in ("train", "test"):
        mean = used[used.split == split].groupby("setup")["pearson_r2"].mean()
        explained = {frozenset(): 0.0} | {
            frozenset(setup.split("+")): value for setup, value in mean.items()
        }
        expected = contributions_over_orderings(PUBLISHED, explained)
        found = table[table.split == split].set_index("group")
        np.testing.assert_allclose(found["contribution"][PUBLISHED], expected, rtol=1e-12)
        assert found["contribution"]["total"] == pytest.approx(mean["PFT+CLIM+SOIL+AGE"])
        np.testing.assert_allclose(
            found["share"], found["contribution"] / mean["PFT+CLIM+SOIL+AGE"], rtol=1e-12
        )


def test_cell_partition_and_dominant_group(study):
    metrics, cells = study
    _, maps = partition(metrics, cells, PUBLISHED)
    assert maps["contribution"].dims == ("target", "group", "cell")
    total = cells["PFT+CLIM+SOIL+AGE"]["pearson_r2"].mean("member")
    np.testing.assert_allclose(maps["contribution"].sum("group")[:, :3], total[:, :3], rtol=1e-5)
    explained = {frozenset(): 0.0} | {
        frozenset(setup.split("+")): float(data["pearson_r2"][:, 1, 2].mean())
        for setup, data in cells.items()
    }
    expected = contributions_over_orderings(PUBLISHED, explained)
    np.testing.assert_allclose(maps["contribution"][1, :, 2], expected, rtol=1e-5)
    assert int(maps["dominant"][1, 2]) == int(np.argmax(expected))
    assert maps["dominant"].dtype == np.int8
    assert "member" not in maps.coords


def test_unobserved_cells_have_no_contribution_and_no_dominant_group(study):
    _, maps = partition(*study, PUBLISHED)
    assert maps["contribution"][:, :, 3].isnull().all()
    assert (maps["dominant"][:, 3] == -1).all()
    assert (maps["dominant"][:, :3] >= 0).all()


def test_order_of_groups_does_not_matter(study):
    table, maps = partition(*study, PUBLISHED)
    other_table, other_maps = partition(*study, PUBLISHED[::-1])
    xr.testing.assert_allclose(
        maps["contribution"], other_maps["contribution"].sel(group=PUBLISHED)
    )
    keys = ["target", "split", "group"]
    pd.testing.assert_series_equal(
        table.set_index(keys)["contribution"],
        other_table.set_index(keys)["contribution"].reindex(table.set_index(keys).index),
    )


def test_two_groups_need_three_setups(study):
    metrics, cells = study
    names = ["PFT", "CLIM", "PFT+CLIM"]
    table, maps = partition(
        metrics[metrics.setup.isin(names)], {name: cells[name] for name in names}, ["PFT", "CLIM"]
    )
    assert list(maps["group"].values) == ["PFT", "CLIM"]
    assert set(table["group"]) == {"PFT", "CLIM", "total"}


def test_missing_setups_are_named(study):
    metrics, cells = study
    lacking = metrics[~metrics.setup.isin(["PFT+AGE", "SOIL"])]
    with pytest.raises(InputError, match=r"missing: SOIL, PFT\+AGE"):
        partition(lacking, cells, PUBLISHED)
    del cells["CLIM+SOIL"]
    with pytest.raises(InputError, match=r"cells\.nc.*missing: CLIM\+SOIL"):
        partition(metrics, cells, PUBLISHED)


def test_a_split_absent_from_one_setup_is_undefined(study):
    metrics, cells = study
    absent = (metrics.setup == "AGE") & (metrics.split == "test")
    table, _ = partition(metrics[~absent], cells, PUBLISHED)
    assert table.loc[table.split == "test", ["contribution", "share"]].isna().all(axis=None)
    assert table.loc[table.split == "train", ["contribution", "share"]].notna().all(axis=None)


def test_stages_are_not_mixed(study):
    metrics, cells = study
    metrics.loc[0, "stage"] = "final"
    with pytest.raises(InputError, match="one stage"):
        partition(metrics, cells, PUBLISHED)


@pytest.mark.parametrize("groups", [[], ["PFT", "PFT"]])
def test_groups_are_distinct(study, groups):
    with pytest.raises(InputError, match="each named once"):
        partition(*study, groups)


def test_summary_counts_what_the_maps_say(study):
    _, maps = partition(*study, PUBLISHED)
    table = summarise_cells(maps).set_index(["target", "group"])
    assert (table["cells"] == 3).all()
    for target in ("sif", "lai"):
        contribution = maps["contribution"].sel(target=target).to_numpy()[:, :3].astype(float)
        rows = table.loc[target].loc[PUBLISHED]
        np.testing.assert_allclose(rows["contribution"], contribution.mean(axis=1))
        np.testing.assert_allclose(rows["negative"], (contribution < 0).mean(axis=1))
        first = contribution.argmax(axis=0)
        np.testing.assert_allclose(rows["dominated"], [(first == k).mean() for k in range(4)])
        assert rows["share"].sum() == pytest.approx(1)
        # The dominant group explains something, whatever the others do.
        assert (contribution.max(axis=0) >= 0).all()


def test_a_target_without_any_partition_has_no_summary(study):
    metrics, cells = study
    for data in cells.values():
        data["pearson_r2"][:, 0] = data["R2"][:, 0] = np.nan
    _, maps = partition(metrics, cells, PUBLISHED)
    assert set(summarise_cells(maps)["target"]) == {"lai"}


def test_a_member_that_does_not_vary_explains_nothing(study):
    metrics, cells = study
    # It has a defined R2 (below 0), but no correlation.
    first = (metrics["setup"] == "PFT") & (metrics["member"] == "01")
    metrics.loc[first, ["pearson_r2", "R2"]] = np.nan, -0.3
    cells["PFT"]["pearson_r2"][0, :, 1] = np.nan
    table, maps = partition(metrics, cells, PUBLISHED)
    metrics.loc[first, "pearson_r2"] = 0.0
    cells["PFT"]["pearson_r2"][0, :, 1] = 0.0
    of_zero, maps_of_zero = partition(metrics, cells, PUBLISHED)
    pd.testing.assert_frame_equal(table, of_zero)
    xr.testing.assert_identical(maps, maps_of_zero)
