"""What the record of costs takes from benchmarks, and what it leaves alone."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from changes import change

ROOT = Path(__file__).resolve().parents[1]

ROW = {
    **{"rule": "check_quality", "memory_per": "cell", "memory_base": "7", "memory_slope": "8"},
    **{"time_per": "cell", "time_base": "9", "time_slope": "10", "disk_per": "cell"},
    **{"disk_base": "0", "disk_slope": "0", "origin": "guess"},
}
SMALL, LARGE = {"cell": 1e6, "job": 1e6}, {"cell": 3e6, "job": 1e6}


@pytest.fixture(scope="module")
def costs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("costs", ROOT / "benchmarks/costs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["s\tmax_rss", *rows]) + "\n")


def test_a_row_is_the_line_through_two_studies(costs):
    studies = [
        ({"check_quality": {"memory": 100.0, "time": 10.0}}, SMALL),
        ({"check_quality": {"memory": 300.0, "time": 40.0}}, LARGE),
    ]
    row = costs.updated(ROW, studies)
    assert (row["memory_base"], row["memory_slope"]) == ("0", "100")
    # 15 for a million; the line meets zero above no cells, so it goes through the larger study.
    assert (row["time_base"], row["time_slope"]) == ("0", "13.33")
    assert row["origin"] == "recorded"


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"check_quality": {}},
        {"check_quality": {"memory": 100.0}},
        {"plot_quality": {"memory": 100.0, "time": 10.0}},
        # One size does not say how costs grow.
        {"check_quality": {"memory": 100.0, "time": 10.0}},
    ],
)
def test_what_was_not_measured_stays_a_guess(costs, found):
    assert costs.updated(ROW, [(found, SMALL)]) == ROW
    assert costs.updated(ROW, [(found, SMALL), (found, SMALL)]) == ROW


def test_one_study_says_what_grows_with_none(costs):
    row = ROW | {"memory_per": "job", "time_per": "job"}
    found = {"check_quality": {"memory": 100.0, "time": 10.0}}
    expected = {"memory_base": "100", "memory_slope": "0", "time_base": "10", "time_slope": "0"}
    assert costs.updated(row, [(found, SMALL)]) == row | expected | {"origin": "recorded"}


def test_large_results_are_measured_too_or_the_row_stays(costs):
    row = ROW | {"rule": "map_parameters", "memory_per": "job", "time_per": "job"}
    found = {"map_parameters": {"memory": 100.0, "time": 10.0}}
    assert costs.updated(row, [(found, SMALL)]) == row


def test_costs_of_other_files_than_the_study_has_stay(costs):
    row = ROW | {"rule": "read_towers", "memory_per": "job", "time_per": "job"}
    found = {"read_towers": {"memory": 100.0, "time": 10.0}}
    assert costs.updated(row, [(found, SMALL)]) == row


def test_regridding_grows_with_native_files_of_two_sizes(costs, tmp_path):
    """The large ones are those that benchmarks/raw.py has timed."""
    row = ROW | {"rule": "regrid_year", "memory_per": "job", "time_per": "native byte"}
    small = ({"regrid_year": {"memory": 100.0, "time": 3.0, "native byte": 2e6}}, SMALL)
    assert costs.updated(row, [small]) == row
    table = tmp_path / "raw.csv"
    table.write_text(
        "work,rule,native_mb,median_s,peak_mib\n"
        "a,regrid_year,1000,60,500\nb,regrid_year,3004,140,600\nc,regrid_year,,1000,700\n"
        "d,assemble_driver,,500,9000\n"
    )
    found = costs.updated(row, [small, costs.read_raw(table)])
    # 100 s for 2002 MB, and 3 s for 2 MB.
    assert (found["time_base"], found["time_slope"]) == ("2.903", "0.0485")
    assert (found["memory_base"], found["memory_slope"]) == ("700", "0")
    assert found["origin"] == "recorded"


def test_jobs_without_numbers_say_nothing(costs, study, tmp_path):
    folder = tmp_path / "benchmarks"
    write(folder / "check_quality.tsv", "12.5\tNA")
    write(folder / "plot_losses/CLIM.tsv", "3\t50")
    write(folder / "plot_losses/SOIL.tsv", "5\tNA")
    # Over before it was looked at.
    write(folder / "select_ensemble/CLIM.tsv", "0.2\t2.2")
    write(folder / "prepare_driver/driver.tsv", "7\t70")
    write(folder / "prepare_driver/applied/other.tsv", "700\t7000")
    assert costs.recorded(folder, study) == {
        "check_quality": {},
        "plot_losses": {"memory": 50.0, "time": 4.0},
        "select_ensemble": {},
        "prepare_driver": {"memory": 70.0, "time": 7.0},
    }


def test_training_is_that_of_the_largest_jobs_on_their_device(costs, study, tmp_path):
    study = change(
        study,
        setups=["CLIM", "SOIL"],
        ensemble={"seeds": 2, "select": 2},
        training={"members_per_job": 4},
    )
    folder = tmp_path / "benchmarks"
    write(folder / "train/develop/CLIM..SOIL/01..02.tsv", "40\t900")
    write(folder / "train/final/CLIM..SOIL/01..02.tsv", "44\t950")
    write(folder / "train/develop/CLIM@blind/01..02.tsv", "1\t5000")
    measured = {"memory": 950.0, "time": 42.0}
    assert costs.recorded(folder, study) == {"train": measured}
    record = tmp_path / "members/final/CLIM/01/member.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"device": "gpu NVIDIA"}))
    assert costs.recorded(folder, study)["train_gpu"].items() >= measured.items()
    assert "train" not in costs.recorded(folder, study)
    other = tmp_path / "members/final/CLIM/02/member.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"device": "cpu"}))
    assert costs.recorded(folder, study) == {}
