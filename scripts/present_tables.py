import pandas as pd

from differland import reporting
from differland.files import write_text
from differland_script import run


def present_tables(study: str, tables: list[str], names: list[str], page: str) -> None:
    """Write a page of all tables, which can be sorted and searched."""
    found = dict(zip(names, map(pd.read_csv, tables), strict=True))
    write_text(reporting.tables_page(study, found), page)


if __name__ == "__main__":
    run(present_tables, snakemake, study=snakemake.config["study"])
