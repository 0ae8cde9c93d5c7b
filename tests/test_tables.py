"""The tables and the code that names their rows agree."""

from differland.model.parameters import Parameters, Pools
from differland.model.simulate import MODEL_OUTPUTS
from differland.network import HEADS
from differland.tables import (
    OBSERVATIONS,
    OUTPUTS,
    PARAMETERS,
    PREDICTOR_GROUPS,
    PREDICTORS,
    TRAITS,
)
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES


def test_parameters_are_the_forty_of_the_paper():
    assert list(PARAMETERS) == [
        *Parameters._fields[:31],
        *(f"initial_{pool}" for pool in Pools._fields),
        *Parameters._fields[31:],
    ]
    assert all(0 < row.minimum < row.maximum for row in PARAMETERS.values())


def test_heads_have_the_sizes_of_the_paper():
    assert {head: len(names) for head, names in HEADS.items()} == {
        "process": 31,
        "initial": 7,
        "phenology": 2,
    }


def test_there_are_twenty_predictors_in_four_groups_and_two_controls():
    sizes = {group: len(names) for group, names in PREDICTOR_GROUPS.items()}
    assert sizes == {"PFT": 10, "CLIM": 3, "SOIL": 5, "AGE": 2, "LATLON": 2, "CONTROL": 1}
    assert list(PREDICTORS) == [n for names in PREDICTOR_GROUPS.values() for n in names]


def test_outputs_and_traits_are_complete():
    assert len(MODEL_OUTPUTS) == 44
    assert len(TRAITS) == 13


def test_every_target_has_a_row_for_its_observation_and_for_its_quantity():
    for target, observable in OBSERVABLES.items():
        observed = OBSERVATIONS[OBSERVED_VARIABLES[target]]
        modelled = OUTPUTS[observable.quantity]
        assert observed.units == modelled.units, target
        assert observed.group == observable.support, target
