"""The configuration of a study: its checks before anything runs, and the lists that jobs need."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from differland.datasets.catalogue import read_catalogue
from differland.datasets.sources import HERBS, check_raw, check_used_years, given_variables
from differland.errors import InputError
from differland.settings.messages import check_keys, one_of, refusal
from differland.settings.rules import part_of, study_rule
from differland.settings.study import Study
from differland.settings.training import HOW_TRAINED
from differland.setups import CHANGEABLE, groups, in_experiment, of_experiment
from differland.shipped import CONFIG
from differland.tables import OBSERVATIONS, PREDICTOR_GROUPS, observation_row
from differland.terms import OBSERVABLES, OBSERVED_TERMS
from differland.values import read_value
from differland.yaml_files import read_mapping

DEFAULTS = CONFIG / "config.yaml"

# The order in which the paper writes the groups of a setup.
GROUP_ORDER = ("PFT", "CLIM", "SOIL", "AGE")

FIRES = ("fire", "fire_cell")
"""Terms of the loss that compare with the same observation, by patches and by cells."""
TWICE = (
    f"{' and '.join(f'loss.{term}' for term in FIRES)} are both on, and count fire emission twice "
    "(observation: null leaves one of them out)"
)

Configuration = Mapping[str, Any]
Members = list[tuple[str, str]]


def check_configuration(config: Configuration, source: str = "configuration") -> Study:
    """Read a configuration as settings; refuse one that cannot be run, naming the first key.

    Parameters
    ----------
    config
        The whole configuration, after all files and command-line values were merged.
    source
        Name of the configuration in messages, such as its files.

    Returns
    -------
    The settings of the study.

    Raises
    ------
    InputError
        A key is misspelt or missing, a value has the wrong type or is out of range, or keys
        contradict each other.
    """
    check_keys(config, source)
    study = _read(config, source)
    _check_driver(study, source)
    check_raw(config["raw"], source)
    _check_spin_up(study, source)
    _check_setups(study, source)
    _check_predictors(study, source)
    _check_products(study, source)
    _check_herbs(study, source)
    _check_observations(study, source)
    _check_sites(study, source)
    _check_ensemble(study, source)
    _check_patches(study, source)
    _check_analysis(study, source)
    _check_projection(study, source)
    _check_experiments(study, source)
    _check_used_years(study, source)
    return study


def remarks(study: Study, given: Collection[str] | None = None) -> list[str]:
    """Remarks on settings that are valid and may not be intended.

    Parameters
    ----------
    study
        Settings that were checked.
    given
        Variables of the driver. None: not known; those of a driver from raw products follow from
        the configuration.

    Raises
    ------
    InputError
        An observation that the paper's study does not use, and that was therefore chosen, is not
        in the driver.
    """
    if study.driver.source == "raw":
        given = given_variables(study.raw.plain())
    if given is not None:
        _check_chosen(study, given)
    told = []
    if _counts_fire_twice(study):
        told.append(TWICE)
    else:
        told += [
            f"experiments.{name}: {TWICE}"
            for name in study.experiments
            if _counts_fire_twice(study.in_experiment(name))
        ]
    for term, observation in study.loss.observations.items():
        if observation and given is not None and observation not in given:
            told.append(
                f"loss.{term} is off: {_lack(study, observation)} (observation: null says that "
                "this is meant)"
            )
    return told


def _check_chosen(study: Study, given: Collection[str]) -> None:
    """Refuse observations that the driver lacks, unless they are the usual ones."""
    usual: Mapping[str, str | None] = {
        name: None if term.is_optional else term.variable for name, term in OBSERVED_TERMS.items()
    }
    for name in (None, *study.experiments):
        observations = study.in_experiment(name).loss.observations
        for term, observation in observations.items():
            if observation and observation not in given and observation != usual[term]:
                source = study.driver.path if study.driver.source != "raw" else "configuration"
                place = f"experiments.{name}." if name else ""
                known = sorted(variable for variable in given if variable in OBSERVATIONS)
                expected = f"an observation of the driver, {one_of(observation, known)}"
                found = f"{observation} ({_lack(study, observation)})"
                raise InputError(str(source), f"{place}loss.{term}.observation", expected, found)
        # What an experiment does not change is told once.
        usual = usual if name else observations


def _counts_fire_twice(study: Study) -> bool:
    return all(study.loss.observations[term] and study.loss.weights[term] for term in FIRES)


def _lack(study: Study, variable: str) -> str:
    """Reason for which a driver lacks a variable."""
    if study.driver.source != "raw":
        return f"{study.driver.path} has no variable {variable}"
    for product, settings in study.raw.products:
        if variable in read_catalogue()[product].gives and product != HERBS:
            if settings is None:
                return f"{variable} is of raw.products.{product}, which is null"
            years = f"{study.raw.first_year} to {study.raw.last_year}"
            return f"raw.products.{product} has no {variable} of {years}"
    return f"no raw product gives {variable}"


def read_configuration(files: Iterable[Path]) -> Study:
    """Read a configuration from files, later ones over earlier ones, and check it.

    Parameters
    ----------
    files
        Paths of the files, whose keys replace those of ``config/config.yaml``.

    Returns
    -------
    The settings of the study.

    Raises
    ------
    InputError
        A file cannot be read, or the configuration is refused by :func:`check_configuration`.
    """
    layers = [DEFAULTS, *files]
    config = read_text_values(merge(map(read_mapping, layers)))
    return check_configuration(config, ", ".join(map(str, layers[1:] or layers)))


def has_key(layer: Configuration, key: str) -> bool:
    """Whether a layer of a configuration contains a key, such as ``training.epochs``.

    Parameters
    ----------
    layer
        Some keys of a configuration.
    key
        Key in the form of error messages; positions in lists (``setups.0``) are ignored.
    """
    inner: Any = layer
    for part in key.split("."):
        if not isinstance(inner, Mapping):
            break
        if part not in inner:
            return False
        inner = inner[part]
    return True


def check_path(source: str, key: str, path: Path | str | None, meaning: str, folder: bool) -> None:
    """Refuse a path of the configuration that does not exist or is of the wrong kind.

    Parameters
    ----------
    source
        Name of the configuration in messages.
    key, path
        Key, and the path that it gives: relative paths are seen from the working directory.
    meaning
        Description of the file or folder that is expected.
    folder
        Whether a folder is expected; else it is a file.

    Raises
    ------
    InputError
        The path does not exist; the message gives it as written and as an absolute path.
    """
    if path is None:
        raise InputError(source, key, meaning, "none")
    found = Path(path)
    if found.is_dir() if folder else found.is_file():
        return
    if found.exists():
        what = f"a {'file' if folder else 'folder'}"
    else:
        what = f"no such {'folder' if folder else 'file'}"
    resolved = "" if found.is_absolute() else f", which is {found.absolute()}"
    raise InputError(source, key, meaning, f"{what}: {path}{resolved}")


def merge(layers: Iterable[Configuration]) -> dict[str, Any]:
    """Merge configurations section by section, later ones over earlier ones.

    An empty mapping takes the place of all that earlier ones say, which is how a later one switches
    a collection off; Snakemake's own merge would keep what they say.

    Parameters
    ----------
    layers
        Whole configurations, or some keys of one each; none of them is changed.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            section = isinstance(value, Mapping) and value
            earlier = merged.get(key)
            both = [earlier, value] if isinstance(earlier, Mapping) else [value]
            merged[key] = merge(both) if section else value
    return merged


