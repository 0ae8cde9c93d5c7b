"""A driver file at a glance: what is wrong with it is told while a run is planned."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from differland.errors import InputError
from differland.files import write_netcdf
from differland.glance import check_sites, glance_at, read_sites, site_names

SITES = ["DE-Hai", "", "AT-Neu"]


def write(path: Path, sites: np.ndarray) -> Path:
    write_netcdf(xr.Dataset({"lai": (("cell", "time"), np.zeros((3, 24)))}), path)
    with netCDF4.Dataset(path, "a") as file:
        if sites.dtype.kind == "S":
            file.createDimension("letters", sites.itemsize)
            file.createVariable("site", "S1", ("cell", "letters"))[:] = netCDF4.stringtochar(sites)
        else:
            file.createVariable("site", str, ("cell",))[:] = sites.astype(object)
    return path


@pytest.mark.parametrize("kind", ["S8", "U8"])
def test_sites_are_read_as_text_or_letters(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "driver.nc", np.array(SITES, kind))
    assert read_sites(path) == ["DE-Hai", "AT-Neu"]
    found = glance_at(path)
    assert found is not None and found.months == 24 and {"lai", "site"} <= found.variables


def test_a_driver_without_sites_has_none(tmp_path: Path) -> None:
    write_netcdf(xr.Dataset({"lai": (("time",), np.zeros(12))}), tmp_path / "driver.nc")
    assert read_sites(tmp_path / "driver.nc") == []


def test_what_cannot_be_read_is_left_to_the_job_that_checks_it(tmp_path: Path) -> None:
    (tmp_path / "driver.nc").write_text("no driver", encoding="utf-8")
    assert glance_at(tmp_path / "driver.nc") is None
    assert glance_at(tmp_path / "elsewhere.nc") is None


def test_sites_of_one_cell_are_told_apart_where_they_have_pages_each() -> None:
    cells = np.array(["DE-Hai DE-Leh", " "])
    assert list(site_names(cells)) == ["DE-Hai DE-Leh"]
    assert list(site_names(cells, split=True)) == ["DE-Hai", "DE-Leh"]


def test_unknown_sites_of_figures_are_refused() -> None:
    known = ["DE-Hai", "AT-Neu"]
    for chosen in ("all", 3, [], ["AT-Neu"]):
        check_sites(known, "sites.nc", chosen)
    for chosen in (["DE-Hai"], ["DE-Leh"], ["DE-Hai DE-Leh"]):
        check_sites(["DE-Hai DE-Leh"], "sites.nc", chosen)
    expected = (
        r"sites\.nc: site: expected site DE-Hei, which figures\.sites names, "
        r"found 2 sites, none of that name; did you mean DE-Hai\?"
    )
    with pytest.raises(InputError, match=expected):
        check_sites(known, "sites.nc", ["AT-Neu", "DE-Hei"])
    with pytest.raises(InputError, match="found no sites"):
        check_sites([], "sites.nc", ["AT-Neu"])
