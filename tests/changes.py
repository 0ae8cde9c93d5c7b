"""Settings with other values of some keys, checked as any."""

from typing import Any, TypeVar

from differland.settings.kinds import Section

Settings = TypeVar("Settings", bound=Section)


def change(settings: Settings, **changes: Any) -> Settings:
    """Change keys, of sections too: ``change(study, training={"epochs": 3}, truth="x.nc")``."""
    values = dict(settings)
    for name, new in changes.items():
        old = values[name]
        values[name] = {**dict(old), **new} if isinstance(old, Section) else new
    return type(settings).model_validate(values)
