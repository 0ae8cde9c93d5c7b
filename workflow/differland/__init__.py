"""DifferLand: learn the ecological parameters of a land carbon model through the model itself."""

__version__ = "0.1.0"
