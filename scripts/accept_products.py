import pandas as pd

from differland.consistency.verdicts import StopAt, refuse
from differland.files import write_text
from differland_script import run


def accept_products(table: str, stop_at: StopAt, accepted: str) -> None:
    """Refuse products that contradict each other; else tell from which verdict they would be."""
    refuse(pd.read_csv(table, keep_default_na=False, dtype=str), table, stop_at)
    write_text(f"{stop_at}\n", accepted)


if __name__ == "__main__":
    run(accept_products, snakemake)
