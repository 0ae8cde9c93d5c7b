from pathlib import Path

import pandas as pd

from differland.figures import losses, style
from differland.files import read_json
from differland.logs import record


def plot_losses(tables: list[Path], ensembles: list[Path], png: str, pdf: str) -> None:
    """Draw the loss curves of all members of a setup, both stages."""
    selections = {path.parent.name: read_json(path) for path in ensembles}
    curves: dict[str, dict[str, pd.DataFrame]] = {stage: {} for stage in selections}
    for path in tables:
        stage, _, seed, _ = path.parts[-4:]
        curves[stage][seed] = pd.read_csv(path)
    style.save(losses.draw_losses(curves, selections), png, pdf)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        plot_losses(
            tables=list(map(Path, snakemake.input.losses)),
            ensembles=list(map(Path, snakemake.input.ensembles)),
            png=snakemake.output.png,
            pdf=snakemake.output.pdf,
        )
