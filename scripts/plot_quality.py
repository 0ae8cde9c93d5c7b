import pandas as pd

from differland.figures import quality, style
from differland.logs import record
from differland.quality import open_driver


def plot_quality(
    driver: str, table: str, variables: list[str], pngs: list[str], pdfs: list[str]
) -> None:
    """Draw the variables of the driver in space and time, with what was remarked about each."""
    remarks = pd.read_csv(table, keep_default_na=False).set_index("variable")["remark"]
    with open_driver(driver) as opened:
        for variable, png, pdf in zip(variables, pngs, pdfs, strict=True):
            figure = quality.draw_variable(opened, variable, remarks[variable])
            style.save(figure, png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_quality(
            driver=snakemake.input.driver,
            table=snakemake.input.table,
            variables=snakemake.params.variables,
            pngs=snakemake.output.png,
            pdfs=snakemake.output.pdf,
        )
