"""What all sections of the configuration have in common, and kinds of values that many have."""

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WrapValidator

LARGEST = 1.7976931348623157e308
Each = TypeVar("Each")


class Section(BaseModel):
    """Keys of the configuration that belong together.

    Values have the types that are declared, as YAML gives them: no text stands for a number, no
    5.0 for a whole number. Unknown keys are refused.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True
    )

    def plain(self) -> dict[str, Any]:
        """Keys with values as YAML gives them; those that were not given are left out."""
        return {name: _plain(value) for name, value in self if name in self.model_fields_set}


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def each_once(values: list[Each]) -> list[Each]:
    """Refuse a list that has a value twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} twice")
    return values


def _as_written(value: Any, check: Any) -> Any:
    check(value)
    return value


Number = Annotated[float, WrapValidator(_as_written)]
"""A number that stays the whole number it is written as: records of members tell 30 from 30.0."""

Unique = Annotated[list[Each], AfterValidator(each_once)]
Name = Annotated[str, Field(min_length=1)]
SafeName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="a name of letters, digits, point, hyphen, underscore (no sign first)",
    ),
]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Year = Annotated[int, Field(ge=1850, le=2300, description="a calendar year")]
Months = Annotated[int, Field(ge=1, le=2400)]
Cells = Annotated[int, Field(ge=1, le=10_000_000)]
Seed = Annotated[int, Field(ge=0, le=4294967295)]
Factor = Annotated[Number, Field(gt=0, le=1000)]
AnyNumber = Annotated[Number, Field(ge=-LARGEST, le=LARGEST)]
Folder = Name
