"""Every number of a configuration has bounds, and no name of it leads out of the study."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic import ValidationError
from snakemake.cli import parse_config

from differland import configuration
from differland.errors import InputError
from differland.settings.messages import faults
from differland.settings.rules import kinds, study_rule
from differland.settings.study import Study
from differland.yaml_files import read_mapping

RULE = study_rule()
DEFAULTS = configuration.read_configuration([]).plain()
NAMES = {"models": "JULES", "experiments": "short", "inversions": "nbe", "apply": "sites"}
"""A name for a collection whose keys are the user's, by its key."""


class Number(NamedTuple):
    """A rule for a number, and where it is."""

    path: tuple[Any, ...]
    rule: dict[str, Any]


def numbers(rule: dict[str, Any] = RULE, path: tuple[Any, ...] = ()) -> Iterator[Number]:
    """All numbers of the settings, also those of alternatives, lists and collections."""
    if kinds(rule) & {"number", "integer"}:
        yield Number(path, rule)
    for key, inner in rule.get("properties", {}).items():
        yield from numbers(inner, (*path, key))
    for alternative in rule.get("anyOf", []):
        yield from numbers(alternative, path)
    if isinstance(rule.get("items"), dict):
        yield from numbers(rule["items"], (*path, 0))
    if isinstance(rule.get("additionalProperties"), dict):
        yield from numbers(rule["additionalProperties"], (*path, NAMES.get(path[-1], "x")))


NUMBERS = list(numbers())
IDS = [".".join(map(str, number.path)) for number in NUMBERS]


def sample(rule: dict[str, Any]) -> Any:
    """Some value that a rule accepts."""
    if "anyOf" in rule:
        return sample(rule["anyOf"][0])
    number = rule.get("minimum", 1)
    values = {"object": {}, "boolean": False, "string": "x", "integer": number, "number": number}
    many = {"null": None, "array": [2001] * rule.get("minItems", 0), **values}
    return rule.get(
        "enum", [rule.get("const", next(many[kind] for kind in many if kind in kinds(rule)))]
    )[0]


