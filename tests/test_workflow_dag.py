"""The workflow as its user meets it: dry runs, single files, and what is run again."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import import_graph
import pytest
import yaml
from snakemake.cli import parse_args
from snakemake_runs import jobs, run_snakemake

from differland.files import write_netcdf
from differland.planning import StudySize, amounts, need_of, read_costs
from differland.settings.study import Study
from differland.synthetic.planet import PlanetSettings, make_planet

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))
SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))

Run = Callable[..., subprocess.CompletedProcess[str]]


def snakemake(
    directory: Path, *arguments: str, repository: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    return run_snakemake(
        directory,
        *("--snakefile", str(repository / "Snakefile"), "--directory", str(directory)),
        *("--nocolor", *arguments),
    )


RAW_NAMES = [
    *("mcd12c1/MCD12C1.A{year}001.061.2022169161124.hdf", "era5/era5_monthly_means_{year}.nc"),
    *("era5/era5_daily_t_min_{year}.nc", "era5/era5_daily_t_max_{year}.nc"),
    *("era5/era5_daily_dewpoint_max_{year}.nc", "gtopo30/gt30w020n90.dem", "hwsd/T_SAND.nc4"),
    "forest_age/20230101T010101222_BGIForestAgeMPIBGC1.0.0.nc",
    "canopy_height/ETH_GlobalCanopyHeight_10m_2020_N51E003_Map.tif",
    *("noaa_co2/co2_mm_gl.csv", "gfed5_burned_area/BA/BA{year}{month}.nc"),
    *("gfed5_burned_area/BurnableArea.nc", "mcd64cmq/MCD64CMQ.A{year}{day}.061.2023001010101.hdf"),
    "gfed5_emissions/GFED5_Beta_monthly_{year}.nc",
    *("lcspp/LCSPP_MODIS_v3.2_{year}{month}a.nc", "lcspp/LCSPP_MODIS_v3.2_{year}{month}b.nc"),
    *("modis_lai/lai_8-day_0.05_{year}.nc", "gleam/E_{year}_GLEAM_v4.2a_MO.nc"),
    "xu_biomass/test10a_cd_ab_pred_corr_2000_2019_v2.tif",
    "fluxcom/GPP.RS_METEO.FP-ALL.MLM-ALL.METEO-ALL.720_360.monthly.{year}.nc",
    *("cms_flux_nbe/CMS_Flux_NBE_{year}_v3.nc",),
    "grace/GRCTellus.JPL.200204_202312.GLO.RL06.3M.MSCNv04CRI.nc",
    "flux_towers/fluxnet2015/FLX_AT-Neu_FLUXNET2015_SUBSET_MM_2002-2012_1-4.csv",
    "cams/cams73_latest_co2_flux_surface_mm_{year}{month}.nc",
    "copernicus_lai/c_gls_LAI_{year}{month}100000_GLOBE_VGT_V2.0.2.nc",
    *("ib_agc/IB_AGC.nc", "glab_vod/GLAB_VOD_{year}.nc"),
    "cms_flux_fire/CMS-Flux_GFED5_Fire_{year}_v2.nc",
    *(f"trendy/Synthetic-{letter}_S3_nbp.nc" for letter in "ABC"),
    *(
        f"cmip6/{variable}_Amon_Synthetic-{letter}_{experiment}_r1i1p1f{number}_gn_{period}.nc"
        for variable in ("tas", "pr")
        for number, letter in enumerate("ABC", 1)
        for experiment, period in (
            ("historical", "185001-201412"),
            ("ssp245", "201501-202112"),
            ("ssp245", "208101-210012"),
        )
    ),
]
"""Files as providers name them."""


def touch_raw_files(folder: Path, years: range) -> None:
    """Empty files, which will do for planning."""
    for year in years:
        for month in range(1, 13):
            day = f"{date(year, month, 1).timetuple().tm_yday:03d}"
            for name in RAW_NAMES:
                path = folder / name.format(year=year, month=f"{month:02d}", day=day)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all shipped studies can be planned: their files need only exist."""
    directory = tmp_path_factory.mktemp("paper")
    touch_raw_files(directory / "data/raw", range(2001, 2024))
    touch_raw_files(directory / "data/planet/raw", range(2018, 2022))
    (directory / "data/planet/truth.nc").touch()
    return directory


PARSED = f"""
include: {str(REPOSITORY / "Snakefile")!r}

import json

def file_of(item):
    shown = item.flags.get("report")
    keys = ("caption", "category", "subcategory", "labels")
    return str(item), shown and {{key: getattr(shown, key) for key in keys}}

def rule_of(rule):
    asked = rule.ruleinfo.resources[1]
    named = [*rule.input.keys(), *rule.output.keys(), *rule.params.keys(), *rule.wildcard_names]
    return {{
        "names": named,
        "output": [file_of(item) for item in rule.output],
        "log": [str(file) for file in rule.log],
        "benchmark": str(rule.benchmark),
        "environment": str(rule.basedir.join(rule.conda_env)),
        "memory": [asked["mem_mb"]({{}}, attempt=attempt) for attempt in (1, 2)],
        "needed": need(rule.name).memory_request,
        "asks_for": sorted(asked),
        "message": rule.message,
        "script": Path(rule.script).stem,
    }}

found = {{rule.name: rule_of(rule) for rule in workflow.rules if rule.script and rule.output}}
absent = rules.summarise_study.params.absent
Path("parsed.json").write_text(json.dumps([found, absent], default=str))
"""
"""A workflow that has this one and tells what Snakemake knows of its rules with a script."""


