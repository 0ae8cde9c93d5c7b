from differland.analysis.comparison import compare_setups as compare
from differland.analysis.comparison import normalise_errors
from differland.files import read_netcdf, write_text
from differland_script import run


def compare_setups(
    sums: list[str],
    setups: list[str],
    bootstrap: dict[str, int],
    differences: str,
    errors: str,
) -> None:
    """Compare the skill of setups on test patches, and tell how sure the differences are."""
    of_setups = dict(zip(setups, map(read_netcdf, sums), strict=True))
    write_text(compare(of_setups, **bootstrap).to_csv(index=False), differences)
    write_text(normalise_errors(of_setups, setups[0], **bootstrap).to_csv(index=False), errors)


if __name__ == "__main__":
    run(compare_setups, snakemake)
