"""Setups: the predictors that members see, and the experiment in which they train.

``PFT+CLIM`` is a combination of predictor groups, trained as the study says;
``PFT+CLIM@no_towers`` is the same combination, trained as the experiment ``no_towers`` says.
"""

from collections.abc import Mapping
from typing import Any

CHANGEABLE = ("network", "model", "loss", "training")
"""Sections that an experiment may change."""

Configuration = Mapping[str, Any]


def groups(setup: str) -> tuple[str, ...]:
    """Predictor groups of a setup, in its published order: ``PFT+CLIM`` gives PFT and CLIM."""
    return tuple(setup.partition("@")[0].split("+"))


def experiment_of(setup: str) -> str | None:
    """Experiment in which a setup is trained; None: as the study says."""
    return setup.partition("@")[2] or None


def in_experiment(setup: str, experiment: str) -> str:
    """Name of a setup of the study in an experiment."""
    return f"{setup}@{experiment}"


def of_experiment(config: Configuration, name: str | None) -> Configuration:
    """Configuration under which an experiment trains: that of the study, with its changes.

    Parameters
    ----------
    config
        Configuration of the study.
    name
        Name of the experiment; None: the study itself.
    """
    if name is None:
        return config
    changes = config["experiments"][name]
    return _changed(config, {key: changes[key] for key in CHANGEABLE if key in changes})


def of_setup(config: Configuration, setup: str) -> Configuration:
    """Configuration under which a setup trains; see :func:`of_experiment`."""
    return of_experiment(config, experiment_of(setup))


def _changed(config: Configuration, changes: Mapping[str, Any]) -> Configuration:
    """A configuration with some keys changed, in sections of sections too."""
    return {
        **config,
        **{
            key: _changed(config.get(key) or {}, value) if isinstance(value, Mapping) else value
            for key, value in changes.items()
        },
    }
