"""``read_yaml``, under the name by which scripts that use this library import it."""

from differland.yaml_files import read_yaml

__all__ = ["read_yaml"]
