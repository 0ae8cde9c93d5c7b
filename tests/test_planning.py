"""What a study costs, scaled to its size."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from changes import change

from differland.datasets.inversion import BOX_GRID
from differland.errors import DryRunError
from differland.figures.maps import land
from differland.planning import (
    LAND,
    WHOLE_EARTH,
    StudySize,
    amounts,
    count_jobs,
    land_cells,
    need_of,
    plan_lines,
    read_costs,
    shares_of_jobs,
    study_size,
)
from differland.regridding.study_grid import PATCH_GRID, STUDY_GRID, patch_number
from differland.settings.study import Study

PAPER = StudySize(245_000, 276, 944, 320, False)


WHOLE = {"slots": None, "minimum_cells": 1}
"""Settings of patches that keep all."""


def test_size_is_read_from_the_driver(study, planet_file, tmp_path):
    study = change(study, patches=WHOLE)
    assert study_size(study, planet_file) == StudySize(45, 48, 8, 6, False)
    found = change(study, driver={"source": "file", "path": str(planet_file)})
    assert study_size(found, tmp_path / "none.nc") == StudySize(45, 48, 8, 6, False)


def in_window(study: Study, **window: float) -> StudySize:
    return study_size(change(study, raw={"window": window}), Path("none.nc"))


def test_size_is_guessed_from_the_land_in_the_window(study):
    globe = study_size(study, Path("none.nc"))
    # The paper's 944 patches have vegetation.
    assert globe == StudySize(245_000, 276, 1000, 320, True)
    inland = in_window(study, south=2, north=22, west=10, east=30)
    assert inland == StudySize(round(6398 * 245_000 / 243_780), 276, 20, 320, True)
    # Half of the patches' height, and half of their width.
    quarter = in_window(study, south=4, north=6, west=12.5, east=15)
    assert (quarter.cells, quarter.patches) == (round(80 * 245_000 / 243_780), 1)
    sea = in_window(study, south=-40, north=-20, west=-130, east=-110)
    assert (sea.cells, sea.patches) == (0, 1)
    # The Chukchi Peninsula lies on both sides of the date line.
    across = in_window(study, south=62, north=70, west=170, east=195)
    parts = [
        in_window(study, south=62, north=70, west=west, east=east)
        for west, east in ((170, 180), (-180, -165))
    ]
    assert across.cells == pytest.approx(sum(part.cells for part in parts), abs=1)
    assert all(part.cells > 100 for part in parts)


def test_land_is_that_of_the_maps():
    """On the centres of all cells of the study's grid."""
    latitude, longitude = np.meshgrid(STUDY_GRID.latitude, STUDY_GRID.longitude, indexing="ij")
    outline = land()
    shapely.prepare(outline)
    inside = shapely.contains_xy(outline, longitude.ravel(), latitude.ravel())
    inside &= latitude.ravel() > -60
    expected = inside.reshape(90, 8, 144, 10).sum(axis=(1, 3))
    found = pd.read_csv(LAND)
    quarters = np.zeros_like(expected)
    rows, columns = (90 - found["north"]) / 2, (found["west"] + 180) / 2.5
    quarters[rows.astype(int), columns.astype(int)] = found["cells"]
    np.testing.assert_array_equal(quarters, expected)
    latitude, longitude = (values.ravel()[inside] for values in (latitude, longitude))
    for boxes, grid in ((False, PATCH_GRID), (True, BOX_GRID)):
        _, counts = np.unique(patch_number(latitude, longitude, grid), return_counts=True)
        np.testing.assert_allclose(land_cells(WHOLE_EARTH, boxes), counts)


def test_patches_that_are_boxes_are_counted_as_such(study):
    boxes = change(study, raw={"inversion_boxes": "boxes"})
    # Two by two boxes in a window of one patch: half a box off both ways.
    window = {"south": 6, "north": 10, "west": 15, "east": 20}
    assert in_window(study, **window).patches == 1
    assert in_window(boxes, **window).patches == 4
    assert in_window(boxes, **window).cells == in_window(study, **window).cells
    # The published driver has patches, whatever is said of raw files.
    published = change(boxes, driver={"source": "published", "path": "folder"})
    of_published = study_size(published, Path("none.nc"))
    assert of_published == study_size(study, Path("none.nc"))


