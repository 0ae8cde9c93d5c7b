"""From one grid of latitude and longitude to another.

:mod:`~differland.regridding.grid` has grids and the study's own, :mod:`conservative
<differland.regridding.conservative>` the exact operator between rectilinear ones, :mod:`esmf
<differland.regridding.esmf>` that of ESMF, with which it is checked; :mod:`cf
<differland.regridding.cf>` puts whole CF files on another grid, and :mod:`study_grid
<differland.regridding.study_grid>` fields of raw products on the study's.
"""
