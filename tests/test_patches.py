"""Patches and splits."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from differland.errors import InputError
from differland.patches import PADDING, cells_of_split, draw_patches, draw_split

PAPER = {"minimum_cells": 32, "slots": 320, "bulk_coverage": 0.8, "test_fraction": 0.1, "seed": 0}


def driver_of(sizes: list[int]) -> xr.Dataset:
    return xr.Dataset(coords={"patch": ("cell", np.repeat(np.arange(len(sizes)), sizes))})


def test_numbers_of_the_paper():
    """944 patches: 95 for the test, 764 of the other 849 to train on, 85 to develop."""
    patches = draw_patches(driver_of([320] * 944 + [31] * 10), **PAPER)
    assert patches.sizes == {"patch": 944, "slot": 320}
    assert int(patches["test"].sum()) == 95
    split = draw_split(patches["test"].to_numpy(), 1, 0.1, "develop")
    assert (split.train.sum(), split.development.sum()) == (764, 85)
    final = draw_split(patches["test"].to_numpy(), 1, 0.1, "final")
    assert (final.train.sum(), final.development.sum()) == (849, 0)


@given(
    sizes=st.lists(st.integers(1, 20), min_size=4, max_size=40),
    seed=st.integers(1, 1000),
    fraction=st.floats(0.05, 0.3),
)
def test_every_cell_once_and_no_patch_in_two_splits(sizes, seed, fraction):
    driver = driver_of(sizes)
    patches = draw_patches(driver, 1, None, 0.8, fraction, 0)
    cells = patches["cell"].to_numpy()
    kept = cells[cells != PADDING]
    np.testing.assert_array_equal(np.sort(kept), np.arange(sum(sizes)))
    split = draw_split(patches["test"].to_numpy(), seed, fraction, "develop")
    test = patches["test"].to_numpy() == 1
    np.testing.assert_array_equal(split.train + split.development + test, 1)
    assert split.train.any()
    of_split = [cells_of_split(patches, chosen) for chosen in (*split, test)]
    np.testing.assert_array_equal(np.sort(np.concatenate(of_split)), np.arange(sum(sizes)))


def test_small_patches_are_left_out_and_keep_their_number():
    patches = draw_patches(driver_of([40, 5, 50, 60, 70]), **PAPER)
    assert patches["number"].to_numpy().tolist() == [0, 2, 3, 4]


def test_bulk_is_the_share_of_filled_slots():
    patches = draw_patches(driver_of([8, 7, 10, 10]), 1, 10, 0.8, 0.1, 0)
    assert patches["bulk"].to_numpy().tolist() == [1, 0, 1, 1]


def test_splits_differ_between_members_and_not_between_calls():
    patches = draw_patches(driver_of([10] * 40), 1, None, 0.8, 0.1, 0)
    one, again, other = (
        draw_split(patches["test"].to_numpy(), seed, 0.1, "develop") for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.train, again.train)
    assert (one.train != other.train).any()


@pytest.mark.parametrize(
    ("sizes", "changes", "found"),
    [
        ([10] * 5, {}, "at most 10 cells"),
        ([400] * 5, {}, "400 cells in patch 0"),
        ([320] * 2, {"test_fraction": 0.1}, "2 patches, 1 of them"),
    ],
)
def test_patches_that_cannot_be_drawn(sizes, changes, found):
    with pytest.raises(InputError, match=found):
        draw_patches(driver_of(sizes), **PAPER | changes)
