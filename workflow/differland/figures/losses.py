"""Training of the members of an ensemble: loss against epoch (Methods, "Training")."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from differland.errors import InputError
from differland.figures import style

STAGES = ("develop", "final")
SHOWN_SPLITS = ("train", "development")
SELECTED, REJECTED = style.MODELLED, style.GREY


@style.styled
def draw_losses(
    losses: Mapping[str, Mapping[str, pd.DataFrame]],
    ensembles: Mapping[str, Mapping[str, Any]],
) -> Figure:
    """Loss of every member of one setup, on its training and its development patches, per stage.

    Members that form the ensemble are drawn in colour over those that do not.

    Parameters
    ----------
    losses
        Content of ``losses.csv`` by stage and seed.
    ensembles
        Content of the ensemble's JSON file by stage: which seeds are ``selected``.

    Raises
    ------
    InputError
        No stage has a member.
    """
    stages = [stage for stage in STAGES if losses.get(stage)]
    if not stages:
        raise InputError("losses.csv", "stage", "a stage with at least one member", "none")
    figure = Figure(figsize=(style.WIDTH, 0.5 + 2.4 * len(stages)))
    panels = figure.subplots(len(stages), 2, sharex="row", sharey="row", squeeze=False)
    for row, stage in enumerate(stages):
        selected = {str(seed) for seed in ensembles.get(stage, {}).get("selected", ())}
        for column, split in enumerate(SHOWN_SPLITS):
            axes = panels[row, column]
            title = f"Stage {stage}: {style.SPLITS[split]} patches"
            style.panel_title(axes, 2 * row + column, title)
            _draw_members(axes, losses[stage], selected, split)
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        panels[row, 0].set_ylabel(f"Loss, mean per patch ({style.DIMENSIONLESS})")
    handles = [
        panels[0, 0].plot([], [], color=colour, label=text)[0]
        for colour, text in ((SELECTED, "selected member"), (REJECTED, "other member"))
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _draw_members(
    axes: Axes, members: Mapping[str, pd.DataFrame], selected: set[str], split: str
) -> None:
    drawn = False
    positive = True
    for seed in sorted(members, key=lambda seed: (seed in selected, seed)):
        rows = members[seed]
        # The table of a member that failed in its first epoch is empty, and its columns of no type.
        rows = rows[(rows["split"] == split) & np.isfinite(rows["total"].astype(float))]
        if rows.empty:
            continue
        drawn = True
        positive &= bool((rows["total"] > 0).all())
        axes.plot(
            rows["epoch"],
            rows["total"],
            color=SELECTED if seed in selected else REJECTED,
            linewidth=1.0 if seed in selected else 0.7,
            alpha=0.75,
            marker="o" if len(rows) == 1 else None,
            markersize=3,
        )
    if not drawn:
        style.say(axes, f"no {style.SPLITS[split]} patches\nin this stage")
    elif positive:
        axes.set_yscale("log")