def test_a_planet_whose_truth_is_known_has_the_cells_of_that(study, planet_file):
    years = {"first_year": 2001, "last_year": 2006}
    study = change(study, truth=str(planet_file), patches=WHOLE, raw=years)
    assert study_size(study, Path("none.nc")) == StudySize(45, 72, 8, 6, False)
    with xr.open_dataset(planet_file) as planet:
        latitude, longitude = planet["lat"].to_numpy(), planet["lon"].to_numpy()
    window = {"south": float(np.floor(latitude.min())) + 2, "north": 90, "west": -180, "east": 180}
    inside = latitude > window["south"]
    for choice, grid in (("mean", PATCH_GRID), ("boxes", BOX_GRID)):
        part = change(study, raw={"window": window, "inversion_boxes": choice})
        found = study_size(part, Path("none.nc"))
        numbers = patch_number(latitude[inside], longitude[inside], grid)
        assert (found.cells, found.patches) == (inside.sum(), np.unique(numbers).size)


def test_patches_with_too_few_cells_are_not_counted(study, planet_file):
    found = study_size(change(study, patches={**WHOLE, "minimum_cells": 6}), planet_file)
    assert (found.cells, found.patches) == (45, 7)


def test_the_size_of_a_published_driver_is_that_of_the_globe(study):
    published = change(study, driver={"source": "published", "path": "folder"})
    found = study_size(published, Path("none.nc"))
    assert (found.cells, found.guessed) == (245_000, True)


@pytest.mark.parametrize("rule", read_costs())
def test_needs_never_shrink_with_the_study(study, rule):
    small = need_of(rule, amounts(study, StudySize(1000, 60, 10, 100, False), 1))
    large = need_of(rule, amounts(study, PAPER, 20))
    for name in ("memory_mb", "seconds", "disk_mb"):
        assert 0 <= getattr(small, name) <= getattr(large, name)
    assert large.memory_request > large.memory_mb
    assert 60 * large.runtime_request >= 3 * large.seconds
    assert small.runtime_request >= 10


def test_the_memory_of_attribution_follows_from_the_rows_of_one_cell(study):
    def memory(**changes):
        attribution = study.analysis.attribution.model_copy(update=changes)
        analysis = study.analysis.model_copy(update={"attribution": attribution})
        changed = study.model_copy(update={"analysis": analysis})
        return need_of("attribute_predictors", amounts(changed, PAPER, 20)).memory_mb

    # At least 20 predictors and 16 outputs of each row, in double precision, in MB.
    assert memory(background=1000) - memory() > 900 * 2088 * (20 + 16) * 8 / 1e6
    assert memory(samples=100_000) > memory(samples=10_000) > memory(samples=1000)
    assert memory(explained=2000) == memory()


def test_plan_adds_up(study):
    jobs = {"train_1": 2, "train_2": 1, "plot_losses": 5, "map_parameters_2": 1, "all": 1}
    members = {"train_1": 20, "train_2": 5}
    setups = {"map_parameters_1": ("map_parameters", 5), "map_parameters_2": ("map_parameters", 3)}
    shares = shares_of_jobs(jobs, study, PAPER, members, setups, "train_gpu")
    assert [(share.rule, share.jobs, share.device) for share in shares] == [
        ("train_1", 2, "GPU"), ("train_2", 1, "GPU"), ("plot_losses", 5, "CPU"),
        ("map_parameters_2", 1, "CPU"),
    ]  # fmt: skip
    one = need_of("map_parameters", amounts(study, PAPER, 1))
    assert shares[-1].need.seconds == 3 * one.seconds
    assert shares[-1].need.memory_mb == one.memory_mb
    lines = list(plan_lines("mine", PAPER, shares))
    hours = shares[0].hours + shares[1].hours
    assert f"GPU: 3 jobs, {hours:.1f} hours, a guess in part" in lines
    assert lines[0] == "Study mine: 245000 cells in 944 patches, 276 months."
    assert list(plan_lines("mine", PAPER, []))[-1] == "Nothing is to be run."


@pytest.mark.parametrize(
    "printed",
    [
        'InputFunctionException in rule a in file "b.smk", line 1:\nError:\n  WorkflowError:\n'
        "    raw.folder: expected a folder\n    get it\nWildcards:\n\nTraceback:\n  File",
        'WorkflowError in file "b.smk", line 1:\n'
        'raw.folder: expected a folder\n    get it\n  File "b"\n',
        "raw.folder: expected a folder\n    get it",
    ],
)
def test_why_a_dry_run_failed_is_told_without_the_rest(configuration, tmp_path, printed):
    dry_run = [sys.executable, "-c", f"import sys; print({printed!r}); sys.exit(1)"]
    with pytest.raises(DryRunError) as caught:
        count_jobs(configuration, tmp_path / "plan.json", dry_run)
    expected = "the dry run failed: raw.folder: expected a folder\n    get it"
    assert str(caught.value).strip() == expected
