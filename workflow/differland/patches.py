"""Patches: groups of cells that are trained together, and the splits drawn among them."""

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from differland.driver import PATCH_DIMENSION
from differland.errors import InputError

Stage = Literal["develop", "final"]

PADDING = -1
"""Cell index of a slot that holds no cell."""


def draw_patches(
    driver: xr.Dataset,
    minimum_cells: int,
    slots: int | None,
    bulk_coverage: float,
    test_fraction: float,
    seed: int,
    flags: Literal["drawn", "published"] = "drawn",
) -> xr.Dataset:
    """Lay the cells out in patches, and draw the test set once for the whole study.

    Parameters
    ----------
    driver
        A checked driver.
    minimum_cells
        Patches with fewer cells are left out (paper: 32).
    slots
        Cells that a full patch holds (paper: 320); None: as many as the largest patch.
    bulk_coverage
        Share of slots that must be filled for patch-level NBE and EWT to count (paper: 0.8).
    test_fraction
        Share of patches in the test set (paper: 0.1), rounded up.
    seed
        Seed of the random draw of the test set.
    flags
        Whether ``test`` and ``bulk`` are drawn, by the settings above, or those that an
        imported published driver has.

    Returns
    -------
    Dataset of dimensions ``patch`` and ``slot``: ``cell(patch, slot)``, index into the driver or -1
    where a slot pads the patch; ``number(patch)``, number of the patch in the driver;
    ``test(patch)`` and ``bulk(patch)``, 1 or 0.

    Raises
    ------
    InputError
        No patch is large enough, a patch holds more cells than slots, too few patches are left
        for a test set beside a training set, or the driver has no published flags.
    """
    numbers = driver[PATCH_DIMENSION].to_numpy()
    sizes = np.bincount(numbers)
    kept = np.flatnonzero(sizes >= max(minimum_cells, 1))
    if kept.size == 0:
        raise InputError(
            "driver",
            PATCH_DIMENSION,
            f"at least one patch of {minimum_cells} cells (patches.minimum_cells)",
            f"patches of at most {sizes.max()} cells",
        )
    width = int(sizes[kept].max()) if slots is None else slots
    if sizes[kept].max() > width:
        raise InputError(
            "driver",
            PATCH_DIMENSION,
            f"at most {width} cells in a patch (patches.slots)",
            f"{sizes.max()} cells in patch {sizes.argmax()}",
        )
    if flags == "published":
        test = _published_flag(driver, "published_test")[kept]
        bulk = _published_flag(driver, "published_bulk")[kept]
    else:
        test = np.zeros(kept.size, dtype=np.int8)
        count = int(np.ceil(round(test_fraction * kept.size, 9)))
        test[np.random.default_rng(seed).permutation(kept.size)[:count]] = 1
        bulk = (sizes[kept] >= bulk_coverage * width).astype(np.int8)
    tests = int(test.sum())
    if kept.size - tests < 2:
        raise InputError(
            "driver",
            PATCH_DIMENSION,
            "at least two patches beside the test set",
            f"{kept.size} patches, {tests} of them for the test",
        )
    cell = np.full((kept.size, width), PADDING, dtype=np.int32)
    for row, number in enumerate(kept):
        members = np.flatnonzero(numbers == number)
        cell[row, : members.size] = members
    return xr.Dataset(
        {
            "cell": (
                ("patch", "slot"),
                cell,
                {"units": "1", "long_name": "index of the cell in the driver, -1 for padding"},
            ),
            "number": (
                "patch",
                kept.astype(np.int32),
                {"units": "1", "long_name": "number of the patch in the driver"},
            ),
            "test": ("patch", test, {"units": "1", "long_name": "1 for a patch of the test set"}),
            "bulk": (
                "patch",
                bulk,
                {"units": "1", "long_name": "1 where patch-level NBE and EWT count"},
            ),
        },
        attrs={"title": "Patches and test set", "seed": seed},
    )


def _published_flag(driver: xr.Dataset, name: str) -> np.ndarray:
    if name not in driver:
        raise InputError(
            "driver",
            name,
            "the flag of an imported published driver, since patches.flags is published",
            "no such variable",
        )
    return driver[name].to_numpy().astype(np.int8)


class Split(NamedTuple):
    """Patches that a member trains on and patches held back for development, each (patch,)."""

    train: np.ndarray
    development: np.ndarray


def draw_split(test: np.ndarray, seed: int, development_fraction: float, stage: Stage) -> Split:
    """Split the patches outside the test set, from the member's seed.

    Parameters
    ----------
    test
        1 for a patch of the test set, 0 for any other; shape (patch,).
    seed
        Seed of the member.
    development_fraction
        Share of them that is held back for development (paper: 0.1).
    stage
        ``develop`` holds patches back, ``final`` trains on all of them.
    """
    available = np.flatnonzero(test == 0)
    held_back = 0
    if stage == "develop":
        held_back = available.size - round((1 - development_fraction) * available.size)
        held_back = min(max(held_back, 1 if development_fraction > 0 else 0), available.size - 1)
    # A stream of its own, so that weights drawn from the same seed stay independent of it.
    shuffled = np.random.default_rng([seed, 1]).permutation(available)
    train = np.zeros(test.size, dtype=bool)
    development = np.zeros_like(train)
    development[shuffled[:held_back]] = True
    train[shuffled[held_back:]] = True
    return Split(train, development)


def cells_of_split(patches: xr.Dataset, chosen: np.ndarray) -> np.ndarray:
    """Indices of the cells in the chosen patches (boolean, shape (patch,)), sorted."""
    cells = patches["cell"].to_numpy()[chosen]
    return np.sort(cells[cells != PADDING])
