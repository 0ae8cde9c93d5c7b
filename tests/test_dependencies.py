"""What results come from: told from the text, and true of what runs."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import import_graph
import pytest

from differland import dependencies as module
from differland.configuration import read_configuration
from differland.dependencies import MESSAGES, dependencies, reached

SCRIPTS = {script.stem: script for script in sorted((import_graph.ROOT / "scripts").glob("*.py"))}


def of(script: str, *selected: str) -> set[str]:
    return set(dependencies(SCRIPTS[script], selected))


def test_modules_are_found_however_deep_and_wherever_they_are_imported():
    found = of("sum_members")
    assert {"sum_members.py", "differland.analysis.member_totals", "differland.ensemble"} <= found
    assert "differland.analysis.carbon_cycle" in found
    # Imported within a function, when it is called.
    assert "differland.kernel.months" in found
    assert "differland.figures.identifiability" in of("plot_recovery")
    assert {"differland.datasets.towers", "differland.datasets.biomass"} <= of("assemble_driver")


def test_what_is_imported_and_not_used_is_no_part_of_it():
    assert not {"differland.metrics", "differland.driver"} & of("plot_losses")
    assert not {name for name in of("plot_losses") if name in MESSAGES}


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_found_that_is_not_imported(name: str):
    """Against a graph of imports that is made in another way."""
    imported = import_graph.modules(SCRIPTS[name])
    found = {place for place in of(name) if place.startswith("differland.")}
    assert found <= imported


def test_a_product_needs_its_own_reader():
    readers = {"differland.datasets.evaporation", "differland.datasets.inversion"}
    assert of("regrid_year", "gleam") & readers == {"differland.datasets.evaporation"}
    assert of("regrid_year", "cams") & readers == {"differland.datasets.inversion"}
    assert "differland.datasets.reanalysis" in of("regrid_year", "era5")
    assert readers <= of("regrid_year")


def test_tables_that_are_read_are_part_of_it():
    assert "regions.csv" in of("find_common_cells")
    assert "parameters.csv" in of("map_parameters")
    assert "gleam.yaml" in of("tabulate_datasets")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """A library of one module, whose text is given; a script uses its function `used`."""
    folder = tmp_path / "workflow/differland"
    (tmp_path / "resources/datasets").mkdir(parents=True)
    (tmp_path / "resources/table.csv").write_text("a\n")
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    script = tmp_path / "scripts/job.py"
    script.parent.mkdir()
    script.write_text("from differland import numbers\n\nnumbers.used(1)\n")
    monkeypatch.setattr(module, "LIBRARY", folder.parent)
    monkeypatch.setattr(module, "FOLDERS_READ", (tmp_path / "resources",))
    monkeypatch.setattr(module, "CACHE", tmp_path / "kept.json")

    def found(text: str) -> dict[str, str]:
        (folder / "numbers.py").write_text(text)
        for function in (module._read, module._resolve, module._kept):
            function.cache_clear()
        return dependencies(script)

    yield found
    for function in (module._read, module._resolve, module._kept):
        function.cache_clear()


TEXT = '''
"""A module."""

FACTOR = 2
OTHER = 3


def used(x):
    """Multiply."""
    return FACTOR * bounded(x, most=9, description="a number")


def bounded(x, most, description):
    return min(x, most)


def unused(x):
    return OTHER * x
'''


@pytest.mark.parametrize(
    ("old", "new", "matters"),
    [
        ("FACTOR = 2", "FACTOR = 4", True),
        ("FACTOR * bounded", "FACTOR + bounded", True),
        ("most=9", "most=8", True),
        ("a number", "some number", False),
        ("def used(x):", "@print\ndef used(x):", True),
        ("OTHER = 3", "OTHER = 3\nprint(OTHER)", True),
        ("def used(x):", "def used(x, y=OTHER):", True),
        ("OTHER = 3", "OTHER = 4", False),
        ("OTHER * x", "OTHER + x", False),
        ("Multiply.", "Multiply by two.", False),
        ("    return FACTOR", "    # Twice.\n    return  FACTOR", False),
    ],
)
def test_a_change_matters_where_results_can_change(library, old: str, new: str, matters: bool):
    before = library(TEXT)
    assert set(before) == {"differland", "differland.numbers", "job.py"}
    assert (library(TEXT.replace(old, new)) != before) is matters


def test_a_table_of_resources_matters(library, tmp_path: Path):
    text = TEXT.replace("FACTOR = 2", 'FACTOR = len("table.csv")')
    before = library(text)
    assert "table.csv" in before
    (tmp_path / "resources/table.csv").write_text("b\n")
    assert library(text)["table.csv"] != before["table.csv"]


def functions_called(action: Callable[[], None]) -> set[str]:
    """Functions and classes of the library that run: ``differland.metrics:r_squared``."""
    found: set[str] = set()
    library = f"{import_graph.LIBRARY}/"

    def look(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(library):
            place = code.co_filename.removeprefix(library).removesuffix(".py").replace("/", ".")
            name = code.co_qualname.split(".")[0]
            if not name.startswith("<"):
                found.add(f"{place.removesuffix('.__init__')}:{name}")

    sys.setprofile(look)
    threading.setprofile(look)
    try:
        action()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


DEMO = import_graph.ROOT / "data/planet/raw"


@pytest.mark.parametrize(
    ("product", "file"),
    [("gleam", "gleam/E_2018_GLEAM_v4.2a_MO.nc"), ("grace", "grace/GRCTellus*.nc")],
)
def test_all_that_runs_was_found(tmp_path: Path, product: str, file: str):
    """A job under the eyes of Python's profiler."""
    files = sorted(DEMO.glob(file))
    if not files:
        pytest.skip("no raw files of the demo (make demo)")
    path = SCRIPTS["regrid_year"]
    configuration = read_configuration([import_graph.ROOT / "config/demo.yaml"]).plain()
    settings = configuration["raw"]["products"][product]
    gridding = {"method": "exact", "minimum_coverage": 0.5}
    window = {"window": configuration["raw"]["window"], **gridding}
    job = SimpleNamespace(
        input={{"gleam": "evaporation", "grace": "mascons"}[product]: files},
        output={"gridded": tmp_path / "2018.nc"},
        params={"settings": settings, "window": window, "weights": tmp_path},
        wildcards={"product": product, "year": "2018"},
        log=[str(tmp_path / "job.log")],
        resources={},
    )
    script = compile(f"snakemake = job\n{path.read_text()}", "script", "exec")

    def run() -> None:
        exec(script, {"__name__": "__main__", "job": job})

    # All is imported by the first.
    run()
    called = functions_called(run)
    assert (tmp_path / "2018.nc").is_file()
    assert len(called) > 30
    found = set(reached(path, frozenset({product})))
    left = {name for name in called - found if name.split(":")[0] not in MESSAGES}
    assert not {name for name in left if name.replace(":", ".") not in MESSAGES}
