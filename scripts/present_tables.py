import pandas as pd

from differland import reporting
from differland.files import write_text
from differland.logs import record


def present_tables(study: str, tables: list[str], names: list[str], page: str) -> None:
    """Write a page of all tables, which can be sorted and searched."""
    found = dict(zip(names, map(pd.read_csv, tables), strict=True))
    write_text(reporting.tables_page(study, found), page)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        present_tables(
            study=snakemake.config["study"],
            tables=snakemake.input[: len(snakemake.params.names)],
            names=snakemake.params.names,
            page=snakemake.output.page,
        )
