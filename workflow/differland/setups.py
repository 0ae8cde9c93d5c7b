"""Names of setups: what members know about cells, and the experiment in which they learn.

``PFT+CLIM`` is a combination of predictor groups, trained as the study says;
``PFT+CLIM@no_towers`` is the same combination, trained as the experiment ``no_towers`` says.
"""


def groups(setup: str) -> tuple[str, ...]:
    """Predictor groups of a setup, in its published order: ``PFT+CLIM`` gives PFT and CLIM."""
    return tuple(setup.partition("@")[0].split("+"))


def experiment_of(setup: str) -> str | None:
    """Experiment in which a setup is trained; None: as the study says."""
    return setup.partition("@")[2] or None


def in_experiment(setup: str, experiment: str) -> str:
    """Name of a setup of the study in an experiment."""
    return f"{setup}@{experiment}"
