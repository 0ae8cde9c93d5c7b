import pandas as pd

from differland.consistency.verdicts import remarks
from differland.files import read_netcdf, write_text
from differland.quality import check_quality as describe
from differland.quality import open_driver
from differland_script import run


def check_quality(
    driver: str, patches: str, consistency: list[str], variables: list[str], table: str
) -> None:
    """Describe each variable of the driver, and remark on what looks wrong."""
    with open_driver(driver) as opened:
        rows = describe(opened, read_netcdf(patches), variables)
    for file in consistency:
        told = remarks(pd.read_csv(file, keep_default_na=False, dtype=str))
        rows["remark"] = [
            "; ".join(filter(None, [remark, told.get(name, "")]))
            for name, remark in zip(rows["variable"], rows["remark"], strict=True)
        ]
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(check_quality, snakemake)