def parsed(directory: Path, *arguments: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Rules by name as Snakemake has them, and what the summary says that the study lacks."""
    (directory / "Snakefile").write_text(PARSED, encoding="utf-8")
    result = snakemake(directory, "--list-rules", *arguments, repository=directory)
    assert result.returncode == 0, result.stdout + result.stderr
    rules, absent = json.loads((directory / "parsed.json").read_text(encoding="utf-8"))
    return rules, dict(absent)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All rules that make files by a script, as Snakemake has them, by name."""
    return parsed(tmp_path_factory.mktemp("parsed"))[0]


def test_every_script_is_that_of_a_rule(rules: dict[str, dict[str, Any]]) -> None:
    assert {script.stem for script in SCRIPTS} == {*rules, "plan", "status"}


def test_every_rule_is_complete(rules: dict[str, dict[str, Any]]) -> None:
    for name, rule in rules.items():
        assert rule["script"] == name
        assert rule["message"], f"{name} has no message"
        (log,) = rule["log"]
        assert re.match(rf"results/paper/logs/{name}[./{{]", log), f"{name}: {log}"
        assert rule["benchmark"] == log.replace("/logs/", "/benchmarks/").replace(".log", ".tsv")
        assert Path(rule["environment"]).resolve() in ENVIRONMENTS, name
        assert rule["asks_for"] == ["mem_mb", "runtime"], name
        assert rule["memory"] == [rule["needed"], 2 * rule["needed"]], name


def test_scripts_get_what_their_arguments_name(rules: dict[str, dict[str, Any]]) -> None:
    """What is neither given by the script nor a file that is yet to be looked for is there once."""
    for script in SCRIPTS:
        tree = ast.parse(script.read_text(encoding="utf-8"))
        (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
        (call,) = (node.value for node in tree.body[-1].body)
        if script.stem in rules:
            arguments = {argument.arg for argument in function.args.args}
            arguments -= {keyword.arg for keyword in call.keywords} | {"co2"}
            named = Counter(rules[script.stem]["names"])
            assert {name for name in arguments if named[name] != 1} == set(), script


def test_every_figure_is_in_the_report_with_a_caption(rules: dict[str, dict[str, Any]]) -> None:
    captions = set()
    for name, rule in rules.items():
        shown = [report for _, report in rule["output"] if report]
        assert shown or not name.startswith(("plot_", "tabulate_")), f"{name} shows nothing"
        for file, report in rule["output"]:
            assert report or not file.endswith((".png", ".html")), f"{file} has no caption"
        for report in shown:
            assert report["labels"]
            captions.add(Path(report["caption"]).resolve())
    folder = REPOSITORY / "workflow" / "report"
    assert captions == set(folder.glob("*.rst")) - {folder / "workflow.rst"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_are_thin(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 45
    assert f"\ndef {script.stem}(" in text
    assert text.count("\ndef ") == 1
    assert 'if __name__ == "__main__":' in text


def packages(file: Path) -> set[str]:
    """Pinned packages of a conda environment, as ``name==version``."""
    environment = yaml.safe_load(file.read_text(encoding="utf-8"))
    (pinned,) = (part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    return {package.lower() for package in pinned}


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_environments_have_the_versions_of_the_constraints(file: Path) -> None:
    lines = (REPOSITORY / "envs" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert packages(file) <= {line.lower() for line in lines}


IMPORTED_AS = {"mpl_toolkits": "matplotlib", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def third_parties(script: Path) -> set[str]:
    """Packages that a script needs at some time, itself or through the library."""
    found = import_graph.packages(script, at_start=False) - sys.stdlib_module_names
    return {IMPORTED_AS.get(package, package).lower() for package in found}


def test_environments_have_all_that_scripts_import(rules: dict[str, dict[str, Any]]) -> None:
    for name, rule in rules.items():
        available = {package.split("==")[0] for package in packages(Path(rule["environment"]))}
        missing = third_parties(REPOSITORY / "scripts" / f"{name}.py") - available
        assert not missing, f"{name}: {rule['environment']} lacks {missing}"


def test_the_paper_study_is_planned(paper: Path) -> None:
    counts = jobs(snakemake(paper, "--dry-run", "--quiet", "rules"))
    assert counts["train"] == 15 * 20 * 2
    assert counts["select_ensemble"] == counts["evaluate_ensemble"] == 15 * 2
    assert counts["map_parameters"] == counts["plot_losses"] == 15
    assert counts["derive_components"] == counts["assess_identifiability"] == 3
    assert counts["partition_variance"] == counts["trace_dependence"] == 1
    assert counts["attribute_predictors"] == counts["plot_attribution"] == 3
    # No climate model is named.
    assert "project_traits" not in counts
    # Six static products; ERA5, LAI and GLEAM have all years. Then there are LCSPP (used from
    # 2010), GFED5 (burned area to 2020, emissions to 2022), MODIS (from 2021), Xu et al. (to 2019),
    # CMS-Flux (2010 to 2022) and GRACE (from 2002).
    assert counts["regrid_static"] == 6
    assert counts["regrid_year"] == 3 * 23 + 14 + 20 + 22 + 3 + 19 + 13 + 22
    assert counts["assemble_driver"] == counts["read_towers"] == 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (5, {f"train_{block}": 30 for block in range(1, 5)}),
        (20, {"train": 30}),
        (60, {f"train_{block}": 2 for block in range(1, 6)}),
        (300, {"train": 2}),
    ],
)
def test_members_are_put_into_jobs(paper: Path, size: int, expected: dict[str, int]) -> None:
    counts = jobs(
        snakemake(
            *(paper, "--dry-run", "--quiet", "rules"),
            *("--config", f"training={{members_per_job: {size}}}"),
        )
    )
    assert {name: count for name, count in counts.items() if name.startswith("train")} == expected


def test_every_rule_has_its_costs(rules: dict[str, dict[str, Any]]) -> None:
    costs = set(read_costs())
    assert set(rules) <= costs
    assert costs - set(rules) == {"train_gpu", "regrid_static_xesmf", "regrid_year_xesmf"}


def test_plan_tells_jobs_hours_memory_and_disk(paper: Path, configuration: dict) -> None:
    """Nothing is run but the plan itself."""
    size = "training={members_per_job: 20}"
    result = snakemake(paper, "--cores", "1", "--config", size, "--", "plan")
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert any("245000 cells in 1000 patches (a guess" in line for line in lines)
    table = {line.split()[0]: line.split() for line in lines if re.match(r"\w+ +\d+ +[CG]PU", line)}
    assert table["train"][1:3] == ["30", "CPU"]
    assert table["evaluate_ensemble"][1] == "30"
    study = Study.from_configuration(configuration)
    need = need_of("train", amounts(study, StudySize(245_000, 276, 1000, 320, True), 20))
    assert float(table["train"][3]) == pytest.approx(need.seconds / 60, abs=0.06)
    assert any(re.match(r"CPU: \d+ jobs, [\d.]+ hours", line) for line in lines)
    assert any(re.match(r"Disk: [\d.]+ GB", line) for line in lines)
    on_gpu = snakemake(
        *(paper, "--cores", "1", "--config", size, "--set-resources", "train:gpu=1", "--", "plan")
    )
    assert re.search(r"^train +30 +GPU .*guess", on_gpu.stdout, re.MULTILINE)
    assert re.search(r"^GPU: 30 jobs, [\d.]+ hours, a guess", on_gpu.stdout, re.MULTILINE)


def test_site_profile_takes_the_place_of_the_block_for_this_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(
        "default-resources: {slurm_partition: standard, slurm_account: mine}\n"
        "set-resources: {train: {slurm_partition: volta, gpu: 1}}\n"
    )
    monkeypatch.chdir(REPOSITORY)
    _, settings = parse_args(["--profile", "slurm", "--profile", str(tmp_path)])
    assert settings.default_resources["slurm_partition"].raw == "standard"
    assert settings.default_resources["slurm_account"].raw == "mine"
    assert "attempt" not in settings.default_resources
    # What is not in the block stays.
    assert (settings.executor, settings.jobs) == ("slurm", 400)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--profile", "slurm"],
        ["--profile", "workflow/profiles/local"],
        ["--configfile", "config/demo.yaml", "--cores", "2"],
        ["--profile", "slurm", "--workflow-profile", "workflow/profiles/local"],
    ],
    ids=" ".join,
)
def test_what_is_run_again_depends_on_no_profile(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    triggers = parse_args(arguments)[1].rerun_triggers
    # Not the code: a new version of the repository does not train all members again.
    assert {trigger.name for trigger in triggers} == {"MTIME", "PARAMS", "INPUT", "SOFTWARE_ENV"}


DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def commands() -> Iterator[str]:
    """Commands of Snakemake that the documents print."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        yield from re.findall(r"^ *(snakemake [^#\n]+)", text, re.MULTILINE)
        yield from re.findall(r"`(snakemake [^`]+)`", text)


@pytest.mark.parametrize("command", dict.fromkeys(commands()))
def test_options_of_printed_commands_swallow_no_target(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    arguments = [word for word in shlex.split(command)[1:] if word != "..."]
    _, settings = parse_args(arguments)
    assert all(str(file).endswith(".yaml") for file in settings.configfile)
    assert all("=" in entry for entry in settings.config or [])


def test_what_is_run_again_is_the_same_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, settings = parse_args(["--snakefile", str(REPOSITORY / "Snakefile")])
    assert "CODE" not in {trigger.name for trigger in settings.rerun_triggers}


def test_a_folder_of_ones_own_takes_the_triggers_by_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As README has it; without the link Snakemake would go by the scripts' times of change."""
    (tmp_path / "Snakefile").touch()
    monkeypatch.chdir(tmp_path)
    assert "CODE" in {trigger.name for trigger in parse_args([])[1].rerun_triggers}
    (tmp_path / "profiles").symlink_to(REPOSITORY / "workflow/profiles")
    assert "CODE" not in {trigger.name for trigger in parse_args([])[1].rerun_triggers}


def test_what_is_set_for_train_reaches_every_kind_of_training_job(paper: Path) -> None:
    program = f"""
from pathlib import Path
from types import SimpleNamespace
from snakemake.api import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings
from snakemake.api import SnakemakeApi, WorkflowSettings
from snakemake.settings.types import GroupSettings, SchedulingSettings

with SnakemakeApi(OutputSettings()) as api:
    settings = api.workflow(
        resource_settings=ResourceSettings(
            overwrite_resources={{"train": {{"gpu": 1}}, "train_2": {{"gpu": 2}}}},
            overwrite_threads={{"train": 3}},
        ),
        workflow_settings=WorkflowSettings(consider_ancient={{"train": {{"data"}}}}),
        config_settings=ConfigSettings(config={{"training": {{"members_per_job": 5}}}}),
        snakefile=Path({str(REPOSITORY / "Snakefile")!r}),
    )
    lists = ["targets", "until", "omit_from", "forcerun", "allowed_rules"]
    settings.dag(DAGSettings(**{{key: {{"train"}} for key in lists}}))
    workflow = settings._workflow
    workflow.scheduling_settings = SchedulingSettings(prioritytargets={{"train"}})
    workflow.group_settings = GroupSettings(overwrite_groups={{"train": "g"}})
    workflow.executor_settings = SimpleNamespace(array_jobs="train; all")
    try:
        workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
    except Exception as error:
        assert "wildcards" in str(error)
    named = [getattr(workflow.dag_settings, key) for key in lists]
    named += [workflow.scheduling_settings.prioritytargets]
    assert all(sorted(names) == ["train_1", "train_2", "train_3", "train_4"] for names in named)
    arrays = workflow.executor_settings.array_jobs.split(",")
    assert sorted(arrays) == ["all", "train_1", "train_2", "train_3", "train_4"]
    for rule in workflow.rules:
        if "gpu" in rule.resources:
            resources = [rule.resources[key].value for key in ("gpu", "_cores")]
            group = workflow.group_settings.overwrite_groups[rule.name]
            ancient = workflow.workflow_settings.consider_ancient[rule.name]
            print(rule.name, *resources, group, *ancient)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=paper, capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines() == [
        "train_1 1 3 g data",
        "train_2 2 3 g data",
        "train_3 1 3 g data",
        "train_4 1 3 g data",
    ], result.stderr


@pytest.mark.parametrize(("option", "trained"), [("--until", [2, 1]), ("--omit-from", [])])
def test_train_is_a_name_whatever_the_number_of_members_per_job(
    paper: Path, option: str, trained: list[int]
) -> None:
    demo = ("--configfile", str(REPOSITORY / "config/demo.yaml"))
    counts = jobs(snakemake(paper, *demo, "--dry-run", "--quiet", "rules", option, "train"))
    assert [count for name, count in counts.items() if name.startswith("train")] == trained
    assert counts["draw_patches"] == 1
    assert not [name for name in counts if re.match("select_|evaluate_|all$", name)]


@pytest.mark.parametrize("target", ["driver", "ensembles", "evaluation", "analysis", "traits"])
def test_parts_of_the_study_are_targets(paper: Path, target: str) -> None:
    assert jobs(snakemake(paper, "--dry-run", "--quiet", "rules", "--", target))[target] == 1


@pytest.mark.parametrize(
    "figure",
    [
        "results/paper/figures/develop/PFT+CLIM/fit/gpp_site.png",
        "results/paper/figures/develop/SOIL/fit/lai.pdf",
        "results/paper/figures/CLIM+SOIL+AGE/components.png",
        "results/paper/figures/AGE/maps/q10.png",
        "results/paper/figures/PFT/attribution/savanna.png",
    ],
)
def test_any_figure_can_be_asked_for(paper: Path, figure: str) -> None:
    counts = jobs(snakemake(paper, "--dry-run", "--quiet", "rules", "--", figure))
    assert counts["train"] == 20
    assert sum(count for name, count in counts.items() if name.startswith("plot_")) == 1


def test_applied_drivers_are_prepared_and_simulated(paper: Path) -> None:
    (paper / "new.nc").touch()
    counts = jobs(
        snakemake(paper, "--dry-run", "--quiet", "rules", "--config", "apply={new: new.nc}")
    )
    assert counts["prepare_driver"] == 2
    assert counts["apply_ensemble"] == 15


def test_a_projection_needs_all_files_of_its_climate_models(paper: Path) -> None:
    models = "models: {Synthetic-A: r1i1p1f1, Synthetic-B: r1i1p1f2}"
    folder = "folder: data/planet/raw/cmip6, baseline_years: [2010, 2021]"
    settings = ("--config", f"projection={{{models}, {folder}}}", "--", "projection")
    counts = jobs(snakemake(paper, "--dry-run", "--quiet", "rules", *settings))
    assert counts["regrid_climates"] == 2
    assert counts["project_traits"] == counts["plot_projection"] == 1
    assert counts["train"] == 2 * 20
    settings = ("--config", f"projection={{{models}, {folder}, years: [2080, 2099]}}")
    result = snakemake(paper, "--dry-run", *settings, "--", "projection")
    assert result.returncode != 0
    for words in ("tas of Synthetic-", "none of 2080", "Earth System Grid Federation"):
        assert words in result.stdout + result.stderr


@pytest.mark.parametrize("overlay", ["demo.yaml", "fluxnet.yaml", "sensitivity.yaml"])
def test_shipped_studies_can_be_planned(paper: Path, overlay: str) -> None:
    (paper / "data" / "fluxnet_sites.nc").touch()
    file = str(REPOSITORY / "config" / overlay)
    counts = jobs(snakemake(paper, "--dry-run", "--quiet", "rules", "--configfile", file))
    assert counts["all"] == 1
    # Flux towers lie on no grid.
    assert ("grid_parameters" in counts) == (overlay != "fluxnet.yaml")


def test_an_overlay_leaves_out_what_it_empties(paper: Path) -> None:
    """Snakemake's own merge would keep it."""
    (paper / "less.yaml").write_text("projection: {models: {}}\nexperiments:\n", encoding="utf-8")
    counts = jobs(
        snakemake(
            *(paper, "--dry-run", "--quiet", "rules"),
            *("--configfile", str(REPOSITORY / "config/demo.yaml"), "less.yaml"),
            *("--config", "carbon_cycle={trendy: {models: {}}}", "training={permit_cpu: true}"),
        )
    )
    assert counts["assemble_driver"] == counts["compare_carbon_cycle"] == 1
    left_out = {"regrid_climates", "project_traits", "compare_experiments", "regrid_land_model"}
    assert not left_out & set(counts)


REGION = """
study: region
raw:
  folder: data/planet/raw
  window: {south: 42, north: 66, west: 70, east: 90}
  first_year: 2018
  last_year: 2021
  products:
    mcd64cmq: {first_overlap_year: 2018}
    canopy_height: null
    xu_biomass: null
    lcspp: null
    cms_flux_nbe: null
    flux_towers: null
setups: [PFT, CLIM, PFT+CLIM]
patches: {minimum_cells: 1, slots: null}
analysis: {reference_setup: PFT+CLIM, groups: [PFT, CLIM]}
"""


def test_a_region_without_five_products_has_neither_their_files_nor_their_figures(
    paper: Path,
) -> None:
    (paper / "region.yaml").write_text(REGION, encoding="utf-8")
    result = snakemake(paper, "--summary", "--configfile", "region.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines() if line.startswith("results/")]
    files = {row[0].removeprefix("results/region/") for row in rows}
    assert {"driver/assembled.nc", "report/summary.html"} <= files
    gridded = {name.split("/")[1] for name in files if name.startswith("gridded/")}
    assert {"mcd12c1.nc", "modis_lai"} <= gridded
    assert not gridded & {"canopy_height.nc", "xu_biomass", "lcspp", "cms_flux_nbe", "towers.csv"}
    # Figures and comparisons that could but say that nothing is observed.
    fits = re.findall(r"figures/develop/PFT\+CLIM/fit/(\w+)\.png", " ".join(files))
    assert set(fits) == {"lai", "et", "soc", "fire", "ewt"}
    left_out = {"find_common_cells", "tabulate_sites", "compare_sites", "compare_biomass"}
    assert not left_out & {row[2] for row in rows}


def test_parts_that_a_study_lacks_are_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "region.yaml").write_text(REGION, encoding="utf-8")
    _, absent = parsed(tmp_path, "--configfile", "region.yaml")
    assert absent["projected traits (Fig. S2)"] == "projection.models is empty"
    assert absent["sensitivity experiments (Text S4, S5)"] == "experiments is empty"
    (carbon,) = (why for part, why in absent.items() if part.startswith("net biosphere exchange"))
    assert carbon == "the driver has no inversion (nbe, nbe_cams)"
    towers = "no term of the loss is observed at flux towers"
    assert absent["sites of flux towers (Fig. S33, Table S4)"] == towers
    assert not any("explained variance" in part for part in absent)


def test_the_demo_has_every_rule_but_those_of_other_drivers(
    paper: Path, rules: dict[str, dict[str, Any]]
) -> None:
    configuration = str(REPOSITORY / "config/demo.yaml")
    result = snakemake(paper, "--configfile", configuration, "--rulegraph", "mermaid-js")
    assert result.returncode == 0
    drawn = set(re.findall(r"\[(\w+?)(?:_\d+)?\]", result.stdout))
    assert set(rules) - drawn == {"import_published_driver", "apply_ensemble"}


def test_snakemake_finds_nothing_to_improve(paper: Path) -> None:
    result = snakemake(paper, "--lint")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training={epoch: 5}", ["--config: training.epoch", "did you mean epochs?"]),
        ("setups=[PFT+CLIMB]", ["setups.0", "did you mean PFT+CLIM?", "PFT+CLIMB"]),
        ("analysis={reference_setup: LATLON}", ["analysis.reference_setup", "LATLON"]),
        ("projection={years: [2099, 2081]}", ["projection.years", "2099, 2081"]),
        ("projection={models: {M: first}}", ["projection.models.M", "a member such as r1i1p1f1"]),
    ],
)
def test_a_wrong_configuration_is_told_before_anything_is_planned(
    paper: Path, setting: str, words: list[str]
) -> None:
    result = snakemake(paper, "--dry-run", "--config", setting)
    assert result.returncode != 0
    for word in words:
        assert word in result.stdout + result.stderr


def test_the_published_driver_is_imported(tmp_path: Path) -> None:
    files = [
        *("differland_global_driver_v6.nc", "era_valid_v6.nc", "run_simulation_idx_v6.nc"),
        *("assimilate_bulk_variable_v6.nc", "co2_mm_gl_01_23.csv"),
    ]
    folder = tmp_path / "zenodo"
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    arguments = (
        "--dry-run",
        "--config",
        "driver={source: published, path: zenodo}",
        "--",
        "driver",
    )
    expected = {"import_published_driver", "prepare_driver", "draw_patches", "driver"}
    assert set(jobs(snakemake(tmp_path, "--quiet", "rules", *arguments))) == expected
    (folder / files[0]).unlink()
    result = snakemake(tmp_path, *arguments)
    assert result.returncode != 0
    expected = (
        f"driver.path: expected {files[0]} in the folder of the published driver, "
        f"found no such file: zenodo/{files[0]}, which is {folder / files[0]}"
    )
    assert expected in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("settings", "target", "expected"),
    [
        (
            ["driver={source: file, path: data/driver.nc}"],
            "driver",
            "driver.path: expected a driver file, found no such file: data/driver.nc, which is ",
        ),
        (
            ["driver={source: file, path: .}", "apply={new: data/new.nc}"],
            "results/paper/applied/new/driver.nc",
            "apply.new: expected a driver file, found no such file: data/new.nc, which is ",
        ),
        (
            ["projection={folder: models, models: {M: r1i1p1f1}}"],
            "results/paper/projection/M.nc",
            "projection.folder: expected the folder of CMIP6's files, found no such folder: models",
        ),
        (
            ["raw={products: {mcd64cmq: {regions: {file: gfed.nc, variable: region}}}}"],
            "results/paper/gridded/burned_area_calibration.csv",
            "raw.products.mcd64cmq.regions.file: expected a map of regions, "
            "found no such file: gfed.nc",
        ),
    ],
)
def test_what_is_missing_is_told_with_its_key_as_given_and_as_resolved(
    tmp_path: Path, settings: list[str], target: str, expected: str
) -> None:
    result = snakemake(tmp_path, "--dry-run", "--config", *settings, "--", target)
    assert result.returncode != 0
    output = result.stdout + result.stderr
    # No file of the configuration says so.
    assert f"--config: {expected}" in output
    assert f"which is {tmp_path}/" in output


def test_a_driver_file_that_is_all_spin_up_is_refused_before_anything_runs(tmp_path: Path) -> None:
    planet, _ = make_planet(PlanetSettings(2, 1, 2001, 2, seed=0, noise=0.1))
    write_netcdf(planet, tmp_path / "planet.nc")
    settings = ("driver={source: file, path: planet.nc}",)
    result = snakemake(tmp_path, "--dry-run", "--config", *settings, "--", "driver")
    assert result.returncode != 0
    words = "planet.nc: time: expected more months than are spin-up"
    assert words in result.stdout + result.stderr


def test_what_is_near_a_target_that_no_rule_makes_is_told(tmp_path: Path) -> None:
    result = snakemake(tmp_path, "--dry-run", "--", "evalution")
    assert result.returncode != 0
    assert "No rule to produce evalution" in result.stdout
    assert result.stdout.splitlines()[-1] == "Did you mean evaluation?"


def test_a_driver_may_be_made_by_a_rule_of_another_workflow(tmp_path: Path) -> None:
    """Which has this one as a module."""
    (tmp_path / "Snakefile").write_text(
        f"""
rule sites:
    output: "sites.nc"
    shell: "touch {{output}}"

module differland:
    snakefile: {str(REPOSITORY / "Snakefile")!r}
    config: {{"driver": {{"source": "file", "path": "sites.nc"}}}}

use rule * from differland
"""
    )
    result = snakemake(
        *(tmp_path, "--snakefile", "Snakefile", "--dry-run", "--quiet", "rules", "--", "driver")
    )
    assert jobs(result)["sites"] == 1


def test_missing_raw_files_are_told_by_product(tmp_path: Path) -> None:
    folder = tmp_path / "data/raw"
    touch_raw_files(folder, range(2001, 2024))
    (folder / "gleam/E_2010_GLEAM_v4.2a_MO.nc").unlink()
    (folder / "noaa_co2/co2_mm_gl.csv").unlink()
    result = snakemake(tmp_path, "--dry-run")
    assert result.returncode != 0
    output = result.stdout + result.stderr
    assert "raw files are missing of 2 product(s)" in output
    for words in (
        "data/raw/gleam: product gleam: expected a file **/E_2010_GLEAM_v4*_MO.nc for 2010",
        "get it from Ghent University",
        "data/raw/noaa_co2: product noaa_co2: expected a file **/co2_mm_gl*.csv",
        "10.15138/9N0H-ZH07",
    ):
        assert words in output


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A tiny finished study, up to its evaluation, and what runs Snakemake in it.

    The repository is a copy, `repository` beside the study, so that it can be changed.
    """
    directory = tmp_path_factory.mktemp("study")
    repository = directory / "repository"
    for name in ("workflow", "scripts", "config", "envs", "resources", "profiles"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, repository / name, symlinks=True, ignore=ignored)
    shutil.copy(REPOSITORY / "Snakefile", repository)
    settings: dict[str, Any] = {
        "study": "tiny",
        "driver": {"source": "file", "path": "planet.nc"},
        "setups": ["CLIM"],
        "patches": {"minimum_cells": 1, "slots": None, "test_fraction": 0.25},
        "ensemble": {"seeds": 2, "select": 2},
        "training": {"epochs": 2, "checkpoint_interval": 1},
        "evaluation": {"spin_up_months": 12},
        "analysis": {"groups": [], "reference_setup": "CLIM"},
    }
    planet, _ = make_planet(PlanetSettings(8, 3, 2001, 3, seed=0, noise=0.1))
    write_netcdf(planet.drop_vars("sif"), directory / "planet.nc")
    (directory / "tiny.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = ("--configfile", "tiny.yaml", "--cores", "2", *arguments)
        return snakemake(directory, *words, repository=repository)

    result = run("--", "evaluation")
    assert result.returncode == 0, result.stdout + result.stderr
    (directory / "terminal.txt").write_text(result.stderr, encoding="utf-8")
    return directory, run


@pytest.mark.slow
def test_a_run_tells_what_it_does_and_how_long_it_takes(study: tuple[Path, Run]) -> None:
    lines = (study[0] / "terminal.txt").read_text(encoding="utf-8").splitlines()
    assert any(re.fullmatch(r"Job \d+: Training 1 member\(s\): final/CLIM/02", x) for x in lines)
    done = lines.index(next(line for line in lines if re.match(r"4 of \d+ steps", line)))
    assert re.fullmatch(r"A(bout|) [\w. ]+ left(, a guess)?", lines[done + 1])
    assert lines[-4:-2] == ["Finished jobid: 0 (Rule: evaluation)", "14 of 14 steps (100%) done"]
    # No list of files is so long that it hides these.
    assert max(map(len, lines)) < 200


@pytest.mark.slow
def test_a_run_tells_which_terms_of_the_loss_are_off(study: tuple[Path, Run]) -> None:
    lines = (study[0] / "terminal.txt").read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if "loss.sif is off: " in line]
    assert [line.partition("loss.sif is off: ")[::2] for line in told] == [
        (
            "Configuration: ",
            "planet.nc has no variable sif (observation: null says that this is meant)",
        ),
        ("", f"{study[0]}/results/tiny/driver/driver.nc has no variable sif"),
    ]


@pytest.mark.slow
def test_status_tells_where_the_study_stands(study: tuple[Path, Run]) -> None:
    result = study[1]("--", "status")
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "Study tiny in results/tiny:"
    assert lines[1:3] == ["members, develop, CLIM: 2 of 2", "members, final, CLIM: 2 of 2"]
    assert "evaluations: 2 of 2" in lines
    assert "No job failed." in lines
    assert re.search(r"^[\d.]+ core hours left in \d+ jobs", result.stdout, re.MULTILINE)
    # What it writes is no part of the study.
    (study[0] / "results/tiny/logs/status.log").unlink()


@pytest.mark.slow
def test_a_finished_study_has_nothing_to_do(study: tuple[Path, Run]) -> None:
    _, run = study
    assert jobs(run("--dry-run", "--", "evaluation")) == {}


@pytest.mark.slow
def test_a_deleted_member_is_made_again_with_what_depends_on_it(study: tuple[Path, Run]) -> None:
    directory, run = study
    member = directory / "results/tiny/members/develop/CLIM/02/member.json"
    member.unlink()
    expected = {
        "train": 1,
        "select_ensemble": 1,
        "evaluate_ensemble": 1,
        "tabulate_metrics": 1,
        "evaluation": 1,
    }
    assert jobs(run("--dry-run", "--", "evaluation")) == expected
    assert run("--", "evaluation").returncode == 0
    assert jobs(run("--dry-run", "--", "evaluation")) == {}
    assert member.exists()


@pytest.mark.slow
def test_a_deleted_intermediate_is_made_again_only_for_what_needs_it(
    study: tuple[Path, Run],
) -> None:
    directory, run = study
    packed = directory / "results/tiny/driver/training.h5"
    held = packed.rename(packed.with_suffix(".held"))
    assert jobs(run("--dry-run", "--", "evaluation")) == {}
    more = jobs(run("--dry-run", "--config", "ensemble={seeds: 3}", "--", "ensembles"))
    assert more["pack_training_data"] == 1
    held.rename(packed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("workflow/differland/metrics.py", "\n\n\n", "\n\n# A remark.\n\n", set()),
        ("workflow/differland/records.py", "sorted(", "list(", {"select_ensemble"}),
        ("workflow/differland/metrics.py", "np.sqrt(", "abs(", {"evaluate_ensemble"}),
        ("scripts/tabulate_metrics.py", "concat(rows)", "concat(rows[::-1])", {"tabulate_metrics"}),
        ("workflow/differland/driver.py", "raise InputError(", "raise InputError(*[], ", None),
    ],
)
def test_a_change_of_code_runs_again_what_comes_from_it(
    study: tuple[Path, Run], file: str, old: str, new: str, expected: set[str] | None
) -> None:
    directory, run = study
    path = directory / "repository" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        counts = jobs(run("--dry-run", "--", "evaluation"))
    finally:
        path.write_text(text, encoding="utf-8")
    if expected is None:
        # The driver, and all that is made of it.
        assert counts["prepare_driver"] == 1 and counts["train"] == 4
    else:
        later = ["select_ensemble", "evaluate_ensemble", "tabulate_metrics", "evaluation"]
        first = min((later.index(name) for name in expected), default=len(later))
        maps = {"map_parameters"} if "select_ensemble" in expected else set()
        assert set(counts) == {*later[first:], *maps}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("training={members_per_job: 2, checkpoint_interval: 2}", {}),
        ("training={epochs: 3}", {"train": 4}),
        ("ensemble={seeds: 3}", {"train": 2}),
        ("setups=[CLIM, CONTROL]", {"train": 4}),
        ("experiments={quick: {training: {epochs: 1}}}", {"train": 2}),
        ("evaluation={spin_up_months: 24}", {}),
        ("patches={test_fraction: 0.4}", {"draw_patches": 1, "train": 4}),
    ],
)
def test_a_changed_setting_trains_what_it_concerns(
    study: tuple[Path, Run], setting: str, expected: dict[str, int]
) -> None:
    _, run = study
    counts = jobs(run("--dry-run", "--config", setting, "--", "evaluation"))
    upstream = {"prepare_driver", "draw_patches", "train", "train_1"}
    assert {name: count for name, count in counts.items() if name in upstream} == expected


@pytest.mark.slow
def test_an_experiment_has_members_and_where_needed_data_of_its_own(
    study: tuple[Path, Run],
) -> None:
    _, run = study
    blind = "experiments={blind: {loss: {lai: {observation: null}}}}"
    expected = {
        "pack_training_data": 1,
        "train": 2,
        "select_ensemble": 1,
        "evaluate_ensemble": 1,
        "tabulate_metrics": 1,
        "evaluation": 1,
    }
    assert jobs(run("--dry-run", "--config", blind, "--", "evaluation")) == expected
    # Observations that are not in the driver are told before anything is trained.
    lacking = "experiments={other: {loss: {nbe: {observation: nbe_cams}}}}"
    file = "results/tiny/members/develop/CLIM@other/01/weights.safetensors"
    result = run("--dry-run", "--config", lacking, "--", file)
    assert result.returncode != 0
    told = result.stdout + result.stderr
    assert "experiments.other.loss.nbe.observation: expected" in told
    assert "found nbe_cams (planet.nc has no variable nbe_cams)" in told


@pytest.mark.slow
def test_every_job_left_a_log_and_a_benchmark(study: tuple[Path, Run]) -> None:
    directory, _ = study
    results = directory / "results/tiny"
    logs = {path.relative_to(results / "logs").with_suffix("") for path in results.rglob("*.log")}
    benchmarks = {
        path.relative_to(results / "benchmarks").with_suffix("") for path in results.rglob("*.tsv")
    }
    assert logs == benchmarks
    assert Path("train/final/CLIM/02") in logs
    assert "epoch 2/2" in (results / "logs/train/final/CLIM/02.log").read_text(encoding="utf-8")


TOPICS = [
    *("quality", "towers", "skill", "partition", "traits", "attribution", "parameters"),
    *("projection", "carbon_cycle", "experiments", "recovery"),
]


def edges(diagram: str) -> set[tuple[str, str]]:
    """Arrows of a mermaid diagram; rules of a topic are one, and so are jobs of one kind."""
    names = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]$", diagram, re.MULTILINE))
    shown = {name: name for name in names.values()}
    for topic in TOPICS:
        text = (REPOSITORY / "workflow/rules" / f"{topic}.smk").read_text(encoding="utf-8")
        shown.update((name, topic) for name in re.findall(r"^rule (\w+):", text, re.MULTILINE))
    shown.update((name, kind[1]) for name in shown if (kind := re.fullmatch(r"(\w+)_\d+", name)))
    arrows = re.findall(r"^\s*(\w+) --> (\w+)$", diagram, re.MULTILINE)
    named = (tuple(names.get(end, end) for end in arrow) for arrow in arrows)
    found = {(shown.get(tail, tail), shown.get(head, head)) for tail, head in named}
    return {(tail, head) for tail, head in found if tail != head}


def without_shortcuts(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those arrows that no longer way goes along."""

    def reached(start: str) -> set[str]:
        heads = {head for tail, head in arrows if tail == start}
        return heads.union(*map(reached, heads))

    return {
        (tail, head)
        for tail, head in arrows
        if not any(head in reached(other) for first, other in arrows if first == tail)
    }


def test_the_diagram_of_the_readme_is_the_workflow(paper: Path) -> None:
    """Refused when a rule changed. What all others end in is left out there."""
    configuration = str(REPOSITORY / "config/demo.yaml")
    drawn = snakemake(paper, "--configfile", configuration, "--rulegraph", "mermaid-js").stdout
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    diagram = re.search(r"```mermaid\n(.*?)```", readme, re.DOTALL)
    assert diagram is not None
    ends = {"all", "analysis", "reading", "present_tables", "summarise_study", "tabulate_datasets"}
    expected = without_shortcuts({arrow for arrow in edges(drawn) if arrow[1] not in ends})
    assert edges(diagram[1]) == expected
