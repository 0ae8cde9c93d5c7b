"""The file of training data: all minibatches of a study, laid out once for every job.

It is an HDF5 file whose arrays are stored as they are used, each from an address on that a device
can read in place. Jobs map it into memory: those on one machine share one copy of it.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

import differland
from differland.driver import annual_mean, complete_years, observed_series, predictor_matrix
from differland.errors import InputError
from differland.files import atomic_path, check_room, digest_of_dataset, seal, verify
from differland.minibatches import Minibatches
from differland.model.forcing import forcing_of_driver
from differland.model.weather import SHARED, Weather, weather_of
from differland.opening import open_hdf5
from differland.patches import PADDING
from differland.settings.training import Loss, Model
from differland.tables import FORCING, PREDICTORS
from differland.terms import OBSERVED_TERMS

logger = logging.getLogger(__name__)

ALIGNMENT = 4096
"""Arrays begin at multiples of so many bytes: pages of memory, which devices can read in place."""

PATCHES_AT_ONCE = 32
"""Patches laid out in one go: bounds memory at about 10 MB per variable of full patches."""

PREDICTORS_OF_FORCING = ("lat", "mean_annual_precipitation")
"""What the forcing is worked out from besides the forcing variables."""


@dataclass(frozen=True)
class TrainingData:
    """Training data of the members of a study.

    Attributes
    ----------
    path
        File that it was read from.
    minibatches
        All patches, as numpy arrays that are mapped from the file.
    number
        Number of each patch in the driver; shape (patch,).
    test
        Whether a patch belongs to the test set; shape (patch,).
    predictors
        Names of the predictors that the driver has.
    preparation
        Settings that the file was laid out with, as :func:`preparation` describes them.
    digest
        Digest of all values.
    made_of
        Digests of the driver and the patches that it was packed of; empty in files of earlier
        versions.
    """

    path: Path
    minibatches: Minibatches
    number: np.ndarray
    test: np.ndarray
    predictors: tuple[str, ...]
    preparation: Mapping[str, Any]
    digest: str
    made_of: Mapping[str, str]


def preparation(model: Model, loss: Loss) -> dict[str, Any]:
    """Describe all settings on which the content of the file depends."""
    return {
        "model_version": differland.MODEL_VERSION,
        "model": dict(model),
        "observations": dict(loss.observations),
        "equilibrium_mask": loss.equilibrium.mask,
    }


def pack_training_data(
    driver: xr.Dataset,
    patches: xr.Dataset,
    model: Model,
    loss: Loss,
    path: Path,
    required: Collection[str] = (),
) -> None:
    """Lay out forcing, predictors and observations patch by patch, float32.

    Parameters
    ----------
    driver
        A checked driver.
    patches
        Patches, as :func:`differland.patches.draw_patches` returns them.
    model, loss
        Choices that change forcing and observations; weights of the loss do not.
    path
        Path of the file, which is written whole or not at all.
    required
        Observed variables that the driver must have. Terms of the loss whose variable it lacks
        are off otherwise, which a warning says; so are those that nothing is known of.

    Raises
    ------
    InputError
        A required variable is absent, nothing is observed at all, or there is no room for the file.
    """
    source = driver.encoding.get("source", "driver")
    for name in required:
        if name not in driver:
            raise InputError(source, name, "observations, to be trained on", "no such variable")
    arrays = len(Weather._fields) + len(loss.observations)
    check_room(path.parent, 4 * arrays * driver.sizes["time"] * patches["cell"].size)
    made_of = {"driver": digest_of_dataset(driver), "patches": digest_of_dataset(patches)}
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", alignment_threshold=0, alignment_interval=ALIGNMENT) as file:
            layout = _Layout(driver, patches, file)
            layout.write(model, loss)
            _tell_unobserved(source, layout.unobserved, loss)
            file["number"] = patches["number"].to_numpy()
            file["test"] = patches["test"].to_numpy() == 1
            file.attrs["predictors"] = [name for name in PREDICTORS if name in driver]
            file.attrs["preparation"] = json.dumps(preparation(model, loss))
            file.attrs["made_of"] = json.dumps(made_of)
            file.attrs["digest"] = _digest(file)
        seal(temporary)


def _tell_unobserved(source: str, unobserved: Mapping[str, str], loss: Loss) -> None:
    """Warn of loss terms without observations, and refuse to train on none at all."""
    for term, reason in unobserved.items():
        logger.warning("loss.%s is off: %s %s", term, source, reason)
    wanted = {term for term, variable in loss.observations.items() if variable is not None}
    if not any(loss.weights[term] for term in wanted.difference(unobserved)):
        expected = "values of at least one term of the loss of a weight above 0, to learn from"
        raise InputError(source, "observations", expected, "none")


class _Layout:
    """Mapping from the cells of a driver to the patches and slots of a file."""

    def __init__(self, driver: xr.Dataset, patches: xr.Dataset, file: h5py.File) -> None:
        self.driver = driver
        self.patches = patches
        self.file = file
        self.unobserved: dict[str, str] = {}
        """Why terms of the loss have no observation although they are on."""
        cell = patches["cell"].to_numpy()
        self.valid = cell != PADDING
        # What pads a patch repeats the patch's first cell, so that nothing in it can blow up.
        self.cell = np.where(self.valid, cell, cell[:, :1])

    def write(self, model: Model, loss: Loss) -> None:
        self.put_weather(model)
        for term, variable in loss.observations.items():
            if variable is None:
                continue
            if variable in self.driver:
                self.put_observations(term, variable)
            else:
                self.unobserved[term] = f"has no variable {variable}"
        self.file["valid"] = self.valid.astype(np.float32)
        in_equilibrium = self.valid.copy()
        if loss.equilibrium.mask == "first_month_lai":
            lai = loss.observations.get("lai")
            if lai in self.driver:
                in_equilibrium &= np.isfinite(self.driver[lai].to_numpy()[:, 0])[self.cell]
            else:
                in_equilibrium[:] = False
        self.file["in_equilibrium"] = in_equilibrium.astype(np.float32)
        self.file["latitude"] = self.driver["lat"].to_numpy()[self.cell].astype(np.float32)
        self.file["predictors"] = predictor_matrix(self.driver).astype(np.float32)[self.cell]

    def groups(self) -> Iterator[slice]:
        """Slices of a few patches each."""
        for start in range(0, len(self.cell), PATCHES_AT_ONCE):
            yield slice(start, start + PATCHES_AT_ONCE)

    def put_by_patch(self, name: str, values: np.ndarray) -> None:
        """Write values of shape (..., cell) as (patch, ..., slot), NaN in slots of padding."""
        shape = (len(self.cell), *values.shape[:-1], self.cell.shape[1])
        array = self.file.create_dataset(name, shape, np.float32)
        for group in self.groups():
            chosen = np.where(self.valid[group], values[..., self.cell[group]], np.nan)
            array[group] = np.moveaxis(chosen, -2, 0)

    def put_weather(self, model: Model) -> None:
        names = [name for name in (*FORCING, *PREDICTORS_OF_FORCING) if name in self.driver]
        forcing = self.driver[names]
        slots = self.cell.shape[1]
        for group in self.groups():
            cells = self.cell[group]
            weather = weather_of(
                forcing_of_driver(
                    forcing.isel(cell=cells.ravel()), model.step_length, model.moisture_reference
                )
            )
            for name, monthly in weather._asdict().items():
                values = np.asarray(monthly, np.float32)
                if name not in SHARED:
                    by_patch = values.reshape(-1, len(cells), slots).swapaxes(0, 1)
                    shape = (len(self.cell), *by_patch.shape[1:])
                    self.file.require_dataset(f"weather/{name}", shape, np.float32)[group] = (
                        by_patch
                    )
                elif group.start == 0:
                    self.file[f"shared/{name}"] = values

    def put_observations(self, term: str, variable: str) -> None:
        compared = OBSERVED_TERMS[term]
        values, weights = observed_series(self.driver, variable)
        weighted = f"{variable}_weight" in self.driver
        annual = compared.resolution == "year"
        if annual:
            # A year counts if all of it is known, whatever its months weigh.
            weights, weighted = complete_years(weights > 0), False
            values = annual_mean(values)
        values = np.where(weights > 0, values, np.nan)
        put: Callable[[str, np.ndarray], None] = self.put_by_patch
        used, where = self.cell[self.valid], "in a patch"
        if compared.support == "patch":
            put, used = self.put_patch_means, self.patches["number"].to_numpy()
            if compared.needs_full_patch:
                values[:, used[self.patches["bulk"].to_numpy() == 0]] = np.nan
                where = "in a patch that is full enough (patches.bulk_coverage)"
        if not np.isfinite(values[..., used]).any():
            what = "whole year" if annual else "value"
            self.unobserved[term] = f"has no {what} of {variable} {where}"
        put(f"observed/{term}", values)
        if weighted:
            put(f"observation_weight/{term}", weights)

    def put_patch_means(self, name: str, values: np.ndarray) -> None:
        """Write values of shape (step, patch of the driver) as (patch, step)."""
        self.file[name] = values[:, self.patches["number"].to_numpy()].T.astype(np.float32)


def _arrays(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Every array of a file by its path."""
    found: dict[str, h5py.Dataset] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    file.visititems(add)
    return found


