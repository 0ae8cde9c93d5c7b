import pandas as pd

from differland.files import write_text
from differland.logs import record


def tabulate_metrics(tables: list[str], drivers: list[str], metrics: str) -> None:
    """Collect the metrics of all setups, stages and applied drivers in one table."""
    rows = [
        pd.read_csv(table).assign(driver=driver)
        for table, driver in zip(tables, drivers, strict=True)
    ]
    write_text(pd.concat(rows).to_csv(index=False), metrics)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        tabulate_metrics(
            tables=snakemake.input.metrics,
            drivers=snakemake.params.drivers,
            metrics=snakemake.output.metrics,
        )
