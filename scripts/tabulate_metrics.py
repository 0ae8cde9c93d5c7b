import pandas as pd

from differland.files import write_text
from differland_script import run


def tabulate_metrics(metrics: list[str], drivers: list[str], table: str) -> None:
    """Collect the metrics of all setups, stages and applied drivers in one table."""
    rows = [
        pd.read_csv(file).assign(driver=driver)
        for file, driver in zip(metrics, drivers, strict=True)
    ]
    write_text(pd.concat(rows).to_csv(index=False), table)


if __name__ == "__main__":
    run(tabulate_metrics, snakemake)
