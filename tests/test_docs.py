"""The pages that define the model, its training and its metrics name all that there is."""

import re
from pathlib import Path

import pytest

from differland.metrics import SKILLS
from differland.tables import OUTPUTS, PARAMETERS, TRAITS

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("equations.md", "training.md", "metrics.md")
}
CITATION = re.compile(r'docs/(\w+\.md), "([^"]+)"')
REFERENCE = re.compile(r"\[(\w+\.md)\]\(\1\), \*([^*]+)\*")


def table_rows(page: str) -> list[list[str]]:
    """Cells of the rows of all tables of a page."""
    lines = [line for line in PAGES[page].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def section_titles(page: str) -> list[str]:
    """Titles of a page's sections without their numbers."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^##+ (?:\d+\. )?(.+)$", text, re.MULTILINE)


def test_equations_name_every_parameter_with_its_bounds_and_units():
    rows = {row[1]: row[3:] for row in table_rows("equations.md") if len(row) == 6}
    found = {name: rows.get(f"`{name}`") for name in PARAMETERS}
    assert {
        name: (float(low), float(high), units) for name, (low, high, units) in found.items()
    } == {name: (row.minimum, row.maximum, row.units) for name, row in PARAMETERS.items()}


@pytest.mark.parametrize(
    ("table", "column", "length"), [(OUTPUTS, 1, 5), (TRAITS, 0, 3)], ids=["outputs", "traits"]
)
def test_equations_name_every_output_and_trait_with_its_units(table, column, length):
    units = -2 if column else -1
    rows = {row[column]: row[units] for row in table_rows("equations.md") if len(row) == length}
    assert {name: rows.get(f"`{name}`") for name in table} == {
        name: row.units for name, row in table.items()
    }


def test_outputs_name_the_sections_that_define_them():
    rows = [row for row in table_rows("equations.md") if len(row) == 5]
    sections = {row[-1] for row in rows if row[1].strip("`") in OUTPUTS}
    assert sections <= set(section_titles("equations.md"))


def test_metrics_name_every_column_and_domain_of_the_metrics():
    files = (ROOT / "docs/files.md").read_text(encoding="utf-8")
    table = files.partition("## Columns of metrics.csv")[2].partition("\n## ")[0]
    columns = {
        name for line in re.findall(r"^\| (`.+?) \|", table, re.M) for name in line.split(", ")
    }
    assert {f"`{name}`" for name in SKILLS} < columns
    domains = {"`space-time`", "`space`", "`time`"}
    assert {name for name in columns | domains if name not in PAGES["metrics.md"]} == set()


def test_readme_links_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs").glob("*.md")]
    assert [name for name in pages if f"(docs/{name})" not in readme] == []


def anchors(page: Path) -> set[str]:
    """What links to sections of a page can name, as GitHub makes it from titles."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_links_between_pages_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("config/*.md")]
    broken = []
    for page in pages:
        for link in re.findall(r"\]\((?!http)([^)\s]+)\)", page.read_text(encoding="utf-8")):
            name, _, section = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists() or (section and section not in anchors(target)):
                broken.append((page.name, link))
    assert broken == []


def test_every_section_that_is_cited_exists():
    cited = {
        (page, title, file.name)
        for folder in ("workflow", "scripts", "docs", "config")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".py", ".smk", ".md", ".yaml"}
        for found in (CITATION, REFERENCE)
        for page, title in found.findall(re.sub(r"\s+#?\s*", " ", file.read_text(encoding="utf-8")))
    }
    within = {
        (page, title, page)
        for page, text in PAGES.items()
        for title in re.findall(r"section\s\*([^*]+)\*", " ".join(text.split()))
    }
    assert cited and within
    assert {key for key in cited | within if key[1] not in section_titles(key[0])} == set()
    # Such a page is not in the repository.
    texts = (file.read_text(encoding="utf-8") for file in (ROOT / "workflow").rglob("*.py"))
    assert not any("model description" in " ".join(text.split()) for text in texts)
