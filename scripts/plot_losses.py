from pathlib import Path

import pandas as pd

from differland.figures import style
from differland.figures.losses import draw_losses
from differland.files import read_json
from differland_script import run


def plot_losses(losses: list[str], ensembles: list[str], png: str, pdf: str) -> None:
    """Draw the loss curves of all members of a setup, both stages."""
    selections = {path.parent.name: read_json(path) for path in map(Path, ensembles)}
    curves: dict[str, dict[str, pd.DataFrame]] = {stage: {} for stage in selections}
    for path in map(Path, losses):
        stage, _, seed, _ = path.parts[-4:]
        curves[stage][seed] = pd.read_csv(path)
    style.save(draw_losses(curves, selections), png, pdf)


if __name__ == "__main__":
    run(plot_losses, snakemake)