def in_order(config: Configuration, other: Configuration) -> dict[str, Any]:
    """Put keys, in sections too, in the order of another configuration.

    The order has no meaning, but Snakemake takes another order for a change.

    Parameters
    ----------
    config
        Configuration to put in order.
    other
        Configuration whose order of keys is taken; keys that it lacks come last.
    """
    keys = {key: key for key in config}
    ordered = {}
    for key in [keys[key] for key in dict.fromkeys([*other, *config]) if key in keys]:
        value, like = config[key], other.get(key)
        if isinstance(value, Mapping) and isinstance(like, Mapping):
            value = in_order(value, like)
        ordered[key] = value
    return ordered


def read_text_values(config: Configuration) -> dict[str, Any]:
    """Convert values to the types of the settings; see :func:`differland.values.read_value`.

    Command lines give text for everything, and YAML takes some texts for something else. Values
    that fit in no way stay as they are, for :func:`check_configuration` to refuse.
    """
    rule = study_rule()
    read: dict[str, Any] = read_value(config, rule)
    if not isinstance(read.get("experiments"), Mapping):
        return read
    # What is in a section of an experiment are some keys of the study's.
    for experiment in read["experiments"].values():
        for key in CHANGEABLE:
            if isinstance(experiment, dict) and key in experiment:
                partial = {**part_of(rule, key), "required": []}
                experiment[key] = read_value(experiment[key], partial)
    return read


