"""From one grid of latitude and longitude to another.

Grids are rectilinear, and known by the edges of their cells (:mod:`~differland.regridding.grid`);
that of the study, its windows and its patches are in :mod:`~differland.regridding.study_grid`.
Two operators lead from grid to grid. That of :mod:`~differland.regridding.conservative` is the
usual one: first-order conservative, and exact on the sphere. That of
:mod:`~differland.regridding.esmf` is ESMF's, through xESMF: conservative as a check of the other,
and bilinear.

Two modules use them. :mod:`~differland.regridding.raw_fields` puts the fields that readers of raw
products give (:mod:`differland.datasets.fields`) on the study's grid.
:mod:`~differland.regridding.cf_files` puts whole CF files on any grid, block by block
(``python -m differland regrid``).

What tells latitude and longitude in NetCDF files is in :mod:`~differland.regridding.axes`, for
whole CF files and for readers. cf_xarray would not do for it. It accepts whatever has any of the
marks of an axis, where here a standard name counts more than units, and a common name least; it
knows neither capitals in units nor the axis attribute of latitudes; and it needs files to be opened
by xarray, which takes longer to import than most files take to regrid.
"""
