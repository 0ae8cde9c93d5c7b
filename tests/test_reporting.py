"""Pages of the report: what they say is what the study is."""

import gzip
import html
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from changes import change
from docutils.core import publish_parts

from differland import reporting
from differland.reporting import FinishedStudy
from differland.settings.study import Study
from differland.shipped import TEMPLATES
from differland.tables import TRAITS

CONFIG = Path(__file__).resolve().parents[1] / "config" / "config.yaml"
REFERENCE = "PFT+CLIM+SOIL+AGE"


def make_settings() -> Study:
    settings = Study.from_configuration(yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
    settings = change(settings, driver={"source": "file", "path": "cells.nc"})
    # No study can have such a name, but a page must be sound without knowing that.
    return settings.model_copy(update={"study": "<small> & odd"})


def make_record(stage: str, seed: int) -> dict[str, Any]:
    return {
        **{
            "stage": stage,
            "seed": f"{seed:02d}",
            "epochs": 199,
            "restarts": [120] if seed == 1 else [],
        },
        **{"device": "cpu" if seed < 3 else "gpu H100", "engine": "kernel"},
        "versions": {"differland": "0.1.0", "model": 1, "jax": "0.10.2", "python": "3.11"},
    }


@pytest.fixture
def study(tmp_path: Path) -> FinishedStudy:
    records = []
    for stage in ("develop", "final"):
        for seed in (1, 2, 3):
            records.append(tmp_path / f"{stage}{seed}.json")
            records[-1].write_text(json.dumps(make_record(stage, seed)), encoding="utf-8")
    settings = make_settings()
    names = list(settings.loss.observations.values())
    names += [name for _, group in settings.predictors for name in group]
    cells = np.zeros(12)
    driver = xr.Dataset(
        {name: ("cell", cells) for name in names if name not in (None, "nbe", "canopy_height")},
        coords={"time": pd.date_range("2001-01-15", periods=24, freq="MS")},
    )
    metrics = pd.DataFrame(
        [
            {
                **{"stage": "develop", "setup": setup, "member": member, "split": "test"},
                **{"target": "lai", "domain": "space-time", "driver": "driver", "R2": value},
            }
            for setup, values in (("PFT", (0.5, 0.6, 0.7)), (REFERENCE, (0.8, 0.9, 0.95)))
            for member, value in zip(("01", "02", "ensemble"), values, strict=True)
        ]
    )
    loadings = np.linspace(-1, 1, 26).reshape(13, 2)
    components = xr.Dataset(
        {
            "loadings": (("trait", "component"), loadings),
            "explained_variance_ratio": ("component", [0.532, 0.221]),
        },
        coords={"trait": list(TRAITS), "component": [1, 2]},
    )
    attribution = pd.DataFrame(
        {
            "population": "all",
            "output": ["component_1"] * 4 + ["component_2"] * 4,
            "predictor": ["elevation", "savanna", "clay", "sand"] * 2,
            "share": [0.1, 0.4, 0.3, 0.2, 0.7, 0.1, 0.15, 0.05],
        }
    )
    identifiability = pd.DataFrame(
        {"parameter": ["q", "p", "r"], "identifiable": [True, False, True], "threshold": 0.6}
    )
    differences = pd.DataFrame(
        {
            **{"setup_a": ["PFT"], "setup_b": [REFERENCE], "target": "lai", "skill": "R2"},
            **{"prediction": "ensemble", "difference": 0.25, "lower": 0.2, "upper": 0.31},
        }
    )
    return FinishedStudy(
        settings=settings,
        compared=["PFT", REFERENCE],
        absent=[("projected traits (Fig. S2)", "projection.models is empty")],
        records=records,
        driver=driver,
        patches=xr.Dataset({"test": ("patch", [0, 1, 0, 0])}),
        metrics=metrics,
        components=components,
        tables={
            "attribution": attribution,
            "identifiability": identifiability,
            "skill_differences": differences,
        },
    )


def test_facts_are_those_of_the_records_and_the_driver(study):
    facts = reporting.facts_of_study(study)
    assert facts["Data"] == "driver file cells.nc"
    assert facts["Cells"] == "12 in 4 patches, 1 of which are held out as test set"
    assert facts["Months"].startswith("2001-02 to 2003-01; the first 24")
    assert facts["Members"].startswith("3 in stage develop, 3 in stage final; of 20")
    assert facts["Training"].startswith("199 epochs, 2 restart(s)")
    assert facts["Devices"] == (
        "cpu, engine kernel (4 members); gpu H100, engine kernel (2 members)"
    )


def test_failed_members_are_told_with_the_reason(study):
    record = make_record("final", 2) | {"setup": "PFT", "epochs": 3, "failed": "not finite"}
    study.records[4].write_text(json.dumps(record), encoding="utf-8")
    facts = reporting.facts_of_study(study)
    assert facts["Members"].endswith("; 1 failed")
    assert facts["Failed members"] == "final/PFT/02 (not finite)"
    assert facts["Training"].startswith("199 epochs")


def test_what_is_missing_is_told_with_the_reason(study):
    missing = dict(reporting.missing_parts(study))
    assert missing["NBE"] == "the driver has no variable nbe"
    # It has sif, but no metric is of it.
    assert missing["SIF"] == "no value of sif counts (in a patch, after the spin-up)"
    assert missing["predictor canopy_height"] == "the driver has no such variable"
    assert missing["projected traits (Fig. S2)"] == "projection.models is empty"
    # Nothing is told of what is there, nor of raw products, since none is read.
    assert "LAI" not in missing and not any("raw.products" in why for why in missing.values())


@pytest.mark.parametrize(
    ("product", "variables"),
    [
        ("canopy_height", "canopy_height"),
        ("xu_biomass", "biomass"),
        ("lcspp", "sif"),
        ("cms_flux_nbe", "nbe"),
        ("flux_towers", "gpp_site, reco_site, et_site"),
    ],
)
def test_a_product_that_is_not_used_is_missing_with_its_variables(study, product, variables):
    settings = change(
        study.settings.model_copy(update={"study": "small"}), driver={"source": "raw"}
    )
    found = reporting.missing_parts(replace(study, settings=settings))
    assert f"product {product}: {variables}" not in dict(found)
    products = {**dict(settings.raw.products), product: None}
    without = change(settings, raw={"products": products})
    missing = dict(reporting.missing_parts(replace(study, settings=without)))
    assert missing[f"product {product}: {variables}"] == f"raw.products.{product} is null"


def test_numbers_of_the_summary(study):
    numbers = {title: table for title, _, table in reporting.main_numbers(study)}
    skill = numbers["Skill on held-out patches"]
    assert skill["PFT"].item() == "0.55 ± 0.07" and skill[REFERENCE].item() == "0.85 ± 0.07"
    difference = numbers["Differences between setups"]
    assert difference[f"{REFERENCE} minus PFT"].item() == "+0.250 (+0.200 to +0.310)"
    axes = numbers["Axes of trait variation"]
    assert axes["Variance (%)"].tolist() == [53.2, 22.1]
    predictors = axes["Strongest predictors (share of importance)"]
    assert predictors[0] == "savanna (40%), clay (30%), sand (20%)"
    assert numbers["Identifiability"]["Identifiable"].item() == "2 of 3"
    assert "Dominant groups of predictors" not in numbers


def test_parameters_that_no_term_of_the_loss_informs_are_not_counted(study):
    names = ["q10", "inherent_water_use_efficiency", "vod_wood_coefficient", "sif_alpha", "boese_r"]
    found = [True, True, True, True, False]
    table = pd.DataFrame({"parameter": names, "identifiable": found, "threshold": 0.6})
    observed = pd.concat([study.metrics, study.metrics.assign(target="sif")])
    study = replace(study, metrics=observed, tables=study.tables | {"identifiability": table})
    numbers = {title: table for title, _, table in reporting.main_numbers(study)}
    row = numbers["Identifiability"].iloc[0]
    assert row["Identifiable"] == "2 of 3" and row["Parameters"] == "q10, sif alpha"
    assert row.iloc[2] == "inherent water use efficiency, vod wood coefficient"


def test_agreement_in_carbon_exchange_names_region_units_and_pairs(study):
    scales = {"month": ("PgC month-1", 36, 0.98765), "annual anomaly": ("PgC year-1", 3, np.nan)}
    agreement = pd.DataFrame(
        [
            {"region": region, "source": source, "kind": "inversion", "reference": "CMS-Flux"}
            | {"scale": scale, "units": units, "n": pairs, "rmse": rmse, "correlation": r}
            for region, rmse in (("All cells", 0.25), ("Europe", 0.5))
            for source in ("DifferLand", "CAMS")
            for scale, (units, pairs, r) in scales.items()
        ]
    )
    study = replace(study, tables=study.tables | {"carbon_cycle": agreement})
    _, remark, table = list(reporting.main_numbers(study))[-1]
    assert remark.startswith("Sum over all cells against CMS-Flux")
    assert table["source"].tolist() == ["DifferLand", "CAMS"]
    assert table["RMSE, annual anomaly (PgC year-1)"].tolist() == [0.25, 0.25]
    assert table["correlation, month (pairs)"].tolist() == ["0.99 (36)"] * 2
    assert table["correlation, annual anomaly (pairs)"].tolist() == ["", ""]


def test_tables_of_the_summary_have_no_empty_column():
    table = pd.DataFrame({"R2": ["SIF"], "PFT": [0.5], "none": [np.nan]})
    table.columns.name = "setup"
    heads = re.findall(r"<th[^>]*>(.*?)</th>", reporting._plain_table(table))
    assert heads == ["R2", "PFT"]


def test_summary_is_one_file_whose_texts_are_escaped(study, tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    page = reporting.summary_page(study, {"A <caption>": picture})
    assert "Study &lt;small&gt; &amp; odd" in page and "A &lt;caption&gt;" in page
    assert "data:image/png;base64,iVBORw==" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def unpacked(page: str) -> str:
    """What a browser makes of a page that unpacks itself."""
    (packed,) = re.findall(r'atob\("([^"]+)"\)', page)
    return gzip.decompress(b64decode(packed)).decode()


def test_page_of_tables_holds_their_numbers():
    table = pd.DataFrame({"name": ["b", "a"], "value": [1 / 7, np.nan]})
    page = unpacked(reporting.tables_page("small", {"one.csv": table, "two.csv": table}))
    assert "0.1429" in page and "0.14285" not in page
    assert 'href="#t2">two.csv' in page
    assert "the first" not in page
    assert not re.search(r"<(script|link)[^>]+(src|href)=\"http", page)


def test_names_in_tables_are_text_on_pages(study, tmp_path):
    name = "</script><script>alert(1)</script>"
    table = pd.DataFrame({name: [1.0], "site": [name], "other": ["$x$ {{ 7 * 7 }}\n--> <b>"]})
    shown = html.escape(name, quote=False)
    page = unpacked(reporting.tables_page(name, {f"{name}.csv": table}))
    summary = reporting._plain_table(table)
    for text in (page, summary):
        assert name not in text and shown in text
        assert "<b>" not in text and "{{ 7 * 7 }}" in text


def test_page_of_tables_stays_small_enough_for_browsers():
    rng = np.random.default_rng(0)
    long = pd.DataFrame(rng.uniform(size=(80_000, 3)), columns=list("abc"))
    short = long.head(100)
    page = reporting.tables_page("large", {"long.csv": long, "short.csv": short})
    assert 500_000 < len(page) < 1_500_000
    found = re.findall(r"the first ([\d,]+) of 80,000 rows", unpacked(page))
    assert len(found) == 1 and int(found[0].replace(",", "")) > 5_000
    assert "of 100 rows" not in page


@pytest.mark.parametrize("categories", [["01 Summary", "02 Fit and skill"], ["02 Fit and skill"]])
def test_the_first_page_links_only_to_what_the_report_has(
    categories: list[str], configuration: dict
) -> None:
    text = (TEMPLATES / "workflow.rst").read_text(encoding="utf-8")
    template = jinja2.Template(text, trim_blocks=True, lstrip_blocks=True)
    text = template.render(
        snakemake=SimpleNamespace(config=configuration),
        categories=[SimpleNamespace(name=name) for name in categories],
    )
    # As Snakemake adds them: one target for each category.
    links = "".join(f"\n.. _{name}: javascript:app.showCategory()" for name in categories)
    page = publish_parts(f"{text}\n{links}\n", writer="html")["html_body"]
    assert "system-message" not in page
    assert ("javascript:app.showCategory" in page) == ("01 Summary" in categories)
    assert "Categories 02 to 09 follow" in page
