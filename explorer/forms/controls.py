"""What a settings form shows for a record of `core.config`: one control a field, all of it read from the field.

Label and help come from name and description, limits from the constraints, the unit from `json_schema_extra`, choices
from `Literal`, the default from the record at hand. So nothing about a setting is written twice. No streamlit here.
"""

import math
import types
from dataclasses import dataclass
from typing import Literal, Union, get_args, get_origin

import annotated_types
import yaml
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

Kind = Literal["switch", "choice", "whole", "number", "span", "list", "entry"]
"""`entry` is a number that has a default and may be none all the same: typed as text, as an empty number input stands
for the default."""

NONE = "none"
"""How an absent value is called."""


@dataclass(frozen=True)
class Control:
    """One field of a record, ready to be drawn."""

    name: str
    label: str
    help: str
    kind: Kind
    default: JsonValue
    optional: bool
    """Whether the field may be None."""
    choices: tuple[str | None, ...] = ()
    low: float | None = None
    """Lowest value; of the same type as the value, and so are `high` and `step`."""
    high: float | None = None
    step: float = 1
    unit: str = ""


def controls(record: BaseModel) -> tuple[Control, ...]:
    """The controls of a record's own fields, in order; records below it and fixed values are left out.

    Raises `TypeError` for a field of a type that no control knows.

    >>> from core.config import Training
    >>> epochs = controls(Training(epochs=12))[0]
    >>> epochs.label, epochs.default, epochs.low, epochs.high
    ('Epochs', 12, 1, 10000)
    """
    values = record.model_dump(mode="json")
    return tuple(
        _control(name, field, values[name])
        for name, field in type(record).model_fields.items()
        if not _is_record(field.annotation) and not _is_fixed(field.annotation)
    )


def fixed_values(record: BaseModel) -> dict[str, JsonValue]:
    """The values of a record's own fields that can be nothing else, such as the name that tells it from others.

    >>> from core.config import SmallBackbone
    >>> fixed_values(SmallBackbone())
    {'name': 'small'}
    """
    fields = type(record).model_fields
    return {name: getattr(record, name) for name, field in fields.items() if _is_fixed(field.annotation)}


def records(record: BaseModel) -> dict[str, BaseModel]:
    """The records right below a record, by field name.

    >>> from core.config import preset
    >>> [*records(preset())][:5]
    ['data', 'backbone', 'training', 'mtsl', 'retrain']
    """
    return {name: value for name in type(record).model_fields if isinstance(value := getattr(record, name), BaseModel)}


def about(record: BaseModel) -> str:
    """What a record is, in one line.

    >>> from core.config import SmallBackbone
    >>> about(SmallBackbone())
    'A narrow convolutional network for small images.'
    """
    return (type(record).__doc__ or "").strip().partition("\n")[0]


def control(record: type[BaseModel], name: str, default: JsonValue) -> Control:
    """The control of one field. Raises `TypeError` as `controls` does.

    >>> from core.config import Config
    >>> control(Config, "method", "one").choices[:3]
    ('mtsl', 'one', 'separate')
    """
    return _control(name, record.model_fields[name], default)


def variants(record: type[BaseModel], name: str) -> dict[str, type[BaseModel]]:
    """The records that a field may hold, by the value that tells them apart.

    >>> from core.config import Config
    >>> [*variants(Config, "backbone")]
    ['small', 'paper', 'mlp']
    """
    field = record.model_fields[name]
    members: list[type[BaseModel]] = [member for member in get_args(field.annotation) if _is_record(member)]
    return {get_args(member.model_fields[str(field.discriminator)].annotation)[0]: member for member in members}


def parse_text(control: Control, text: str) -> JsonValue:
    """The number or the comma-separated values in a text; the text itself if they are none, for validation to name it.

    >>> from core.config import Mtsl, Training
    >>> milestones, epochs = control(Training, "milestones", [0.5]), control(Mtsl, "structural_epochs", None)
    >>> parse_text(milestones, "0.5, 0.75"), parse_text(epochs, " "), parse_text(epochs, "3, ]")
    ([0.5, 0.75], None, '3, ]')
    """
    if not text.strip():
        return None if control.optional else []
    try:
        found: JsonValue = yaml.safe_load(f"[{text}]" if control.kind == "list" else text)
    except yaml.YAMLError:
        return text
    return found


def as_text(value: JsonValue) -> str:
    """What stands in the text field of a number or a list, every digit of it; `parse_text` reads it back.

    >>> as_text([1000, 2000]), as_text(None)
    ('1000, 2000', '')
    """
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def words(name: str) -> str:
    """The name of a field for people.

    >>> words("learning_rate")
    'Learning rate'
    """
    return name.replace("_", " ").capitalize()


