from differland.files import read_netcdf, write_text
from differland.logs import record
from differland.quality import check_quality as describe
from differland.quality import open_driver


def check_quality(driver: str, patches: str, variables: list[str], table: str) -> None:
    """Describe each variable of the driver, and remark on what looks wrong."""
    with open_driver(driver) as opened:
        rows = describe(opened, read_netcdf(patches), variables)
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        check_quality(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            variables=snakemake.params.variables,
            table=snakemake.output.table,
        )
