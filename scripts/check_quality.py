from differland.files import read_netcdf, write_text
from differland.quality import check_quality as describe
from differland.quality import open_driver
from differland_script import run


def check_quality(driver: str, patches: str, variables: list[str], table: str) -> None:
    """Describe each variable of the driver, and remark on what looks wrong."""
    with open_driver(driver) as opened:
        rows = describe(opened, read_netcdf(patches), variables)
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(check_quality, snakemake)
