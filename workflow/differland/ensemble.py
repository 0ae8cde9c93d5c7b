"""The ensemble: the best members of a setup, and their joint predictions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from differland.driver import predictor_matrix
from differland.errors import InputError
from differland.files import digest_of_dataset, read_json
from differland.members import Member, read_member
from differland.model.carbon import allocate
from differland.model.parameters import Parameters, Pools
from differland.network import PredictorScaling, Weights, predict, side_by_side
from differland.records import MADE_OF, WEIGHTS_DIGEST, check_made_of_same
from differland.settings.training import Model
from differland.tables import PARAMETERS, PREDICTORS, TRAITS

CELL_COORDINATES = ("lat", "lon", "site")


def traits(parameters: Parameters) -> dict[str, Float[Array, "..."]]:
    """The 13 traits of the analyses from the parameters, in the units of the table.

    Q10 is that of heterotrophic respiration; allocation fractions are of GPP.
    """
    shares = allocate(jnp.ones_like(parameters.autotrophic_fraction), parameters)
    derived = {
        "q10": jnp.exp(10 * parameters.temperature_sensitivity),
        "allocation_labile": shares.labile,
        "allocation_foliar": shares.foliar,
        "allocation_wood": shares.wood,
        "allocation_root": shares.root,
    }
    return {
        name: derived[name] if name in derived else getattr(parameters, name) for name in TRAITS
    }


@dataclass(frozen=True)
class Ensemble:
    """Selected members of one setup and stage.

    Attributes
    ----------
    members
        Best first. They share the setup, the network's shape and the model's settings.
    """

    members: Sequence[Member]

    def __post_init__(self) -> None:
        first = self.members[0]
        for member in self.members[1:]:
            for key in ("network", "model"):
                if member.record[key] != first.record[key]:
                    raise InputError(
                        f"{member.stage}/{member.setup}/{member.seed}",
                        key,
                        f"{first.record[key]} as in member {first.seed}",
                        f"{member.record[key]}",
                    )
        check_made_of_same([member.complete_record for member in self.members])

    @property
    def setup(self) -> str:
        """Name of the setup."""
        return self.members[0].setup

    @property
    def stage(self) -> str:
        """``develop`` or ``final``."""
        return self.members[0].stage

    def check_trained_on(self, driver: xr.Dataset, patches: xr.Dataset) -> None:
        """Refuse a driver or patches that the members were not trained on.

        Parameters
        ----------
        driver, patches
            Driver and patches as read from their files, with all variables.

        Raises
        ------
        InputError
            Values differ from those that the training data were packed of.
        """
        made_of = self.members[0].record.get(MADE_OF) or {}
        for name, dataset in (("driver", driver), ("patches", patches)):
            found = digest_of_dataset(dataset)
            if made_of.get(name, found) != found:
                raise InputError(
                    dataset.encoding.get("source", name),
                    "values",
                    f"those that {self.stage}/{self.setup} was trained on (digest {made_of[name]})",
                    f"digest {found}: restore the file, or train again",
                )

    def provenance(self, driver: xr.Dataset) -> dict[str, str]:
        """Digests of members and driver, as attributes of results made from them."""
        digests = " ".join(member.weights_digest for member in self.members)
        return {
            "members_digest": hashlib.sha256(digests.encode()).hexdigest(),
            "driver_digest": digest_of_dataset(driver),
        }

    @property
    def seeds(self) -> list[str]:
        """Seeds of the members."""
        return [member.seed for member in self.members]

    @property
    def model(self) -> Model:
        """Settings of the model that the members were trained with."""
        return Model.model_validate(self.members[0].record["model"])

    @cached_property
    def active_predictors(self) -> tuple[str, ...]:
        """Names of the predictors of the setup."""
        active = self.members[0].scaling.active
        return tuple(name for name, used in zip(PREDICTORS, active, strict=True) if used)

    @cached_property
    def weights(self) -> Weights:
        """Weights of all members, with a leading axis of members."""
        return jax.tree.map(
            lambda *leaves: np.stack(leaves),
            *(member.weights for member in self.members),
        )

    def standardise(self, predictors: np.ndarray) -> Float[Array, "member cell predictor"]:
        """Predictors in their units, shape (cell, predictor), as each member sees them."""
        return jnp.asarray(
            np.stack([member.scaling.standardise(predictors) for member in self.members]),
            jnp.float32,
        )

    def predict(self, predictors: np.ndarray, latitude: np.ndarray) -> tuple[Parameters, Pools]:
        """Parameters and initial pools of each member and cell; each of shape (member, cell).

        Parameters
        ----------
        predictors
            All predictors of ``resources/variables.csv`` in their units, shape (cell, predictor).
        latitude
            Latitude, degrees_north, shape (cell,).
        """
        return self._predict(
            self.weights, self.standardise(predictors), jnp.asarray(latitude, jnp.float32)
        )

    def predict_cells(self, driver: xr.Dataset) -> tuple[Parameters, Pools]:
        """Parameters and initial pools of each member for every cell of a driver.

        Raises
        ------
        InputError
            The driver lacks a predictor of the setup.
        """
        for name in self.active_predictors:
            if name not in driver:
                raise InputError(
                    "driver", name, f"a predictor, since setup {self.setup} needs it", "none"
                )
        return self.predict(predictor_matrix(driver), driver["lat"].to_numpy())

    @cached_property
    def _predict(self) -> Any:
        network = self.members[0].network
        return jax.jit(jax.vmap(partial(predict, network), in_axes=(0, 0, None)))

    def traits_of(
        self, predictors: Float[Array, "row predictor"], latitude: Float[Array, " row"]
    ) -> Float[Array, "row trait"]:
        """Ensemble-mean traits from the values of the active predictors; JAX can trace it.

        Parameters
        ----------
        predictors
            Predictors in their units, shape (row, active predictor).
        latitude
            Latitude, degrees_north, shape (row,).

        Returns
        -------
        Traits in the order and units of the table of traits.
        """
        network = self.members[0].network
        columns = [list(PREDICTORS).index(name) for name in self.active_predictors]
        scalings = side_by_side([member.scaling for member in self.members])
        every = jnp.zeros((predictors.shape[0], len(PREDICTORS))).at[:, columns].set(predictors)

        def add(total: Array, member: tuple[Weights, PredictorScaling]) -> tuple[Array, None]:
            weights, scaling = member
            values = traits(predict(network, weights, scaling.standardise(every), latitude)[0])
            return total + jnp.stack(list(values.values())), None

        # One member after another: the rows of one fit into the cache, those of all do not.
        total = jnp.zeros((len(TRAITS), predictors.shape[0]))
        total, _ = jax.lax.scan(add, total, (self.weights, scalings))
        return total.T / len(self.members)

    def parameters(self, driver: xr.Dataset, patches: xr.Dataset | None = None) -> xr.Dataset:
        """Maps of all parameters and traits.

        Parameters
        ----------
        driver
            A checked driver that has the setup's predictors.
        patches
            Patches of the driver, to mark the cells of the test set; None for a driver that was not
            trained on.

        Returns
        -------
        Dataset of dimensions (member, cell): the 40 parameters and the traits by name, float32.
        """
        parameters, initial = self.predict_cells(driver)
        values = {
            **parameters._asdict(),
            **{f"initial_{name}": pool for name, pool in initial._asdict().items()},
        }
        result = xr.Dataset(
            coords={"member": self.seeds, **cell_coordinates(driver, patches)},
            attrs={
                "setup": self.setup,
                "stage": self.stage,
                "title": "Ecological parameters",
                **self.provenance(driver),
            },
        )
        rows: Mapping[str, Any] = {**PARAMETERS, **TRAITS}
        for name, array in {**traits(parameters), **values}.items():
            result[name] = (
                ("member", "cell"),
                np.asarray(array, np.float32),
                {"units": rows[name].units, "long_name": rows[name].long_name},
            )
        return result


def cell_coordinates(driver: xr.Dataset, patches: xr.Dataset | None) -> dict[str, Any]:
    """Coordinates of the cells that every result carries: location, patch, site, test set."""
    coordinates: dict[str, Any] = {
        name: ("cell", driver[name].to_numpy(), driver[name].attrs)
        for name in CELL_COORDINATES
        if name in driver.variables
    }
    numbers = driver["patch"].to_numpy()
    coordinates["patch"] = ("cell", numbers, {"long_name": "number of the cell's patch"})
    if patches is not None:
        tests = patches["number"].to_numpy()[patches["test"].to_numpy() == 1]
        coordinates["test"] = (
            "cell",
            np.isin(numbers, tests).astype(np.int8),
            {"units": "1", "long_name": "1 for a cell of the test set"},
        )
    return coordinates


def read_ensemble(selection: Path | str, members: Path | str) -> Ensemble:
    """Read the members that a selection names.

    Parameters
    ----------
    selection
        JSON file of the selection by :func:`differland.records.select_members`.
    members
        Folder that holds ``<stage>/<setup>/<seed>/``.

    Raises
    ------
    InputError
        The selection or a member is unreadable, a member is not the one that was selected, or
        members were trained on different data.
    """
    chosen = read_json(selection)
    for key in ("stage", "setup", "selected"):
        if key not in chosen:
            raise InputError(selection, key, "a key of a selection", "no such key")
    root = Path(members) / chosen["stage"] / chosen["setup"]
    read = [read_member(root / seed) for seed in chosen["selected"]]
    for member in read:
        told = chosen.get(WEIGHTS_DIGEST, {}).get(member.seed)
        if told not in (None, member.weights_digest):
            expected = f"weights of digest {told}, as when {selection} was made"
            raise InputError(root / member.seed, "weights", expected, member.weights_digest)
    return Ensemble(read)
