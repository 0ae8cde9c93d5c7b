"""The synthetic planet: a driver that passes every check, made by its own truth."""

from dataclasses import fields

import jax.numpy as jnp
import numpy as np
import pytest

from differland.__main__ import PLANET_OPTIONS, main
from differland.driver import read_driver
from differland.errors import InputError
from differland.files import write_netcdf
from differland.model.forcing import Forcing, forcing_of_driver
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import simulate
from differland.model.weather import weather_of
from differland.synthetic.planet import PlanetSettings, make_planet
from differland.synthetic.raw import RawPlanetSettings, make_raw_planet
from differland.tables import FORCING, PARAMETERS, PREDICTOR_GROUPS, PREDICTORS
from differland.terms import OBSERVED_VARIABLES

SETTINGS = PlanetSettings(6, 5, 2001, 3, seed=3, noise=0.0)


@pytest.fixture(scope="module")
def planet():
    return make_planet(SETTINGS)


def test_planet_has_every_variable_and_passes_all_checks(planet, tmp_path):
    write_netcdf(planet[0], tmp_path / "planet.nc")
    driver = read_driver(tmp_path / "planet.nc")
    assert {*PREDICTORS, *FORCING, *OBSERVED_VARIABLES.values()} <= set(driver.data_vars)
    assert driver.sizes == {"cell": 30, "time": 36, "patch": 6}


def test_observations_are_the_models_own_output(planet):
    driver, truth = planet
    forcing = Forcing(
        *(jnp.asarray(v, jnp.float32) for v in forcing_of_driver(driver, "calendar", "forcing"))
    )
    _, outputs = simulate(
        Parameters(*(jnp.asarray(truth[n].to_numpy(), jnp.float32) for n in Parameters._fields)),
        Pools(*(jnp.asarray(truth[f"initial_{n}"].to_numpy(), jnp.float32) for n in Pools._fields)),
        weather_of(forcing),
        ("lai", "et"),
    )
    for name, modelled in outputs.items():
        observed = driver[name].to_numpy()
        known = np.isfinite(observed)
        assert 0.8 < known.mean() < 1
        np.testing.assert_allclose(
            np.asarray(modelled).T[known], observed[known], rtol=1e-3, atol=1e-3
        )


def test_truth_lies_within_bounds_and_varies(planet):
    for name, row in PARAMETERS.items():
        values = planet[1][name].to_numpy()
        assert row.minimum <= values.min() * (1 + 1e-6)
        assert values.max() <= row.maximum * (1 + 1e-6)
    for name in ("canopy_efficiency", "leaf_carbon_mass_per_area", "leaf_lifespan"):
        assert planet[1][name].std() / planet[1][name].mean() > 0.05


def test_same_seed_same_planet():
    one, two = make_planet(SETTINGS)[0], make_planet(SETTINGS)[0]
    assert one.identical(two)
    other = make_planet(PlanetSettings(6, 5, 2001, 3, seed=4, noise=0.0))[0]
    assert not np.array_equal(one["lai"], other["lai"])


def test_planet_is_habitable(planet):
    """Months of no leaf anywhere, or of water at its bound, would teach nothing."""
    driver = planet[0]
    assert 0.2 < float(driver["lai"].mean()) < 8
    assert 0.3 < float(driver["gpp_site"].mean()) < 15
    assert float(driver["fire_emission"].max()) > 0


def test_command_writes_a_planet(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "differland.synthetic.writing.write_planet", lambda *given: written.append(given)
    )
    assert main(["planet", str(tmp_path / "planet")]) == 0
    options = ["--west", "-10", "--first-year", "2010", "--noise", "0.2", "--sites", "5"]
    assert main(["planet", str(tmp_path / "planet"), *options]) == 0
    assert [folder for folder, _ in written] == [tmp_path / "planet"] * 2
    assert written[0][1] == RawPlanetSettings()
    assert written[1][1] == RawPlanetSettings(west=-10, first_year=2010, noise=0.2, sites=5)


def test_options_and_their_defaults_are_those_of_the_settings():
    assert set(PLANET_OPTIONS) == {field.name for field in fields(RawPlanetSettings)}
    for name, text in PLANET_OPTIONS.items():
        assert f"(default: {getattr(RawPlanetSettings(), name)})" in text


def test_command_tells_what_cannot_be(tmp_path, capsys):
    assert main(["planet", str(tmp_path / "planet"), "--north", "65"]) == 2
    assert "planet: height: expected whole patches from 90 N" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_every_plant_type_of_the_raw_planet_dominates_somewhere():
    driver = make_raw_planet(RawPlanetSettings()).driver
    for name in PREDICTOR_GROUPS["PFT"]:
        if name != "nonvegetated":
            assert int((driver[name] > 0.8).sum()) >= 20, name
    assert float(driver["mean_annual_temperature"].max()) > 15
    assert float(driver["mean_annual_temperature"].min()) < -5


def test_planet_has_room_for_so_many_patches():
    with pytest.raises(InputError, match=r"synthetic\.patches: expected at most"):
        make_planet(PlanetSettings(900, 1, 2001, 1, seed=0, noise=0.0))
