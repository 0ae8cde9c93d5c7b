"""Populations of cells that are analysed on their own."""

from differland.tables import PREDICTOR_GROUPS

ALL_CELLS = "all"

PLANT_TYPES = tuple(name for name in PREDICTOR_GROUPS["PFT"] if name != "nonvegetated")
"""Plant types that are populations of their own."""
