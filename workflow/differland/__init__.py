"""DifferLand: learn the ecological parameters of a land carbon model through the model itself."""

__version__ = "0.1.0"

# Raised whenever a trained member would come out differently; members of another version are trained anew.
MODEL_VERSION = 1

MODEL_VERSION = 1
"""Raised whenever the same configuration and data would train to other weights than before."""
