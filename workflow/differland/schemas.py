"""YAML files that have a schema, and the schemas themselves."""

from pathlib import Path
from typing import Any

import yaml

# PyYAML's own parser is ten times slower, half a second of each dry run; libyaml is not everywhere.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top is a mapping."""
    content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    return content
