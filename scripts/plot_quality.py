import pandas as pd

from differland.figures import quality, style
from differland.logs import record
from differland.quality import open_driver


def plot_quality(driver: str, table: str, variable: str, png: str, pdf: str) -> None:
    """Draw one variable of the driver in space and time, with what was remarked about it."""
    remarks = pd.read_csv(table, keep_default_na=False).set_index("variable")["remark"]
    with open_driver(driver) as opened:
        figure = quality.draw_variable(opened, variable, remarks[variable])
    style.save(figure, png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0]):
        plot_quality(
            driver=snakemake.input.driver,
            table=snakemake.input.table,
            variable=snakemake.wildcards.variable,
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