def seeds(study: Study) -> list[str]:
    """Seeds of one ensemble as file names have them: 01, 02, ..."""
    return [f"{seed:02d}" for seed in range(1, study.ensemble.seeds + 1)]


def observed_variables(study: Study) -> dict[str, str]:
    """Targets of the study, and the driver variable that holds the observations of each.

    They are the loss terms that have an observation, each observation once: ``nbe_annual`` is a
    second term of ``nbe``.
    """
    return {
        term: observation
        for term, observation in study.loss.observations.items()
        if observation and term in OBSERVABLES
    }


def experiment_setups(study: Study) -> list[str]:
    """Setups that are trained in experiments, such as ``PFT+CLIM@no_towers``."""
    return [
        in_experiment(setup, name)
        for name, experiment in study.experiments.items()
        for setup in experiment.setups or [study.analysis.reference_setup]
    ]


def compared_setups(study: Study) -> list[str]:
    """Setups of the study that are analysed side by side."""
    analysis = study.analysis
    names = (analysis.plant_type_setup, analysis.environment_setup, analysis.reference_setup)
    return [setup for setup in dict.fromkeys(names) if setup in study.setups]


def predictors_of(study: Study, setup: str) -> list[str]:
    """Names of the predictors that the members of a setup know."""
    known = {**PREDICTOR_GROUPS, **dict(study.predictors)}
    return [name for group in groups(setup) for name in known[group]]


