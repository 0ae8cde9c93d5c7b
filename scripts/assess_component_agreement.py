from differland.analysis.agreement import component_agreement
from differland.files import read_netcdf, write_text
from differland.tables import TRAITS
from differland_script import run


def assess_component_agreement(
    components: list[str], parameters: list[str], setups: list[str], table: str
) -> None:
    """Compare the trait axes of setups, and those of members with their ensemble's."""
    rows = component_agreement(
        dict(zip(setups, map(read_netcdf, components), strict=True)),
        (read_netcdf(path, names=TRAITS) for path in parameters),
    )
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(assess_component_agreement, snakemake)
