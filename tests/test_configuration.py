"""The configuration: what ships is valid, and what cannot be run is refused by name."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from changes import change

from differland import configuration, setups
from differland.__main__ import main
from differland.errors import InputError
from differland.settings.analyses import Ensemble
from differland.settings.rules import Rule, study_rule
from differland.settings.study import Study
from differland.settings.training import HOW_TRAINED
from differland.setups import groups
from differland.tables import PREDICTOR_GROUPS
from differland.yaml_files import read_mapping

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG = REPOSITORY / "config"
OVERLAYS = sorted(path.name for path in CONFIG.glob("*.yaml") if path.name != "config.yaml")


NAN, INF = float("nan"), float("inf")
LAI = "raw.products.modis_lai.scale_factor"
OFF = {
    term: {"weight": 0}
    for term in yaml.safe_load((CONFIG / "config.yaml").read_text(encoding="utf-8"))["loss"]
}
"""Changes of the loss that leave no term of it."""


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge as Snakemake does: section by section."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))


@pytest.fixture
def config() -> dict[str, Any]:
    return read("config.yaml")


def remarks(config: dict[str, Any], given: set[str] | None = None) -> list[str]:
    return configuration.remarks(Study.from_configuration(config), given)


def test_shipped_configurations_are_valid(config: dict[str, Any]) -> None:
    configuration.check_configuration(config)
    for name in OVERLAYS:
        configuration.check_configuration(merged(config, read(name)), name)


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_change_what_they_name(config: dict[str, Any], name: str) -> None:
    def leaves(section: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
        for key, value in section.items():
            if isinstance(value, dict) and value:
                yield from leaves(value, (*path, key))
            else:
                yield (*path, key), value

    # The full demo is laid over the demo.
    base = merged(config, read("demo.yaml")) if name == "demo_full.yaml" else config
    for path, value in leaves(read(name)):
        default: Any = base
        for key in path:
            default = default.get(key, "absent") if isinstance(default, dict) else "absent"
        assert value != default, f"{name} repeats {'.'.join(path)}"


def test_every_key_of_the_settings_is_described_and_required_and_in_the_paper_study(
    config: dict[str, Any],
) -> None:
    def walk(rule: Rule, values: Any, path: str) -> None:
        assert rule.get("description"), f"{path} has no description"
        if "items" in rule:
            walk(rule["items"], None, f"{path}[]")
        if rule.get("type") != "object" or "properties" not in rule:
            return
        assert rule["additionalProperties"] is False, f"{path} is not closed"
        assert sorted(rule["required"]) == sorted(rule["properties"]), path
        for key, inner in rule["properties"].items():
            assert values is None or key in values, f"config.yaml lacks {path}.{key}"
            walk(inner, values and values[key], f"{path}.{key}")

    walk(study_rule(), config, "config")


def test_setups_are_the_published_ones(config: dict[str, Any]) -> None:
    published = configuration.subsets(configuration.GROUP_ORDER)
    known = study_rule()["properties"]["setups"]["items"]["enum"]
    assert sorted(config["setups"]) == sorted(published)
    assert sorted(known) == sorted([*published, "LATLON", "CONTROL"])
    assert {group for setup in known for group in groups(setup)} == set(PREDICTOR_GROUPS)


@pytest.mark.parametrize(
    ("changes", "variable", "expected", "found"),
    [
        ({"training": {"epoch": 5}}, "training.epoch", "did you mean epochs?", "unknown"),
        ({"training.epochs": 5}, "the whole", "training: {epochs: ...}", "training.epochs"),
        (
            {"raw": {"products.cams.folder": "x"}},
            "raw",
            "products: {cams: {folder: ...}}",
            "products.cams.folder",
        ),
        ({"lose": {}}, "lose", "did you mean loss?", "unknown"),
        ({"loss": {"sif": {"wieght": 1}}}, "loss.sif.wieght", "weight?", "unknown"),
        ({"setups": ["PFT+CLIMB"]}, "setups.0", "did you mean PFT+CLIM?", "PFT+CLIMB"),
        ({"setups": ["CLIM+PFT"]}, "setups.0", "did you mean PFT+CLIM?", "CLIM+PFT"),
        (
            {"setups": ["AGE+SOIL+PFT"]},
            "setups.0",
            "did you mean PFT+SOIL+AGE?",
            "the text 'AGE+SOIL+PFT'",
        ),
        ({"setups": []}, "setups", "Setups to train", "[]"),
        ({"training": {"learning_rate": "fast"}}, "training.learning_rate", "above 0", "fast"),
        ({"training": {"learning_rate": -1}}, "training.learning_rate", "above 0", "-1"),
        ({"training": {"epochs": 1.5}}, "training.epochs", "a whole number from 1", "1.5"),
        ({"training": None}, "training", "how members are trained", "nothing"),
        (
            {"driver": {"source": "file", "path": None}},
            "driver.path",
            "path of a driver file",
            "none",
        ),
        (
            {"driver": {"source": "published", "path": None}},
            "driver.path",
            "path of the folder of the published files",
            "none",
        ),
        ({"driver": {"vpd_units": "Pa"}}, "driver.vpd_units", "one of hPa, kPa", "Pa"),
        ({"patches": {"flags": "publish"}}, "patches.flags", "did you mean published?", "publish"),
        ({"driver": {"source": "files"}}, "driver.source", "did you mean file?", "files"),
        ({"analysis": {"reference_setup": "LATLON"}}, "analysis.reference_setup", "PFT", "LATLON"),
        ({"experiments": {"a": {"setups": ["AGES"]}}}, "experiments.a.setups", "AGE?", "AGES"),
        ({"experiments": {"a": {}}}, "experiments.a", "a change of", "none"),
        (
            {"experiments": {"a": {"loss": {"sif": {"weight": 400}}}}},
            "experiments.a",
            "a change of",
            "none",
        ),
        (
            {"experiments": {"a": {"training": {"threads": 8}}}},
            "experiments.a.training.threads",
            "changes results",
            "threads",
        ),
        (
            {"experiments": {"a": {"loss": {"sif": {"wieght": 1}}}}},
            "experiments.a.loss.sif.wieght",
            "weight?",
            "unknown",
        ),
        (
            {"experiments": {"a": {"loss": {"lai": {"observation": "leaf_area"}}}}},
            "experiments.a.loss.lai.observation",
            "one of",
            "leaf_area",
        ),
        (
            {"driver": {"path": "sites.nc"}},
            "driver.path",
            "null, since driver.source is raw",
            "sites.nc",
        ),
        (
            {"raw": {"biomass": {"herbaceous_types": ["gras"]}}},
            "raw.biomass.herbaceous_types",
            "did you mean grassland?",
            "gras",
        ),
        (
            {"raw": {"biomass": {"herbaceous_types": []}}},
            "raw.biomass.herbaceous_types",
            "at least one of",
            "none",
        ),
        (
            {"loss": {"fire": {"observation": "fire_emission_cell"}}},
            "loss.fire.observation",
            "an observation of patches",
            "fire_emission_cell, of cells",
        ),
        (
            {"loss": {"fire_cell": {"observation": "fire_emission_cms"}}},
            "loss.fire_cell.observation",
            "an observation of cells",
            "fire_emission_cms, of patches",
        ),
        (
            {"loss": {"fire_cell": {"observation": "fire_emission_cell"}}},
            "loss.fire_cell.observation",
            "raw.products.gfed5_emissions with on_cells: true",
            "on_cells: false",
        ),
        (
            {"raw": {"products": {"lcspp": {"first_year": 2024}}}},
            "raw.products.lcspp.first_year",
            "at most 2023, the last year of the study, since loss.sif.observation is on",
            "2024",
        ),
        (
            {"raw": {"products": {"flux_towers": {"last_year": 2000}}}},
            "raw.products.flux_towers.last_year",
            "at least 2001, the first year of the study, since loss.gpp_site.observation is on",
            "2000",
        ),
        (
            {"raw": {"products": {"xu_biomass": {"first_year": 2020}}}},
            "raw.products.xu_biomass.first_year",
            "at most 2019, the last year of the product",
            "2020",
        ),
        (
            {
                "raw": {"products": {"cams": {"folder": "cams", "last_year": 1999}}},
                "experiments": {"a": {"loss": {"nbe": {"observation": "nbe_cams"}}}},
            },
            "raw.products.cams.last_year",
            "since experiments.a.loss.nbe.observation is on",
            "1999",
        ),
        (
            {
                "raw": {"products": {"flux_towers": None}},
                "figures": {"sites": ["AT-Neu", "DE-Hai"]},
            },
            "figures.sites",
            "since raw.products.flux_towers is null",
            "AT-Neu, DE-Hai",
        ),
        ({"raw": {"inversion_boxes": "box"}}, "raw.inversion_boxes", "did you mean boxes?", "box"),
        (
            {"raw": {"products": {"lcspp": {"first_year": 201}}}},
            "raw.products.lcspp.first_year",
            "1850 to 2300, or null",
            "201",
        ),
        ({"experiments": {"a@b": {"loss": {}}}}, "experiments", "A name of letters", "a@b"),
        # 40 coalitions have one predictor or all but one; 40 / 134.8 is what they weigh of all.
        (
            {"analysis": {"attribution": {"samples": 134}}},
            "analysis.attribution.samples",
            "at least 135, to tell the 20 predictors of PFT+CLIM+SOIL+AGE apart, or null",
            "134",
        ),
        ({"setups": ["PFT+CLIM+SOIL+AGE"]}, "analysis.groups", "combination", "lacks PFT, CLIM"),
        ({"apply": {"a/b": "x.nc"}}, "apply", "Name of an applied driver", "a/b"),
        ({"apply": {"ab": 3}}, "apply.ab", "Path of a driver file", "3"),
        ({"predictors": {"AGE": []}}, "predictors.AGE", "at least one predictor", "none"),
        (
            {"raw": {"products": {"canopy_height": None}}},
            "raw.products.canopy_height",
            "settings, since setup AGE needs canopy_height",
            "null",
        ),
        (
            {"raw": {"products": {"hwsd": None}}, "setups": ["CLIM", "PFT+SOIL"]},
            "raw.products.hwsd",
            "since setup PFT+SOIL needs bulk_density, sand, silt, clay, gravel",
            "null",
        ),
        (
            {"predictors": {"AGE": ["forest_aeg"]}},
            "predictors.AGE",
            "did you mean forest_age?",
            "forest_aeg",
        ),
        (
            {"loss": {"soc": {"observation": "soil_carbon"}}},
            "loss.soc.observation",
            "did you mean soil_organic_carbon?",
            "soil_carbon",
        ),
        ({"ensemble": {"select": 21}}, "ensemble.select", "ensemble.seeds = 20", "21"),
        ({"ensemble": {"minimum": 11}}, "ensemble.minimum", "ensemble.select = 10", "11"),
        ({"patches": {"test_fraction": 0.95}}, "patches", "left to train on", "1.05"),
        ({"evaluation": {"spin_up_months": 5}}, "evaluation.spin_up_months", "whole years", "5"),
        ({"model": {"step_length": "month"}}, "model.step_length", "calendar", "month"),
        ({"figures": {"sites": "none"}}, "figures.sites", "all, a number", "none"),
        ({"study": "a b"}, "study", "Name of the study", "a b"),
        ({"study": 1.5}, "study", "Name of the study", "in quotes"),
        ({"apply": {False: "x.nc"}}, "apply", "text", "False (what YAML takes a bare no"),
        ({"experiments": {True: {}}}, "experiments", "text", "the key True"),
        ({"figures": {"sites": [False]}}, "figures.sites.0", "Name of a site", "in quotes"),
        ({"raw": None}, "raw", "the defaults hold", "nothing in it"),
        ({"loss": {"sif": None}}, "loss.sif", "keys of it (weight, observation)", "nothing in it"),
        ({"loss": {"sif": {"observation": "none"}}}, "loss.sif.observation", "null", "none"),
        ({"training": {"epochs": 5.0}}, "training.epochs", "a whole number from 1", "5.0"),
        ({"training": {"learning_rate": NAN}}, "training.learning_rate", "above 0", "nan"),
        ({"training": {"gradient_clip_norm": INF}}, "training.gradient_clip_norm", "above", "inf"),
        ({"loss": {"sif": {"weight": INF}}}, "loss.sif.weight", "from 0 to 1e+12", "inf"),
        ({"patches": {"seed": 2**32}}, "patches.seed", "to 4,294,967,295", "4294967296"),
        ({"raw": {"products": {"modis_lai": {"scale_factor": -0.1}}}}, LAI, "above 0", "-0.1"),
        ({"raw": {"window": {"west": 170, "east": -170}}}, "raw.window.east", "190", "-170"),
        ({"patches": {"test_fraction": 0}}, "patches.test_fraction", "above 0", "0"),
        ({"predictors": {"AGE": "x"}}, "predictors.AGE", "a list: names", "the text 'x'"),
        ({"loss": ["sif"]}, "loss", "keys with values (sif, ", "['sif']"),
        ({"training": {"permit_cpu": "maybe"}}, "training.permit_cpu", "true or false", "maybe"),
        ({"setups": "PFT"}, "setups", "A list", "the text 'PFT'"),
        ({"setups": ["PFT", "PFT"]}, "setups", "each once", "PFT twice"),
        ({"patches": {"minimum_cells": 321}}, "patches.minimum_cells", "slots = 320", "321"),
        (
            {"evaluation": {"spin_up_months": 276}},
            "evaluation.spin_up_months",
            "less than the 276 months",
            "276",
        ),
        ({"loss": OFF}, "loss", "a term with an observation and a weight above 0", "none"),
        ({"experiments": {"a": {"loss": OFF}}}, "experiments.a.loss", "to learn from", "none"),
    ],
)
def test_bad_configurations_are_refused_by_name(
    config: dict[str, Any], changes: dict[str, Any], variable: str, expected: str, found: str
) -> None:
    with pytest.raises(InputError) as caught:
        configuration.check_configuration(merged(config, changes), "study.yaml")
    error = caught.value
    assert error.file == "study.yaml"
    assert error.variable == variable
    assert expected.lower() in error.expected.lower()
    assert found in error.found


@pytest.mark.parametrize(
    "changes",
    [
        {"raw": {"products": {"lcspp": {"first_year": 2023}}}},
        {"raw": {"products": {"lcspp": {"last_year": 2001, "first_year": None}}}},
        # Nobody asks for what is left out.
        {
            "raw": {"products": {"lcspp": {"first_year": 2024}}},
            "loss": {"sif": {"observation": None}},
        },
        # Nor is any product read.
        {
            "raw": {"products": {"lcspp": {"first_year": 2024}}},
            "driver": {"source": "file", "path": "a.nc"},
        },
    ],
)
def test_years_of_products_that_leave_something_are_valid(
    config: dict[str, Any], changes: dict[str, Any]
) -> None:
    configuration.check_configuration(merged(config, changes))


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_remarked_on_shipped_configurations(config: dict[str, Any], name: str) -> None:
    base = merged(config, read("demo.yaml")) if name == "demo_full.yaml" else config
    assert remarks(merged(base, read(name))) == []
    assert remarks(config) == []


def test_fire_that_counts_twice_is_remarked_on(config: dict[str, Any]) -> None:
    emissions = {"raw": {"products": {"gfed5_emissions": {"on_cells": True}}}}
    both = {"fire_cell": {"observation": "fire_emission_cell"}}
    (told,) = remarks(merged(config, {**emissions, "loss": both}))
    assert told.startswith("loss.fire and loss.fire_cell are both on")
    in_experiment = merged(config, {**emissions, "experiments": {"a": {"loss": both}}})
    (told,) = remarks(in_experiment)
    assert told.startswith("experiments.a: loss.fire and loss.fire_cell are both on")
    off = {**emissions, "loss": {**both, "fire": {"weight": 0}}}
    assert remarks(merged(config, off)) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"raw": {"products": {"lcspp": None}}}, ["loss.sif is off: sif is of raw.products.lcspp"]),
        (
            {"raw": {"first_year": 2020}},
            ["loss.biomass is off: raw.products.xu_biomass has no biomass of 2020 to 2023"],
        ),
    ],
)
def test_terms_that_no_product_observes_are_remarked_on(
    config: dict[str, Any], changes: dict[str, Any], told: list[str]
) -> None:
    found = remarks(merged(config, changes))
    assert [line.startswith(start) for line, start in zip(found, told, strict=True)] == [True]


def test_terms_that_a_driver_file_lacks_are_remarked_on(config: dict[str, Any]) -> None:
    study = merged(config, {"driver": {"source": "file", "path": "sites.nc"}})
    wanted = {term.get("observation") for term in study["loss"].values()} - {None}
    assert remarks(study) == []
    assert remarks(study, wanted) == []
    (told,) = remarks(study, wanted - {"lai"})
    assert told.startswith("loss.lai is off: sites.nc has no variable lai")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"loss": {"lai": {"observation": "lai_copernicus"}}},
            ["loss.lai.observation", "raw.products.copernicus_lai, which is null"],
        ),
        (
            {"loss": {"lai": {"observation": "lai_typo"}}},
            ["loss.lai.observation", "did you mean lai?", "no raw product gives lai_typo"],
        ),
        (
            {"experiments": {"a": {"loss": {"nbe": {"observation": "nbe_cams"}}}}},
            ["experiments.a.loss.nbe.observation", "raw.products.cams, which is null"],
        ),
        (
            {
                "driver": {"source": "file", "path": "sites.nc"},
                "loss": {"vod": {"observation": "vod"}},
            },
            ["sites.nc: loss.vod.observation", "sites.nc has no variable vod"],
        ),
    ],
)
def test_an_observation_that_was_chosen_and_is_not_there_is_refused(
    config: dict[str, Any], changes: dict[str, Any], words: list[str]
) -> None:
    given = {term.get("observation") for term in config["loss"].values()} - {None}
    with pytest.raises(InputError) as caught:
        remarks(merged(config, changes), given)
    assert [word for word in words if word not in str(caught.value)] == []


def test_remarks_are_printed_by_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("raw: {products: {lcspp: null}}\n", encoding="utf-8")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().err.startswith("warning: loss.sif is off: ")


def test_missing_key_is_told(config: dict[str, Any]) -> None:
    del config["training"]["epochs"]
    with pytest.raises(InputError, match=r"training\.epochs: expected .* found none"):
        configuration.check_configuration(config)


def test_messages_are_sentences(config: dict[str, Any]) -> None:
    """Docstrings begin with a capital, and stand in sentences."""
    for changes, words in (
        (
            {"raw": {"minimum_coverage": 2}},
            "expected least fraction of a cell's area that must have values, a number from 0 to 1, "
            "found 2",
        ),
        ({"raw": {"minimum_coverage": "2"}}, "found 2"),
        ({"setups": "2"}, "found 2"),
        ({"study": "a b"}, "expected name of the study"),
        ({"training": {"threads": 0}}, "expected CPU cores that a training job asks for"),
        (
            {"analysis": {"attribution": 5}},
            "expected attribution of traits to predictors by Kernel SHAP: keys",
        ),
        ({"training": {"epochs": "many"}}, "found the text 'many'"),
    ):
        with pytest.raises(InputError) as caught:
            configuration.check_configuration(merged(config, changes))
        assert words in str(caught.value)


def test_keys_of_a_layer_are_found_however_deep() -> None:
    layer = {"training": {"epochs": 5}, "setups": ["PFT"], "apply": {}}
    for key in ("training", "training.epochs", "setups.0", "apply"):
        assert configuration.has_key(layer, key)
    for key in ("training.threads", "study", "the whole"):
        assert not configuration.has_key(layer, key)


def test_every_leaf_with_a_wrong_type_gives_a_message(config: dict[str, Any]) -> None:
    def damaged(section: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for key, value in section.items():
            yield {**section, key: {"no": 0}}
            if isinstance(value, dict):
                for inner in damaged(value):
                    yield {**section, key: inner}

    for each in damaged(config):
        with pytest.raises(InputError):
            configuration.check_configuration(each)


def test_text_of_the_command_line_is_read(config: dict[str, Any]) -> None:
    changes = {
        "training": {"epochs": "5", "learning_rate": "5e-4", "gradient_clip_norm": "null"},
        "driver": {"source": "file", "path": "elsewhere.nc"},
        "study": "2001",
    }
    read_back = configuration.read_text_values(merged(config, changes))
    assert read_back["training"]["epochs"] == 5
    assert read_back["training"]["learning_rate"] == 5e-4
    assert read_back["training"]["gradient_clip_norm"] is None
    assert read_back["driver"]["path"] == "elsewhere.nc"
    assert read_back["study"] == "2001"
    assert configuration.read_text_values(config) == config
    configuration.check_configuration(read_back)


@pytest.mark.parametrize(
    ("written", "section", "key", "read"),
    [
        ("training: {epochs: 1e2}", "training", "epochs", 100),
        ("training: {epochs: 199.0}", "training", "epochs", 199),
        ("training: {permit_cpu: 'true'}", "training", "permit_cpu", True),
        ("raw: {products: {lcspp: {accepted_quality: ['0', '1']}}}", "lcspp", None, [0, 1]),
        ("raw: {products: {cms_flux_nbe: {release: '2020'}}}", "cms_flux_nbe", None, "2020"),
        ("raw: {products: {cms_flux_nbe: {release: 2020}}}", "cms_flux_nbe", None, "2020"),
        ("raw: {products: {flux_towers: {excluded: ['NaN', '1e5']}}}", "", None, ["NaN", "1e5"]),
        ("model: {step_length: '30'}", "model", "step_length", 30),
        ("model: {step_length: calendar}", "model", "step_length", "calendar"),
        ("figures: {sites: '4'}", "figures", "sites", 4),
        ("figures: {sites: [2001]}", "figures", "sites", ["2001"]),
        ("study: 2001", "study", None, "2001"),
        ("truth: 'null'", "truth", None, None),
        ("experiments: 'null'", "experiments", None, {}),
        ("apply: {2019: x.nc}", "apply", "2019", "x.nc"),
        ("experiments: {2001: {training: {epochs: '5'}}}", "experiments", "2001", None),
        ("analysis: {groups: }", "analysis", "groups", []),
        ("predictors: {AGE: {}}", "predictors", "AGE", []),
        ("carbon_cycle: {trendy: {models: {JULES: }}}", "trendy", None, {"JULES": {}}),
    ],
)
def test_the_settings_decide_how_a_value_is_read(
    config: dict[str, Any], written: str, section: str, key: str | None, read: Any
) -> None:
    changed = configuration.read_text_values(merged(config, yaml.safe_load(written)))
    if section == "experiments" and key:
        assert changed["experiments"][key]["training"]["epochs"] == 5
        return
    place = {
        **changed,
        "lcspp": changed["raw"]["products"]["lcspp"]["accepted_quality"],
        "cms_flux_nbe": changed["raw"]["products"]["cms_flux_nbe"]["release"],
        "": changed["raw"]["products"]["flux_towers"]["excluded"],
        "trendy": changed["carbon_cycle"]["trendy"]["models"],
    }[section]
    found = place[key] if key else place
    assert found == read
    assert type(found) is type(read)


def test_numbers_that_are_meant_as_text_are_text_as_written(tmp_path: Path) -> None:
    """Python's own numbers are those that Snakemake has read."""
    file = tmp_path / "mine.yaml"
    file.write_text("study: 2001_02\napply: {007: a.nc, 2019: b.nc}\ntraining: {epochs: 1_000}\n")
    changed = configuration.read_configuration([file])
    assert changed.study == "2001_02"
    assert changed.apply == {"007": "a.nc", "2019": "b.nc"}
    assert (changed.training.epochs, type(changed.training.epochs)) == (1000, int)
    assert read_mapping(file) == yaml.safe_load(file.read_text())