def training_blocks(study: Study, setup: str, seed: str) -> list[Members]:
    """Divide a stage's members into the blocks that one job trains side by side.

    A block covers some seeds of any one setup while ``training.members_per_job`` is at most the
    number of seeds, and all seeds of several setups above; but of one only in an experiment. What
    jobs have in common is left open, so that jobs that differ only there are one kind of job.

    Parameters
    ----------
    study
        Settings of the study.
    setup, seed
        Placeholders of the setup, or of the seed, that a block leaves open.

    Returns
    -------
    list
        The kinds of blocks, each a list of (setup, seed).
    """
    size = study.training.members_per_job
    names = seeds(study)
    if size == 1:
        return [[(setup, seed)]]
    if size <= len(names):
        return [[(setup, name) for name in chunk] for chunk in _chunks(names, size)]
    together = _chunks(study.setups, size // len(names))
    alone = [[setup] for setup in experiment_setups(study)]
    return [[(each, name) for each in chunk for name in names] for chunk in [*together, *alone]]


def setup_blocks(study: Study, setup: str) -> list[Sequence[str]]:
    """Divide the setups into the blocks that one job selects, evaluates or maps.

    Parameters
    ----------
    study
        Settings of the study.
    setup
        Placeholder of the setup that a block leaves open.

    Returns
    -------
    list
        ``evaluation.setups_per_job`` setups each, those of experiments apart; a single block of
        any one setup if that is 1.
    """
    size = study.evaluation.setups_per_job
    if size == 1:
        return [[setup]]
    return [*_chunks(study.setups, size), *_chunks(experiment_setups(study), size)]


def subsets(names: Sequence[str]) -> list[str]:
    """All setups that can be made of some predictor groups, smallest first."""
    ordered = sorted(names, key=GROUP_ORDER.index)
    return [
        "+".join(chosen)
        for size in range(1, len(ordered) + 1)
        for chosen in combinations(ordered, size)
    ]


def _chunks(names: Sequence[str], size: int) -> list[Sequence[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def _read(config: Configuration, source: str) -> Study:
    """Read a configuration as settings, of which each key is checked alone."""
    try:
        return Study.from_configuration(config)
    except ValidationError as error:
        raise refusal(error, study_rule(), source) from None


def _check_driver(study: Study, source: str) -> None:
    places = {"file": "a driver file", "published": "the folder of the published files"}
    place = places.get(study.driver.source)
    if place and not study.driver.path:
        expected = f"the path of {place}, since driver.source is {study.driver.source}"
        raise InputError(source, "driver.path", expected, "none")
    if study.driver.path and not place:
        expected = "null, since driver.source is raw (file and published have a path)"
        raise InputError(source, "driver.path", expected, study.driver.path)


def _check_spin_up(study: Study, source: str) -> None:
    months = 12 * (study.raw.last_year - study.raw.first_year + 1)
    spin_up = study.evaluation.spin_up_months
    if study.driver.source == "raw" and spin_up >= months:
        expected = f"less than the {months} months from raw.first_year to raw.last_year"
        raise InputError(source, "evaluation.spin_up_months", expected, str(spin_up))


def _check_herbs(study: Study, source: str) -> None:
    types = study.raw.biomass.herbaceous_types
    place = "raw.biomass.herbaceous_types"
    for name in types:
        if name not in PREDICTOR_GROUPS["PFT"]:
            raise InputError(source, place, one_of(name, PREDICTOR_GROUPS["PFT"]), name)
    if not types:
        expected = f"at least one of {', '.join(PREDICTOR_GROUPS['PFT'])}"
        raise InputError(source, place, expected, "none")


def _check_setups(study: Study, source: str) -> None:
    predictors = dict(study.predictors)
    for setup in study.setups:
        for group in groups(setup):
            if not predictors.get(group, [group]):
                expected = f"at least one predictor, since setups has {setup}"
                raise InputError(source, f"predictors.{group}", expected, "none")


def _check_predictors(study: Study, source: str) -> None:
    for group, names in study.predictors:
        for name in names:
            if name not in PREDICTOR_GROUPS[group]:
                expected = one_of(name, PREDICTOR_GROUPS[group])
                raise InputError(source, f"predictors.{group}", expected, name)


def _check_products(study: Study, source: str) -> None:
    """Refuse setups that need predictors of products that are not used."""
    if study.driver.source != "raw":
        return
    predictors = dict(study.predictors)
    for product, settings in study.raw.products:
        gives = read_catalogue()[product].gives if settings is None else ()
        for setup in study.setups if gives else ():
            for group in groups(setup):
                names = [name for name in predictors.get(group, []) if name in gives]
                if names:
                    expected = (
                        f"settings, since setup {setup} needs {', '.join(names)} (or setups "
                        f"without {group}, or predictors.{group} without what is missing)"
                    )
                    raise InputError(source, f"raw.products.{product}", expected, "null")


def _check_observations(study: Study, source: str) -> None:
    observations = study.loss.observations
    for term, observation in observations.items():
        if observation and not any(
            observation == name or observation.startswith(f"{name}_") for name in OBSERVATIONS
        ):
            expected = f"{one_of(observation, OBSERVATIONS)} (null leaves the term out)"
            raise InputError(source, f"loss.{term}.observation", expected, observation)
        if observation:
            _check_support(study, source, term, observation)
    if not any(observations[term] and study.loss.weights[term] for term in observations):
        expected = "a term with an observation and a weight above 0, to learn from"
        raise InputError(source, "loss", expected, "none")


def _check_used_years(study: Study, source: str) -> None:
    if study.driver.source != "raw":
        return
    wanted: dict[str, str] = {}
    for name in (None, *study.experiments):
        place = f"experiments.{name}." if name else ""
        for term, observation in study.in_experiment(name).loss.observations.items():
            if observation:
                wanted.setdefault(observation, f"{place}loss.{term}.observation")
    check_used_years(study.raw.plain(), wanted, source)


def _check_sites(study: Study, source: str) -> None:
    chosen = study.figures.sites
    without = study.driver.source == "raw" and study.raw.products.flux_towers is None
    if isinstance(chosen, list) and chosen and without:
        expected = "all, a number or an empty list, since raw.products.flux_towers is null"
        raise InputError(source, "figures.sites", expected, ", ".join(chosen))


def _check_support(study: Study, source: str, term: str, observation: str) -> None:
    """Refuse observations of patches for cells, of cells for patches, and of cells in vain."""
    place = f"loss.{term}.observation"
    of_patches = OBSERVED_TERMS[term].support == "patch"
    if (observation_row(observation).group == "patch") != of_patches:
        kind, other = ("patches", "cells") if of_patches else ("cells", "patches")
        raise InputError(source, place, f"an observation of {kind}", f"{observation}, of {other}")
    emissions = study.raw.products.gfed5_emissions
    on_cells = emissions is not None and emissions.on_cells
    if observation == "fire_emission_cell" and study.driver.source == "raw" and not on_cells:
        expected = (
            "raw.products.gfed5_emissions with on_cells: true, which gives fire_emission_cell"
        )
        raise InputError(
            source, place, expected, "null" if emissions is None else "on_cells: false"
        )


def _check_ensemble(study: Study, source: str) -> None:
    ensemble = study.ensemble
    if ensemble.select > ensemble.seeds:
        expected = f"at most the number of members, ensemble.seeds = {ensemble.seeds}"
        raise InputError(source, "ensemble.select", expected, str(ensemble.select))
    if ensemble.fewest > ensemble.select:
        expected = f"at most the members that are selected, ensemble.select = {ensemble.select}"
        raise InputError(source, "ensemble.minimum", expected, str(ensemble.minimum))


def _check_patches(study: Study, source: str) -> None:
    patches = study.patches
    held_out = patches.test_fraction + patches.development_fraction
    if held_out >= 1:
        expected = (
            "test_fraction + development_fraction below 1, so that something is left to train on"
        )
        raise InputError(source, "patches", expected, f"{held_out:g}")
    if patches.slots is not None and patches.minimum_cells > patches.slots:
        expected = f"at most the cells of a full patch, patches.slots = {patches.slots}"
        raise InputError(source, "patches.minimum_cells", expected, str(patches.minimum_cells))


def _check_analysis(study: Study, source: str) -> None:
    analysis = study.analysis
    if analysis.reference_setup not in study.setups:
        expected = one_of(analysis.reference_setup, study.setups)
        raise InputError(source, "analysis.reference_setup", expected, analysis.reference_setup)
    missing = [setup for setup in subsets(analysis.groups) if setup not in study.setups]
    if missing:
        raise InputError(
            source,
            "analysis.groups",
            "groups of which every combination is in setups (an empty list: no partition)",
            f"{', '.join(analysis.groups)}, while setups lacks {', '.join(missing)}",
        )
    samples = analysis.attribution.samples
    predictors, setup = max(
        (len(predictors_of(study, setup)), setup) for setup in compared_setups(study)
    )
    if samples is not None and samples < fewest_samples(predictors):
        expected = (
            f"at least {fewest_samples(predictors)}, to tell the {predictors} predictors of "
            f"{setup} apart, or null"
        )
        raise InputError(source, "analysis.attribution.samples", expected, str(samples))


def fewest_samples(predictors: int) -> int:
    """Fewest samples with which Kernel SHAP surely tells all predictors apart.

    It evaluates every coalition of one predictor, and of all but one, if their share of the samples
    is as large as their number, and draws them at random like others if not. The share of all
    coalitions of s out of n predictors goes with 1 / (s (n - s)).

    Parameters
    ----------
    predictors
        Number of predictors.
    """
    needed = 2 * (predictors - 1) * sum(1 / size for size in range(1, predictors))
    return min(math.ceil(needed), 2**predictors - 2)


def _check_experiments(study: Study, source: str) -> None:
    for name, experiment in study.experiments.items():
        place = f"experiments.{name}"
        for setup in experiment.setups:
            if setup not in study.setups:
                raise InputError(source, f"{place}.setups", one_of(setup, study.setups), setup)
        for key in experiment.training:
            if key in HOW_TRAINED:
                raise InputError(
                    source, f"{place}.training.{key}", "a setting that changes results", key
                )
        try:
            changed = _read(of_experiment(study.plain(), name), source)
            _check_observations(changed, source)
        except InputError as error:
            variable = f"{place}.{error.variable}"
            raise InputError(source, variable, error.expected, error.found) from None
        if changed == study:
            raise InputError(source, place, f"a change of {', '.join(CHANGEABLE)}", "none")


def _check_projection(study: Study, source: str) -> None:
    for key in ("years", "baseline_years"):
        first, last = getattr(study.projection, key)
        if last < first:
            expected = "the first year, and one not before it"
            raise InputError(source, f"projection.{key}", expected, f"{first}, {last}")