def _digest(file: h5py.File) -> str:
    digest = hashlib.sha256(str(file.attrs["predictors"]).encode())
    for name, array in _arrays(file).items():
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        step = max(1, 2**24 // max(array[:1].nbytes, 1))
        for start in range(0, len(array), step):
            digest.update(array[start : start + step].tobytes())
    return digest.hexdigest()


def read_training_data(path: Path | str) -> TrainingData:
    """Map a file that :func:`pack_training_data` wrote into memory.

    Raises
    ------
    InputError
        The file is absent, no file of training data, breaks off, or does not match its checksum.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file", "an HDF5 file", "no such file")
    verify(path)
    try:
        with open_hdf5(path) as file:
            arrays = {name: _mapped(path, array) for name, array in _arrays(file).items()}
            return TrainingData(
                path=path,
                minibatches=_minibatches(arrays),
                number=arrays["number"],
                test=arrays["test"],
                predictors=tuple(file.attrs["predictors"]),
                preparation=json.loads(file.attrs["preparation"]),
                digest=file.attrs["digest"],
                made_of=json.loads(file.attrs.get("made_of", "{}")),
            )
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise InputError(
            path,
            "file",
            "a complete file of training data",
            f"{path.stat().st_size} bytes that cannot be read ({type(error).__name__}: {error})",
        ) from error


def _minibatches(arrays: Mapping[str, np.ndarray]) -> Minibatches:
    def group(name: str) -> dict[str, Any]:
        prefix = f"{name}/"
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    values: dict[str, Any] = {
        name: arrays[name] if name in arrays else group(name) for name in Minibatches._fields
    }
    return Minibatches(**values)


def _mapped(path: Path, array: h5py.Dataset) -> np.ndarray:
    # Devices take plain arrays in place, but copy those of a subclass.
    return np.asarray(np.memmap(path, array.dtype, "r", array.id.get_offset(), array.shape))
