"""Carbon exchange of regions as every member of an ensemble simulates it."""

import logging

import numpy as np
import xarray as xr
from tqdm import tqdm

from differland.analysis.carbon_cycle import add_up, region_areas
from differland.ensemble import Ensemble
from differland.evaluation import simulate_chunks

logger = logging.getLogger(__name__)


def member_totals(ensemble: Ensemble, driver: xr.Dataset, cells: xr.Dataset) -> xr.DataArray:
    """Simulate with all members, and add up the carbon exchange of regions.

    The spread of a total cannot be had from that of its cells, which do not err independently.

    Parameters
    ----------
    ensemble, driver
        Members, and a checked driver.
    cells
        Cells that all sources have, from :func:`differland.analysis.carbon_cycle.common_cells`.

    Returns
    -------
    Totals ``exchange(member, time, region)``: net biosphere exchange, Pg C month-1, positive into
    the atmosphere.
    """
    areas = region_areas(cells)
    months = driver.indexes["time"].to_period("M")  # type: ignore[attr-defined]
    total = np.zeros((len(ensemble.members), months.size, areas.sizes["region"]))
    with tqdm(total=driver.sizes["cell"], unit="cell", desc=ensemble.setup, disable=None) as bar:
        for here, series in simulate_chunks(ensemble, driver, None):
            total += add_up(series["nbe"].swapaxes(1, 2), areas.to_numpy()[here], months)
            bar.update(here.size)
    logger.info("%d cells of %d members added up", driver.sizes["cell"], len(ensemble.members))
    return xr.DataArray(
        total,
        dims=("member", "time", "region"),
        coords={
            "member": ensemble.seeds,
            "time": driver["time"],
            "region": areas["region"].to_numpy(),
        },
        name="exchange",
        attrs={"units": "PgC month-1", "long_name": "net biosphere exchange of the region"},
    )
