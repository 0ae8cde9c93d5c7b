"""``Grid``, under the name by which scripts that use the readers of this library import it."""

from differland.regridding.grid import Grid

__all__ = ["Grid"]
