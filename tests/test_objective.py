"""Every loss term: reference values, terms worked out by hand, what padding and gaps do."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from differland.__main__ import main
from differland.distances import water_anomaly
from differland.files import read_netcdf, write_netcdf
from differland.model.parameters import Pools
from differland.objective import Observations, keep_for, loss_terms, needed_outputs, trajectory_of
from differland.terms import OBSERVED_TERMS, PAPER_WEIGHTS, TERMS, YearMeans

pytestmark = pytest.mark.usefixtures("x64")

MONTHS, CELLS = 24, 4


def outputs_and_observations(seed: int = 0) -> tuple[dict, Pools, Observations]:
    """Random positive model output, and observations of every target with gaps."""
    rng = np.random.default_rng(seed)
    outputs = {
        name: jnp.asarray(rng.uniform(0.5, 2, (MONTHS, CELLS)))
        for name in needed_outputs(PAPER_WEIGHTS)
    }
    shapes = {
        **dict.fromkeys(("sif", "lai", "et", "gpp_site", "reco_site", "et_site"), (MONTHS, CELLS)),
        **dict.fromkeys(("biomass", "vod"), (MONTHS // 12, CELLS)),
        "soc": (CELLS,),
        **dict.fromkeys(("nbe", "fire", "ewt"), (MONTHS,)),
        "nbe_annual": (MONTHS // 12,),
    }
    known = {name: (rng.uniform(size=shape) < 0.7).astype(float) for name, shape in shapes.items()}
    return (
        outputs,
        Pools(*(jnp.asarray(rng.uniform(0.5, 2, CELLS)) for _ in Pools._fields)),
        Observations(
            value={n: jnp.asarray(rng.normal(size=s) * known[n]) for n, s in shapes.items()},
            weight={name: jnp.asarray(values) for name, values in known.items()},
            valid=jnp.ones(CELLS),
            in_equilibrium=jnp.ones(CELLS),
        ),
    )


def value_of(name: str, outputs: dict, observed: Observations, initial: Pools | None = None):
    """Value of a term before its weight; only that of equilibrium needs initial pools."""
    initial = initial or Pools(*[jnp.ones(observed.valid.size)] * len(Pools._fields))
    return TERMS[name].value(trajectory_of([name], outputs, observed), initial, observed)


@pytest.mark.parametrize("number", [1, 2])
def test_reference_values(reference, capsys, number):
    path = reference / f"reference/loss_case_{number}.nc"
    assert main(["loss", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = read_netcdf(path, decode_times=False)
    wanted = {n.removeprefix("expected_") for n in expected if n.startswith("expected_")}
    assert set(found) == wanted == {*PAPER_WEIGHTS, "total"}
    for term, value in found.items():
        np.testing.assert_allclose(value, float(expected[f"expected_{term}"]), rtol=1e-9)


def test_weights_are_those_of_the_shipped_configuration(configuration):
    loss = configuration["loss"]
    assert set(loss) == set(TERMS)
    assert {name: loss[name]["weight"] for name in PAPER_WEIGHTS} == pytest.approx(PAPER_WEIGHTS)
    # Where all cells of a full patch miss by the same, both terms of fire have the same value.
    of_cells = loss["fire_cell"]["weight"]
    assert of_cells * configuration["patches"]["slots"] == loss["fire"]["weight"]


def test_observations_are_those_of_the_shipped_configuration(configuration):
    shipped = {name: configuration["loss"][name]["observation"] for name in OBSERVED_TERMS}
    assert shipped == {
        name: None if term.is_optional else term.variable for name, term in OBSERVED_TERMS.items()
    }


def test_a_new_term_is_one_object(monkeypatch):
    """Of annual means of GPP, by hand: two years of which one is observed."""
    term = YearMeans(
        name="gpp_annual",
        quantity="gpp",
        variable="gpp_site",
        support="site",
        symbol="GPP, annual",
        paper_weight=None,
    )
    monkeypatch.setitem(TERMS, term.name, term)
    weights = {"gpp_annual": 3.0, "lai": 10.0}
    assert needed_outputs(weights) == ("gpp", "lai")
    assert keep_for(weights).compared == ("lai",)
    outputs = {
        "gpp": jnp.asarray([[1.0], [3.0]] * 6 + [[7.0]] * 12),
        "lai": jnp.ones((24, 1)),
    }
    observed = Observations(
        value={"gpp_annual": jnp.asarray([[5.0], [0.0]]), "lai": jnp.full((24, 1), 3.0)},
        weight={"gpp_annual": jnp.asarray([[0.5], [0.0]]), "lai": jnp.ones((24, 1))},
        valid=jnp.ones(1),
        in_equilibrium=jnp.ones(1),
    )
    initial = Pools(*[jnp.ones(1)] * len(Pools._fields))
    terms = loss_terms(weights, trajectory_of(weights, outputs, observed), initial, observed)
    np.testing.assert_allclose(terms["gpp_annual"], 3 * 0.5 * (2 - 5) ** 2)
    np.testing.assert_allclose(terms["lai"], 10 * 24 * (1 - 3) ** 2)


def test_fire_of_cells_compares_each_cell_and_fire_of_patches_their_mean():
    """Two cells that miss by +2 and -2: nothing is wrong with their mean."""
    outputs = {"fire_emission": jnp.asarray([[3.0, 1.0]] * 12)}
    observed = Observations(
        value={"fire": jnp.full(12, 2.0), "fire_cell": jnp.asarray([[1.0, 3.0]] * 12)},
        weight={
            "fire": jnp.ones(12),
            "fire_cell": jnp.asarray([[1.0, 1.0], [1.0, 0.0], *[[0.0, 0.0]] * 10]),
        },
        valid=jnp.ones(2),
        in_equilibrium=jnp.zeros(2),
    )
    initial = Pools(*[jnp.ones(2)] * len(Pools._fields))
    weights = {"fire": 1000.0, "fire_cell": 3.125}
    terms = loss_terms(weights, trajectory_of(weights, outputs, observed), initial, observed)
    np.testing.assert_allclose(terms["fire"], 0)
    np.testing.assert_allclose(terms["fire_cell"], 3.125 * 3 * 2.0**2)


def test_padding_and_gaps_add_exactly_nothing():
    outputs, initial, observed = outputs_and_observations()
    valid = jnp.asarray([1.0, 1.0, 1.0, 0.0])
    observed = observed._replace(
        valid=valid,
        in_equilibrium=valid,
        weight={
            name: jnp.where(valid > 0, weight, 0) if weight.shape[-1] == CELLS else weight
            for name, weight in observed.weight.items()
        },
    )

    def total(outputs, initial, observed):
        return sum(
            loss_terms(
                PAPER_WEIGHTS, trajectory_of(PAPER_WEIGHTS, outputs, observed), initial, observed
            ).values()
        )

    value, gradients = jax.value_and_grad(total)(outputs, initial, observed)
    for name, gradient in gradients.items():
        assert (gradient[:, 3] == 0).all(), name
    other = {name: values.at[:, 3].mul(7) for name, values in outputs.items()}
    hidden = observed._replace(
        value={
            name: jnp.where(observed.weight[name] == 0, 99.0, values)
            for name, values in observed.value.items()
        }
    )
    assert total(other, initial, hidden) == value
    per_month = jax.grad(
        lambda o: loss_terms({"lai": 10.0}, trajectory_of(["lai"], o, observed), initial, observed)[
            "lai"
        ]
    )(outputs)["lai"]
    assert (per_month[observed.weight["lai"] == 0] == 0).all()
    assert (per_month[observed.weight["lai"] > 0] != 0).all()


def test_half_full_patch_weighs_less():
    """Means run over all slots: 2 of 4 cells valid, model 3 and 5, observed 1, by hand."""
    outputs = {"nbe": jnp.asarray([[3.0, 5.0, 8.0, 8.0]] * 12)}
    observed = Observations(
        value={"nbe": jnp.ones(12), "nbe_annual": jnp.ones(1)},
        weight={"nbe": jnp.asarray([1.0] + [0.0] * 11), "nbe_annual": jnp.ones(1)},
        valid=jnp.asarray([1.0, 1.0, 0.0, 0.0]),
        in_equilibrium=jnp.zeros(4),
    )
    # ((3 + 5) / 4 - 1 * 2 / 4)^2 * 2 / 4
    for name in ("nbe", "nbe_annual"):
        np.testing.assert_allclose(value_of(name, outputs, observed), 1.5**2 * 0.5)


def test_annual_term_compares_means_of_twelve_months():
    pool = jnp.asarray(np.arange(24.0)[:, None])
    outputs = {"labile": pool, "foliar": pool * 0, "root": pool * 0, "wood": pool * 0}
    observed = Observations(
        value={"biomass": jnp.asarray([[5.0], [100.0]])},
        weight={"biomass": jnp.asarray([[1.0], [0.0]])},
        valid=jnp.ones(1),
        in_equilibrium=jnp.ones(1),
    )
    np.testing.assert_allclose(value_of("biomass", outputs, observed), 0.5**2)


def test_a_shape_that_is_not_the_annotated_one_is_refused():
    water = jnp.ones((MONTHS, CELLS))
    # One month's weight would broadcast to all months.
    with pytest.raises(TypeCheckError, match="weight"):
        water_anomaly(water, jnp.ones(1))


def test_water_anomaly_is_from_the_mean_of_observed_months():
    water = jnp.asarray(np.random.default_rng(0).uniform(100, 200, (60, 3)))
    weight = jnp.asarray((np.arange(60) % 3 > 0).astype(float))
    anomaly = water_anomaly(water, weight)
    np.testing.assert_allclose(anomaly[weight > 0].mean(axis=0), 0, atol=200 * 1e-3 / 40)


def test_equilibrium_is_zero_at_equilibrium_and_counts_doublings():
    names = needed_outputs({"equilibrium": 1.0})
    outputs = {name: jnp.ones((12, 1)) for name in names}
    initial = Pools(*(jnp.ones(1) for _ in Pools._fields))
    observed = outputs_and_observations()[2]._replace(in_equilibrium=jnp.ones(1))
    # Inflow over outflow of each pool when every flux is one, and the pool stays as it is.
    ratios = {
        "labile": 1 / 3,
        "foliar": 2 / 3,
        "root": 1 / 3,
        "wood": 1 / 3,
        "litter": 5 / 4,
        "som": 4 / 2,
    }
    expected = sum(np.log2(ratio + 1e-3) ** 2 for ratio in ratios.values())
    np.testing.assert_allclose(value_of("equilibrium", outputs, observed, initial), expected)
    doubled = initial._replace(som=0.5 * jnp.ones(1))
    expected += np.log2(4 + 1e-3) ** 2 - np.log2(2 + 1e-3) ** 2
    np.testing.assert_allclose(value_of("equilibrium", outputs, observed, doubled), expected)


def test_loss_command_names_what_is_wrong_with_a_case(reference, tmp_path, capsys):
    case = read_netcdf(reference / "reference/loss_case_1.nc", decode_times=False)
    write_netcdf(case.drop_vars("model_gpp"), tmp_path / "no_gpp.nc")
    assert main(["loss", str(tmp_path / "no_gpp.nc")]) == 2
    message = capsys.readouterr().err
    assert "no_gpp.nc" in message
    assert "model_gpp" in message
    write_netcdf(case.isel(time=slice(0, 100)), tmp_path / "short.nc")
    assert main(["loss", str(tmp_path / "short.nc")]) == 2
    assert "100 months" in capsys.readouterr().err


def test_simulate_command_writes_all_outputs(reference, tmp_path):
    path = tmp_path / "trajectories.nc"
    cases = str(reference / "reference/dalec_cases.nc")
    assert main(["simulate", cases, str(path), "--precision", "64"]) == 0
    result = read_netcdf(path)
    assert len(result.data_vars) == 44
    assert result["lai"].dims == ("case", "time")
    assert result["gpp"].dtype == np.float64
