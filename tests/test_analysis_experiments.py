"""Experiments beside the study: the numbers of the tables are those of their inputs."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from differland.analysis.comparison import compare_setups
from differland.analysis.experiments import PROFILED, compare_experiments, profiles
from differland.errors import InputError
from differland.figures import style
from differland.figures.experiments import draw_experiments, draw_profiles
from differland.metrics import Agreement

SKILLS = ("R2", "pearson_r2", "correlation", "mae", "rmse")
SETUPS = ("PFT", "CLIM", "PFT@dry", "PFT@wet")


def make_metrics() -> pd.DataFrame:
    random = np.random.default_rng(5)
    rows = [
        {
            **{"stage": stage, "setup": setup, "member": member, "split": split},
            **{"target": target, "support": "cell", "domain": domain, "driver": "driver"},
            **{name: random.uniform(0, 1) for name in SKILLS},
        }
        for stage in ("develop", "final")
        for setup in SETUPS
        for member in ("01", "02", "03", "ensemble")
        for split in ("train", "test")
        for target in ("lai", "gpp_site")
        for domain in ("space-time", "space", "time")
    ]
    return pd.DataFrame(rows)


def make_sums(setup: str) -> xr.Dataset:
    """Sums of 20 patches, 30 pairs in each; errors are as large as the setup's name is long."""
    random = np.random.default_rng(len(setup))
    observed = np.random.default_rng(0).normal(size=(2, 20, 1, 30))
    modelled = observed + 0.1 * len(setup) * random.normal(size=(2, 20, 4, 30))
    found = Agreement.of(np.broadcast_to(observed, modelled.shape), modelled)
    return xr.Dataset(
        {
            **{
                name: (("target", "patch", "prediction"), value)
                for name, value in vars(found).items()
            },
            "test": ("patch", np.ones(20, np.int8)),
        },
        coords={
            "target": ["lai", "gpp_site"],
            "prediction": ["01", "02", "03", "ensemble"],
        },
    )


SUMS = {setup: make_sums(setup) for setup in SETUPS if setup != "CLIM"}


def make_simulation(level: float) -> xr.Dataset:
    """Four cells on two bands; a flux that is `level` times the number of the cell, plus time."""
    values = level * np.arange(1.0, 5.0)[:, None] + np.arange(24.0) - 17.5
    return xr.Dataset(
        dict.fromkeys(PROFILED, (("cell", "time"), values)),
        coords={"lat": ("cell", [0.125, 4.875, 60.125, 60.375])},
    )


def test_skill_of_experiments_beside_that_of_the_study():
    metrics = make_metrics()
    table = compare_experiments(metrics, SUMS, {"dry": "without water"})
    assert set(table["setup"]) == {"PFT"}  # no experiment trains CLIM
    assert list(dict.fromkeys(table["experiment"])) == ["study", "dry", "wet"]
    assert len(table) == 3 * 2 * 3

    def members(setup: str) -> pd.Series:
        rows = metrics.query(
            "stage == 'develop' and split == 'test' and target == 'lai' and domain == 'space'"
        )
        return rows[rows["setup"] == setup].set_index("member")["R2"]

    row = table.query("experiment == 'dry' and target == 'lai' and domain == 'space'").iloc[0]
    dry, study = members("PFT@dry"), members("PFT")
    assert row["description"] == "without water"
    assert row["R2_ensemble"] == dry["ensemble"]
    assert row["R2"] == pytest.approx(dry[:3].mean())
    assert row["R2_sd"] == pytest.approx(dry[:3].std(ddof=1))
    assert row["R2_difference"] == pytest.approx(dry[:3].mean() - study[:3].mean())
    assert (table.query("experiment == 'study'")["R2_difference"] == 0).all()
    # The interval is that of the pair of setups, and there is one only where there is a difference.
    pair = compare_setups({"PFT": SUMS["PFT"], "PFT@wet": SUMS["PFT@wet"]})
    pair = pair.query("target == 'lai' and skill == 'R2' and prediction == 'members'").iloc[0]
    row = table.query("experiment == 'wet' and target == 'lai' and domain == 'space-time'").iloc[0]
    assert (row["lower"], row["upper"]) == (pair["lower"], pair["upper"])
    assert row["lower"] < row["upper"] < 0
    has_interval = table["lower"].notna()
    assert has_interval.sum() == 4
    assert set(table.loc[has_interval, "domain"]) == {"space-time"}


def test_profiles_and_totals():
    """Areas are those between parallels and meridians of a sphere."""
    names = {"PFT": 1.0, "PFT@dry": 2.0}
    table = profiles({name: partial(make_simulation, k) for name, k in names.items()}, 12)
    edges = np.array([0.125, 4.875, 60.125, 60.375])[:, None] + [-0.125, 0.125]
    area = 6.371e6**2 * np.deg2rad(0.25) * np.diff(np.sin(np.deg2rad(edges)))[:, 0]
    for experiment, level in (("study", 1.0), ("dry", 2.0)):
        values = level * np.arange(1.0, 5.0)
        rows = table[(table["experiment"] == experiment) & (table["quantity"] == "gpp")]
        assert rows["cells"].tolist() == [2, 2, 4]
        assert rows["latitude"].tolist()[:2] == [2.5, 62.5]
        expected = [
            np.average(values[:2], weights=area[:2]),
            np.average(values[2:], weights=area[2:]),
        ]
        np.testing.assert_allclose(rows["mean"].to_numpy()[:2], expected, rtol=1e-4)
        np.testing.assert_allclose(
            rows["total"].to_numpy()[2], values @ area * 365.25e-15, rtol=1e-3
        )
    assert table[table["quantity"] == "lai"]["total"].isna().all()


def test_figures_show_every_experiment():
    table = compare_experiments(make_metrics(), SUMS, {})
    figure = draw_experiments(table)
    figure.draw_without_rendering()
    panels = figure.axes[:3]
    for axes in panels:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["study", "dry", "wet"]
    shown = [text.get_text() for text in panels[0].texts]
    first = table[table["domain"] == "space-time"].set_index(["experiment", "target"])
    assert shown[0] == style.number(first.loc[("study", "lai"), "R2"], ".2f")
    assert shown[3] == style.number(first.loc[("dry", "gpp_site"), "R2_difference"], "+.2f")
    with pytest.raises(InputError, match="at least one"):
        draw_experiments(table[table["experiment"] == "study"])

    lines = profiles(
        {"PFT": partial(make_simulation, 1), "PFT@dry": partial(make_simulation, 2)}, 0
    )
    drawn = draw_profiles(lines, "PFT")
    assert all(len(axes.get_lines()) == 2 for axes in drawn.axes)
    with pytest.raises(InputError, match="CLIM"):
        draw_profiles(lines, "CLIM")
