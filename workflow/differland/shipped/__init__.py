"""Folders of the files that the library reads: links in the repository, files when installed."""

from pathlib import Path

_HERE = Path(__file__).parent

RESOURCES = (_HERE / "resources").resolve()
SCHEMAS = (_HERE / "schemas").resolve()
CONFIG = (_HERE / "config").resolve()
TEMPLATES = (_HERE / "templates").resolve()
