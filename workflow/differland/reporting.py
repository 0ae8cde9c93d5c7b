"""The pages of the report that are for reading: a summary of the study, and all its tables.

Both are single HTML files that need no network.
"""

import datetime
import gzip
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import itables
import jinja2
import pandas as pd
import xarray as xr
from itables.javascript import generate_init_offline_itables_html
from itables.utils import find_package_file

import differland
from differland.analysis.carbon_cycle import GLOBAL
from differland.analysis.identifiability import uninformed
from differland.analysis.skill import mean_and_spread
from differland.datasets.catalogue import read_catalogue
from differland.figures import style
from differland.files import read_json
from differland.settings.study import Study
from differland.setups import groups
from differland.shipped import TEMPLATES
from differland.terms import OBSERVED_TERMS

LONG_TABLE = 15
"""Rows of a table that are shown at once."""

LARGEST_PAGE = 1_500_000
"""Bytes of a page: in the report it is part of an address, of which browsers allow 2 MB."""

DIGITS = 4
"""Significant digits of the numbers in tables; the CSV files have all."""


@dataclass(frozen=True)
class FinishedStudy:
    """A finished study.

    Attributes
    ----------
    settings
        Settings of the study.
    compared
        Setups of the study among the three that are compared with one another.
    absent
        Parts of the paper that the study's workflow leaves out, with the reason.
    records
        Paths of ``member.json`` of all members.
    driver, patches
        Driver of the study, of which times and names are needed, and its patches.
    metrics
        Content of ``tables/metrics.csv``.
    components
        Principal components of the reference setup.
    tables
        Further tables by name, those that the study has.
    """

    settings: Study
    compared: Sequence[str]
    absent: Sequence[tuple[str, str]]
    records: Sequence[Path]
    driver: xr.Dataset
    patches: xr.Dataset
    metrics: pd.DataFrame
    components: xr.Dataset
    tables: Mapping[str, pd.DataFrame]


def summary_page(study: FinishedStudy, figures: Mapping[str, Path | str]) -> str:
    """Write the first page for a reader: jobs, data, main numbers, and missing parts.

    Parameters
    ----------
    study
        FinishedStudy to summarise.
    figures
        PNG files by caption.
    """
    return _render(
        "summary.html.jinja",
        study=study.settings.study,
        date=datetime.date.today().isoformat(),
        version=differland.__version__,
        facts=facts_of_study(study),
        numbers=[
            (title, remark, _plain_table(table)) for title, remark, table in main_numbers(study)
        ],
        figures=[
            (caption, b64encode(Path(path).read_bytes()).decode())
            for caption, path in figures.items()
        ],
        missing=missing_parts(study),
    )


