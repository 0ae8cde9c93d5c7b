from pathlib import Path
from typing import Any

from differland.consistency.compare import compare
from differland.consistency.study import read_study
from differland.files import write_text
from differland_script import run


def compare_products(
    static: dict[str, str], yearly: dict[str, dict[int, str]], domain: dict[str, Any], table: str
) -> None:
    """Compare gridded products with what is known of them, and with each other."""
    study = read_study(
        {name: Path(file) for name, file in static.items()},
        {
            name: {year: Path(file) for year, file in files.items()}
            for name, files in yearly.items()
        },
        domain,
    )
    write_text(compare(study).to_csv(index=False), table)


if __name__ == "__main__":
    run(compare_products, snakemake)
