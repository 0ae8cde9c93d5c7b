import pandas as pd

from differland.figures import quality, style
from differland.quality import open_driver
from differland_script import run


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
    run(plot_quality, snakemake)