def placed(rule: dict[str, Any], there: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Put a value in its place, with what else its section needs that is not there."""
    if not path:
        return value
    key, *rest = path
    if key == 0:
        return [value] * int(rule.get("minItems", 1))
    rules = rule.get("properties", {})
    needed = [] if isinstance(there, dict) else rule.get("required", [])
    section = {name: sample(rules[name]) for name in needed if name != key}
    inner = rules.get(key, rule.get("additionalProperties"))
    return {**section, key: placed(inner, (there or {}).get(key), tuple(rest), value)}


def overlay(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Few keys, with a value in its place."""
    return placed(RULE, DEFAULTS, path, value)


def below(rule: dict[str, Any]) -> float | None:
    """-1, where that is too small."""
    return -1 if rule.get("minimum", rule.get("exclusiveMinimum")) >= 0 else None


def above(rule: dict[str, Any]) -> float | None:
    return 2 * abs(rule["maximum"]) + 1 if rule["maximum"] < 1e300 else None


def not_refused(layer: dict[str, Any]) -> set[str]:
    """Numbers of a configuration over the defaults that no message names."""
    config = configuration.read_text_values(configuration.merge([DEFAULTS, layer]))
    with pytest.raises(ValidationError) as caught:
        Study.from_configuration(config)
    found = {".".join(fault.path) for fault in faults(caught.value, RULE)}
    return {name for name in IDS if not {name, name.removesuffix(".0")} & found}


def test_all_kinds_of_numbers_are_found():
    expected = {
        *("patches.seed", "model.step_length", "figures.sites", "projection.years.0"),
        *("carbon_cycle.trendy.models.JULES.missing_value", "raw.products.cams.first_year"),
        *("raw.products.mcd12c1.years.0", "raw.window.west"),
    }
    assert expected <= set(IDS)


def test_every_number_has_bounds():
    without = [
        name
        for name, number in zip(IDS, NUMBERS, strict=True)
        if not {"minimum", "exclusiveMinimum"} & set(number.rule)
        or not {"maximum", "exclusiveMaximum"} & set(number.rule)
    ]
    assert without == []


@pytest.mark.parametrize(
    "bad",
    [*(lambda _, value=value: float(value) for value in ("nan", "inf", "-inf")), below, above],
    ids=["nan", "inf", "-inf", "below", "above"],
)
def test_numbers_beyond_their_bounds_are_refused(
    tmp_path: Path, bad: Callable[[dict[str, Any]], float | None]
):
    values = {name: bad(number.rule) for name, number in zip(IDS, NUMBERS, strict=True)}
    tried = {name for name, value in values.items() if value is not None}
    assert len(tried) > 95
    layers = [
        overlay(number.path, values[name])
        for name, number in zip(IDS, NUMBERS, strict=True)
        if name in tried
    ]
    file = tmp_path / "overlay.yaml"
    file.write_text(yaml.safe_dump(configuration.merge(layers)), encoding="utf-8")
    assert not tried & not_refused(read_mapping(file))


@pytest.mark.parametrize("text", ["nan", "NaN", ".nan", "inf", "-.inf", "1e400", "-1e400"])
def test_numbers_that_are_not_finite_are_refused_on_command_lines(text: str):
    layer = configuration.merge([overlay(number.path, text) for number in NUMBERS])
    entries = [f"{key}={yaml.safe_dump(value, width=10**6)}" for key, value in layer.items()]
    assert not_refused(parse_config(entries)) == set()


@pytest.mark.parametrize("name", ["raw.products.cams.first_year", "loss.sif.weight"])
def test_a_number_beyond_its_bounds_is_told_by_its_name(name: str):
    layer = overlay(NUMBERS[IDS.index(name)].path, float("nan"))
    with pytest.raises(InputError, match=f"{name}: expected .*, found nan"):
        configuration.check_configuration(configuration.merge([DEFAULTS, layer]))


NAMES_THAT_LEAD_ELSEWHERE = ["..", "../x", "a/b", "/x", "a;b", "$(x)", "a b", "-x", "x\n", "", ".x"]


@pytest.mark.parametrize("name", NAMES_THAT_LEAD_ELSEWHERE)
@pytest.mark.parametrize(
    ("section", "make"),
    [
        ("study", lambda name: {"study": name}),
        ("experiments", lambda name: {"experiments": {name: {"training": {"epochs": 1}}}}),
        ("apply", lambda name: {"apply": {name: "x.nc"}}),
        ("setups", lambda name: {"setups": [name]}),
        ("projection", lambda name: {"projection": {"models": {name: "r1i1p1f1"}}}),
        ("projection", lambda name: {"projection": {"scenario": name}}),
        ("carbon_cycle", lambda name: {"carbon_cycle": {"trendy": {"models": {name: {}}}}}),
        ("carbon_cycle", lambda name: {"carbon_cycle": {"inversions": {name: "CAMS"}}}),
    ],
)
def test_names_that_lead_out_of_the_study_are_refused(
    section: str, make: Callable[[str], dict[str, Any]], name: str
):
    config = configuration.merge([DEFAULTS, make(name)])
    with pytest.raises(InputError) as caught:
        configuration.check_configuration(config)
    assert caught.value.variable.split(".")[0] == section


@pytest.mark.parametrize(
    "image", ["x.sif; rm y", "$(x).sif", "a b.sif", "-x", "`x`", "x.sif\n", ""]
)
def test_an_image_that_a_shell_would_take_for_more_is_refused(image: str):
    config = configuration.merge([DEFAULTS, {"container": image}])
    with pytest.raises(InputError, match="container: expected path or address"):
        configuration.check_configuration(config)
    for good in ("docker://ghcr.io/a/b:1.0@sha256:0a", "/data/x_1.sif", "~/x.sif", "library://a"):
        configuration.check_configuration(configuration.merge([DEFAULTS, {"container": good}]))