def _control(name: str, field: FieldInfo, default: JsonValue) -> Control:
    inner, optional = _without_none(field.annotation)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    kind = _kind(name, inner)
    number = int if inner is int or int in get_args(inner) else float
    low, high = (None if limit is None else number(limit) for limit in _limits(field, extra, whole=number is int))
    if kind == "span" and (low is None or high is None):
        kind = "list"
    if kind in ("whole", "number") and optional and default is not None:
        kind = "entry"
    unit = str(extra.get("unit", ""))
    label = field.title or words(name)
    literals: tuple[str | None, ...] = get_args(inner) if kind == "choice" else ()
    return Control(
        name=name,
        label=f"{label} ({unit})" if unit and kind != "span" else label,
        help=_help(field, low, high, unit, default),
        kind=kind,
        default=default,
        optional=optional,
        choices=((None,) if optional and literals else ()) + literals,
        low=low,
        high=high,
        step=number(_step(kind, default, low, high)),
        unit=unit,
    )


def _kind(name: str, inner: object) -> Kind:
    if inner is bool:
        return "switch"
    if inner is int:
        return "whole"
    if inner is float:
        return "number"
    if get_origin(inner) is Literal:
        return "choice"
    if get_origin(inner) is tuple:
        return "list" if get_args(inner)[-1] is Ellipsis else "span"
    raise TypeError(f"`{name}`: expected a switch, a number, a choice, a range or a list. Found {inner}.")


def _is_record(annotation: object) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return all(_is_record(member) for member in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _is_fixed(annotation: object) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _without_none(annotation: object) -> tuple[object, bool]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    members = [member for member in get_args(annotation) if member is not type(None)]
    return (members[0] if len(members) == 1 else annotation), len(members) < len(get_args(annotation))


def _limits(field: FieldInfo, extra: dict[str, JsonValue], whole: bool) -> tuple[float | None, float | None]:
    """Lowest and highest value; an open limit of a real number is left to validation, as nothing is next to it."""
    low, high = extra.get("minimum"), extra.get("maximum")
    for constraint in field.metadata:
        match constraint:
            case annotated_types.Ge(ge=int() | float() as limit):
                low = limit
            case annotated_types.Le(le=int() | float() as limit):
                high = limit
            case annotated_types.Gt(gt=int() | float() as limit):
                low = limit + 1 if whole else limit
            case annotated_types.Lt(lt=int() | float() as limit):
                high = limit - 1 if whole else limit
    return (low if isinstance(low, int | float) else None), (high if isinstance(high, int | float) else None)


def _help(field: FieldInfo, low: float | None, high: float | None, unit: str, default: JsonValue) -> str:
    described = (field.description or "").strip()
    parts = [described[:1].upper() + described[1:]] if described else []
    above = any(isinstance(constraint, annotated_types.Gt) and low == constraint.gt for constraint in field.metadata)
    space = "" if unit in ("", "°") else " "
    if low is not None and high is not None:
        parts.append(f"{'Above ' if above else ''}{_number(low)} to {_number(high)}{space}{unit}")
    elif low is not None:
        parts.append(f"{'Above' if above else 'At least'} {_number(low)}{space}{unit}")
    elif high is not None:
        parts.append(f"At most {_number(high)}{space}{unit}")
    return ". ".join([*parts, f"Preset: {shown(default)}."])


def shown(value: JsonValue) -> str:
    """A setting's value for people.

    >>> shown(None), shown([0.75, 0.875]), shown(True), shown(100000)
    ('none', '0.75, 0.875', 'on', '100,000')
    """
    match value:
        case None:
            return NONE
        case bool():
            return "on" if value else "off"
        case int() | float():
            return _number(value)
        case list():
            return ", ".join(shown(item) for item in value) or NONE
    return str(value)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _step(kind: Kind, default: JsonValue, low: float | None, high: float | None) -> float:
    """How far + and − go, or a slider's grain, chosen by size.

    Of a number: the size of its first digit, of its second one if it is whole. Of a span: one of 1 and 5 times a power
    of ten that cuts it into a hundred steps or some more.
    """
    if kind == "span" and low is not None and high is not None:
        raw = (high - low) / 100
        power = 10.0 ** math.floor(math.log10(raw))
        step = float(f"{5 * power if raw >= 5 * power else power:g}")
        return max(1, step) if isinstance(low, int) else step
    size = abs(default) if isinstance(default, int | float) and default else 0
    if kind == "whole":
        return max(1, 10 ** (math.floor(math.log10(size)) - 1)) if size else 1
    return 10.0 ** math.floor(math.log10(size)) if size else 0.01
