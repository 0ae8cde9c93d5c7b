from differland.analysis.agreement import component_agreement
from differland.files import read_netcdf, write_text
from differland.logs import record
from differland.tables import TRAITS


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
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        assess_component_agreement(
            components=snakemake.input.components,
            parameters=snakemake.input.parameters,
            setups=snakemake.params.setups,
            table=snakemake.output.table,
        )
