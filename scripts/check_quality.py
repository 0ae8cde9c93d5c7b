import pandas as pd

from differland.consistency.verdicts import remarks
from differland.files import read_netcdf, write_text
from differland.logs import record
from differland.quality import check_quality as describe
from differland.quality import open_driver


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
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        check_quality(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            consistency=snakemake.input.consistency,
            variables=snakemake.params.variables,
            table=snakemake.output.table,
        )
