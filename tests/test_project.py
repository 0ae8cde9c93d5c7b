"""What the files about the project itself say."""

import json
import tomllib
from pathlib import Path

import yaml

from differland import __version__

ROOT = Path(__file__).resolve().parents[1]


def test_all_files_have_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    metadata = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    assert citation["version"] == metadata["version"] == __version__


def test_all_files_name_the_same_license_and_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    metadata = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert package["license"] == citation["license"] == Path(metadata["license"]).name
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(package["license"])
    paper, other = citation["preferred-citation"], metadata["referencePublication"]
    assert paper["title"] == other["name"]
    names = [(author["family-names"], author["given-names"]) for author in paper["authors"]]
    assert names == [(author["familyName"], author["givenName"]) for author in other["author"]]


def test_configuration_files_are_all_described():
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert [file.name for file in ROOT.glob("config/*.yaml") if f"`{file.name}`" not in text] == []
