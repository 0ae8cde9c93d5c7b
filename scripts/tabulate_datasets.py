from typing import Any

import pandas as pd

from differland.datasets.catalogue import tabulate
from differland.files import write_text
from differland_script import run


def tabulate_datasets(products: dict[str, Any], years: dict[str, list[int]], table: str) -> None:
    """List the raw datasets that the study uses, as a paper's section on data needs them."""
    used = [name for name, settings in products.items() if settings is not None]
    rows = tabulate(used, years, products)
    write_text(pd.DataFrame(rows).to_csv(index=False), table)


if __name__ == "__main__":
    run(tabulate_datasets, snakemake)