@pytest.mark.parametrize("number", ["010", "1:40", "-01"])
def test_numbers_that_yaml_takes_for_others_are_refused(tmp_path: Path, number: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"training: {{epochs: {number}}}\n")
    with pytest.raises(InputError, match=f"training.epochs: expected .*, found .*{number}"):
        configuration.read_configuration([file])


def test_an_empty_section_of_an_overlay_clears_it(config: dict[str, Any]) -> None:
    demo = read("demo.yaml")
    nothing_more = {
        "projection": {"models": {}},
        "experiments": {},
        "carbon_cycle": {"trendy": {"models": None}},
        "analysis": {"components": 2},
    }
    layers = [config, demo, nothing_more]
    cleared = configuration.read_text_values(configuration.merge(layers))
    configuration.check_configuration(cleared)
    assert cleared["projection"] == {**config["projection"], **demo["projection"], "models": {}}
    assert cleared["experiments"] == cleared["carbon_cycle"]["trendy"]["models"] == {}
    assert cleared["analysis"]["components"] == 2
    assert cleared["analysis"]["bootstrap"] == config["analysis"]["bootstrap"]
    assert layers == [read("config.yaml"), read("demo.yaml"), nothing_more]


def test_the_order_of_keys_is_that_of_another_configuration() -> None:
    """Snakemake would train all members again."""
    ordered = configuration.in_order(
        {"a": {"x": 1, "y": 2}, "b": 3, "c": {}}, {"b": 0, "a": {"y": 0}}
    )
    assert list(ordered) == ["b", "a", "c"]
    assert list(ordered["a"].items()) == [("y", 2), ("x", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\n  epochs: 3\n  epochs: 4\n", "line 3: expected each key once .*line 2"),
        ("training:\n\tepochs: 3\n", "line 2: expected indentation with spaces, found a tab"),
        ("setups: [PFT\n", "line 1: expected YAML"),
        ("training: {epoch: 3}\n", r"training\.epoch: expected one of epochs"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    assert main(["check", str(CONFIG / "demo.yaml"), str(file)]) == 2
    assert re.search(f"mine.yaml: {message}", capsys.readouterr().err)


def test_a_study_can_be_checked_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(CONFIG / "demo.yaml")]) == 0
    assert capsys.readouterr().out.startswith("demo: the configuration is valid; files")


@pytest.mark.parametrize("size", [1, 3, 20, 45, 60, 300, 1000])
def test_blocks_hold_every_member_once(config: dict[str, Any], size: int) -> None:
    config["training"]["members_per_job"] = size
    study = Study.from_configuration(config)
    held = []
    for block in configuration.training_blocks(study, "{setup}", "{seed}"):
        open_setups = config["setups"] if block[0][0] == "{setup}" else [None]
        open_seeds = configuration.seeds(study) if block[0][1] == "{seed}" else [None]
        assert len(block) <= size
        held += [
            (any_setup or setup, any_seed or seed)
            for any_setup in open_setups
            for any_seed in open_seeds
            for setup, seed in block
        ]
    assert len(held) == len(set(held)) == 300
    assert set(held) == {
        (setup, seed) for setup in config["setups"] for seed in configuration.seeds(study)
    }


@pytest.fixture
def experimental(config: dict[str, Any]) -> dict[str, Any]:
    """The paper's study with two experiments."""
    config["experiments"] = {
        "no_towers": {"loss": {"gpp_site": {"observation": None}}},
        "quick": {"setups": ["PFT", "CLIM"], "training": {"epochs": 5}},
    }
    configuration.check_configuration(config)
    return config


def test_experiments_change_what_they_name_and_nothing_else(experimental: dict[str, Any]) -> None:
    names = configuration.experiment_setups(Study.from_configuration(experimental))
    assert names == ["PFT+CLIM+SOIL+AGE@no_towers", "PFT@quick", "CLIM@quick"]
    before = copy.deepcopy(experimental)
    expected = copy.deepcopy(experimental)
    expected["loss"]["gpp_site"]["observation"] = None
    assert setups.of_setup(experimental, names[0]) == expected
    assert setups.of_setup(experimental, names[1])["training"]["epochs"] == 5
    assert setups.of_setup(experimental, "PFT") == experimental == before


@pytest.mark.parametrize("size", [20, 60, 1000])
def test_members_of_experiments_have_jobs_of_their_own(
    experimental: dict[str, Any], size: int
) -> None:
    experimental["training"]["members_per_job"] = size
    study = Study.from_configuration(experimental)
    blocks = configuration.training_blocks(study, "{setup}", "{seed}")
    if size == 20:
        assert {setup for block in blocks for setup, _ in block} == {"{setup}"}
        return
    for setup in configuration.experiment_setups(study):
        (block,) = [block for block in blocks if setup in dict(block)]
        assert block == [(setup, seed) for seed in configuration.seeds(study)]


def test_targets_are_the_observed_terms(config: dict[str, Any]) -> None:
    observed = configuration.observed_variables(Study.from_configuration(config))
    assert "vod" not in observed and "nbe_annual" not in observed and "violation" not in observed
    assert observed["soc"] == "soil_organic_carbon"
    assert len(observed) == 11


@pytest.mark.parametrize(
    ("minimum", "select", "expected"), [(None, 10, 5), (None, 3, 2), (4, 9, 4)]
)
def test_a_setup_needs_half_of_those_selected_or_as_many_as_told(minimum, select, expected):
    assert Ensemble(seeds=20, select=select, minimum=minimum).fewest == expected


@pytest.mark.parametrize(
    ("path", "folder", "found"),
    [
        (None, False, "none"),
        ("none.nc", False, "no such file: none.nc, which is {here}/none.nc"),
        ("{here}/none.nc", False, "no such file: {here}/none.nc"),
        (".", False, "a folder: ., which is {here}"),
        ("there.nc", True, "a file: there.nc, which is {here}/there.nc"),
        ("gone", True, "no such folder: gone, which is {here}/gone"),
    ],
)
def test_a_path_where_nothing_is_is_told_as_given_and_as_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None, folder: bool, found: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.nc").touch()
    given = path and path.format(here=tmp_path)
    with pytest.raises(InputError) as caught:
        configuration.check_path("mine.yaml", "truth", given, "a file of truth", folder)
    assert str(caught.value) == (
        f"mine.yaml: truth: expected a file of truth, found {found.format(here=tmp_path)}"
    )
    configuration.check_path("mine.yaml", "truth", "there.nc", "a file of truth", False)


def test_members_of_earlier_versions_have_the_same_settings(study: Study) -> None:
    """By a digest in their records; another one would keep them apart from new members."""
    paper = "faf81faacc4a6700338a2197963c1b04b3efb865f8b2c16081aed39d973422c4"
    assert study.digest() == paper
    for key in HOW_TRAINED:
        value = getattr(study.training, key)
        other = "xla" if key == "engine" else not value if key == "permit_cpu" else value + 1
        assert change(study, training={key: other}).digest() == paper
    days = change(study, model={"step_length": 30})
    assert days.digest() == "5ca96132d506d6623e6e7c51bc74a70575563754713191a8672a96b214ebdfbb"


def test_settings_are_given_back_as_they_were_written(config: dict[str, Any]) -> None:
    demo = merged(config, read("demo.yaml"))
    plain = Study.from_configuration(demo).plain()
    assert plain == demo
    assert json.dumps(plain, sort_keys=True) == json.dumps(demo, sort_keys=True)