def tables_page(study: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Write a page of all tables, which can be sorted, searched and copied.

    The page unpacks itself. Where it would be too large even so, the longest tables have their
    leading rows only, and say so.

    Parameters
    ----------
    study
        Name of the study.
    tables
        Tables by path in the results.
    """
    title = f"Tables of study {study}"
    most = max((len(table) for table in tables.values()), default=0)
    while True:
        page = _packed(title, _tables(title, study, tables, most))
        if len(page) <= LARGEST_PAGE or most <= LONG_TABLE:
            return page
        # In proportion, since each try takes as long as all that it shows.
        most = int(most * min(0.5, 0.9 * LARGEST_PAGE / len(page)))


def _packed(title: str, page: str) -> str:
    """A page that unpacks itself."""
    packed = b64encode(gzip.compress(page.encode(), mtime=0)).decode()
    return _render("packed.html.jinja", title=title, packed=packed)


def _tables(title: str, study: str, tables: Mapping[str, pd.DataFrame], most: int) -> str:
    bundle = generate_init_offline_itables_html(find_package_file("html/dt_bundle.js"))
    shown = [
        (
            name,
            f"the first {most:,} of {len(table):,} rows" if len(table) > most else "",
            itables.to_html_datatable(
                _rounded(table.head(most)),
                connected=False,
                table_id=f"table{number}",
                classes="display compact nowrap",
                style="width:100%",
                showIndex=False,
                maxBytes=0,
                paging=len(table) > LONG_TABLE,
                pageLength=LONG_TABLE,
                lengthMenu=[LONG_TABLE, 50, 200],
                scrollX=True,
                # Else only the arrow beside the name sorts.
                text_in_header_can_be_selected=False,
                buttons=["copyHtml5", "csvHtml5", "colvis"],
                # Rows stay in the order of the file until somebody sorts them.
                order=[],
            ),
        )
        for number, (name, table) in enumerate(tables.items())
    ]
    return _render("tables.html.jinja", title=title, study=study, bundle=bundle, tables=shown)


def _render(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers rounded for display."""
    columns = table.select_dtypes(float).columns
    return table.assign(
        **{
            name: table[name].map(lambda value: float(f"{value:.{DIGITS}g}"), na_action="ignore")
            for name in columns
        }
    )


def _plain_table(table: pd.DataFrame) -> str:
    # Of a pivoted table, what its columns are is a name that would take a column of its own.
    told = _rounded(table).dropna(axis="columns", how="all").rename_axis(columns=None)
    text: str = told.to_html(index=False, border=0, na_rep="", justify="left")
    return text


# -- what the summary says --------------------------------------------------------------------


def facts_of_study(study: FinishedStudy) -> dict[str, str]:
    """Facts on the study's jobs and data, by name."""
    settings, driver, patches = study.settings, study.driver, study.patches
    records = [read_json(path) for path in study.records]
    months = driver["time"].dt.strftime("%Y-%m").to_numpy()
    tests = int((patches["test"] == 1).sum())
    stages = Counter(record["stage"] for record in records)
    trained = ", ".join(f"{count} in stage {stage}" for stage, count in stages.items())
    failed = [record for record in records if record.get("failed")]
    restarts = sum(len(record["restarts"]) for record in records)
    finished = [record for record in records if not record.get("failed")]
    facts = {
        "Data": {
            "raw": f"providers' files in {settings.raw.folder}",
            "file": f"driver file {settings.driver.path}",
            "published": f"published driver in {settings.driver.path}",
        }[settings.driver.source],
        "Cells": f"{driver.sizes['cell']:,} in {patches.sizes['patch']} patches, "
        f"{tests} of which are held out as test set",
        "Months": f"{months[0]} to {months[-1]}; the first "
        f"{settings.evaluation.spin_up_months} are spin-up and count in no skill",
        "Setups": f"{len(settings.setups)}: {', '.join(settings.setups)}",
        "Members": f"{trained}; of {settings.ensemble.seeds} with the same setup, the "
        f"{settings.ensemble.select} with the lowest training loss form the ensemble"
        + (f"; {len(failed)} failed" if failed else ""),
        "Training": f"{_span(record['epochs'] for record in finished)} epochs, "
        f"{restarts} restart(s) after a loss that was not finite",
        "Devices": _listed(f"{record['device']}, engine {record['engine']}" for record in records),
        "Versions": _listed(
            "differland {differland}, model {model}, jax {jax}, Python {python}".format(
                **record["versions"]
            )
            for record in records
        ),
    }
    if failed:
        facts["Failed members"] = "; ".join(
            f"{record['stage']}/{record['setup']}/{record['seed']} ({record['failed']})"
            for record in failed
        )
    if settings.experiments:
        facts["Experiments"] = ", ".join(
            f"{name} ({experiment.description})" if experiment.description else name
            for name, experiment in settings.experiments.items()
        )
    return facts


def _listed(values: Iterable[str]) -> str:
    """Different values with the number of each, where there are several."""
    counts = Counter(values)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{value} ({count} members)" for value, count in counts.most_common())


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def missing_parts(study: FinishedStudy) -> list[tuple[str, str]]:
    """Parts of the paper that this study does not show, and why."""
    settings, variables = study.settings, set(study.driver.variables)
    found = list(_unobserved_terms(study))
    if settings.driver.source == "raw":
        for product, choices in settings.raw.products:
            if choices is None:
                gives = ", ".join(read_catalogue()[product].gives)
                found.append((f"product {product}: {gives}", f"raw.products.{product} is null"))
    predictors = dict(settings.predictors)
    for group in groups(settings.analysis.reference_setup):
        for name in predictors.get(group, []):
            if name not in variables:
                found.append((f"predictor {name}", "the driver has no such variable"))
    return [*found, *study.absent]


def _unobserved_terms(study: FinishedStudy) -> Iterator[tuple[str, str]]:
    """Terms of the loss that are off, and why."""
    metrics = study.metrics
    compared = set(metrics.loc[metrics["driver"] == "driver", "target"])
    for name, observation in study.settings.loss.observations.items():
        term = OBSERVED_TERMS[name]
        if observation is None and not term.is_optional:
            yield style.symbol(name), f"loss.{name}.observation is null"
        elif observation is None or term.repeats:
            continue
        elif observation not in study.driver.variables:
            yield style.symbol(name), f"the driver has no variable {observation}"
        elif name not in compared:
            reason = f"no value of {observation} counts (in a patch, after the spin-up)"
            yield style.symbol(name), reason


def main_numbers(study: FinishedStudy) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Title, remark and content of the summary's tables."""
    reference, tables = study.settings.analysis.reference_setup, study.tables
    yield (
        "Skill on held-out patches",
        "R2 = 1 - SSE/SST over all pairs in space and time, stage develop; mean ± standard "
        "deviation over members.",
        skill_numbers(study.metrics, study.compared),
    )
    if "skill_differences" in tables:
        yield (
            "Differences between setups",
            "In R2 of the mean prediction, with intervals of 95% from a paired bootstrap over "
            "patches.",
            difference_numbers(tables["skill_differences"], reference),
        )
    if "partition_summary" in tables:
        yield (
            "Dominant groups of predictors",
            "Cells in which a group explains more of the variance in time than any other.",
            partition_numbers(tables["partition_summary"]),
        )
    yield (
        "Axes of trait variation",
        f"Principal components of 13 traits of the ensemble mean of {reference}, and their "
        "attribution to predictors by SHAP.",
        axis_numbers(study.components, tables["attribution"]),
    )
    yield _identifiable_parameters(study)
    if "carbon_cycle" in tables:
        yield (
            "Net biosphere exchange",
            "Sum over {region} against {reference}: root mean square error, and Pearson "
            "correlation with the number of pairs.".format(
                **_first_agreement(tables["carbon_cycle"])
            ),
            carbon_numbers(tables["carbon_cycle"]),
        )


def _identifiable_parameters(study: FinishedStudy) -> tuple[str, str, pd.DataFrame]:
    """Title, remark and content of the table of parameters on which the members agree."""
    settings, table = study.settings, study.tables["identifiability"]
    weights = settings.loss.active(set(study.metrics["target"]))
    blind = uninformed([term for term, weight in weights.items() if weight > 0])
    without = table[table["parameter"].isin(blind)]
    table = table.drop(without.index)
    found = table.loc[table["identifiable"], "parameter"]
    content = {
        "Identifiable": f"{len(found)} of {len(table)}",
        "Parameters": _names(found),
        "Not counted, since no term of the loss informs them": _names(without["parameter"]),
    }
    return (
        "Identifiability",
        "Parameters whose median coefficient of variation among members of "
        f"{settings.analysis.reference_setup} is below {table['threshold'].iloc[0]:g}.",
        pd.DataFrame({name: [text] for name, text in content.items() if text}),
    )


def _names(parameters: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in parameters)


def skill_numbers(metrics: pd.DataFrame, setups: Sequence[str]) -> pd.DataFrame:
    """R2 on test patches in space and time, mean ± standard deviation over members, by setup."""
    rows = metrics[
        (metrics["stage"] == "develop")
        & (metrics["split"] == "test")
        & (metrics["domain"] == "space-time")
        & (metrics["driver"] == "driver")
        & (metrics["member"].astype(str) != "ensemble")
        & metrics["setup"].isin(setups)
    ]
    found = rows.groupby(["target", "setup"], sort=False)["R2"].agg(
        lambda values: mean_and_spread(values, "R2")
    )
    table = found.unstack("setup").reindex(columns=list(setups), index=rows["target"].unique())
    table.insert(0, "R2", [style.symbol(target) for target in table.index])
    return table.fillna("")


def difference_numbers(differences: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Differences in R2 of the mean prediction between the reference and others, with intervals."""
    rows = differences[
        (differences["prediction"] == "ensemble")
        & (differences["skill"] == "R2")
        & (differences["setup_b"] == reference)
    ]
    text = [
        f"{row.difference:+.3f} ({row.lower:+.3f} to {row.upper:+.3f})" for row in rows.itertuples()
    ]
    table = rows.assign(text=text).pivot(index="target", columns="setup_a", values="text")
    table = table.reindex(rows["target"].unique())
    table.columns = pd.Index([f"{reference} minus {name}" for name in table.columns])
    table.insert(0, "R2", [style.symbol(target) for target in table.index])
    return table.fillna("")


def partition_numbers(partition: pd.DataFrame) -> pd.DataFrame:
    """Percentage of the cells in which each group explains most, by target."""
    table = (100 * partition.pivot(index="target", columns="group", values="dominated")).round(0)
    table = table.reindex(
        index=partition["target"].unique(), columns=partition["group"].unique()
    ).astype(int)
    table.insert(0, "Cells (%)", [style.symbol(target) for target in table.index])
    return table


def axis_numbers(components: xr.Dataset, attribution: pd.DataFrame) -> pd.DataFrame:
    """Variance that each axis explains, its strongest traits, and its strongest predictors."""
    rows = []
    cells = attribution[attribution["population"] == "all"]
    for number in components["component"].to_numpy():
        axis = components.sel(component=number)
        loadings = axis["loadings"].to_series()
        strongest = loadings.reindex(loadings.abs().sort_values(ascending=False).index)[:4]
        predictors = cells[cells["output"] == f"component_{number}"].nlargest(3, "share")
        rows.append(
            {
                "Axis": f"PC{number}",
                "Variance (%)": round(100 * float(axis["explained_variance_ratio"]), 1),
                "Strongest loadings": ", ".join(
                    f"{str(name).replace('_', ' ')} {value:+.2f}"
                    for name, value in strongest.items()
                ),
                "Strongest predictors (share of importance)": ", ".join(
                    f"{name.replace('_', ' ')} ({100 * share:.0f}%)"
                    for name, share in zip(
                        predictors["predictor"], predictors["share"], strict=True
                    )
                ),
            }
        )
    return pd.DataFrame(rows)


def _first_agreement(agreement: pd.DataFrame) -> dict[str, str]:
    """First region of a table, that of all cells, as a sentence has it, and first reference."""
    region, reference = agreement[["region", "reference"]].iloc[0]
    return {
        "region": "the globe" if region == GLOBAL else region.lower(),
        "reference": reference,
    }


def carbon_numbers(agreement: pd.DataFrame) -> pd.DataFrame:
    """Agreement of every source with the first reference, all regions together."""
    first = agreement[["region", "reference"]].iloc[0]
    rows = agreement[(agreement[["region", "reference"]] == first).all(axis=1)]
    table = rows.drop_duplicates("source")[["source", "kind"]].set_index("source")
    for scale, part in rows.set_index("source").groupby("scale", sort=False):
        table[f"RMSE, {scale} ({part['units'].iloc[0]})"] = part["rmse"]
    for scale, part in rows.set_index("source").groupby("scale", sort=False):
        table[f"correlation, {scale} (pairs)"] = [
            f"{correlation:.2f} ({pairs:.0f})" if pd.notna(correlation) else ""
            for correlation, pairs in part.loc[table.index, ["correlation", "n"]].to_numpy()
        ]
    return table.reset_index()
