"""Settings with other values of some keys, checked as any."""

from typing import Any, TypeVar

from differland.settings.kinds import Section

Settings = TypeVar("Settings", bound=Section)


def change(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Change keys of sections: ``change(settings, training={"epochs": 3})``."""
    values = {name: {**dict(section), **sections.get(name, {})} for name, section in settings}
    return type(settings).model_validate(values)
