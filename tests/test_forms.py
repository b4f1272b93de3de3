"""Settings forms: every field of every config record becomes a widget with its limits, unit, help and default."""

from typing import Literal, get_args

import annotated_types
import pytest
from pydantic import BaseModel, Field
from streamlit.testing.v1 import AppTest

from core.config import (
    METHOD_SETTINGS,
    Config,
    MlpBackbone,
    Mmoe,
    Mtsl,
    PaperBackbone,
    Preset,
    SmallBackbone,
    Snr,
    Training,
    parse_config,
    preset,
)
from core.data.parameters import DigitsParameters, FlightsParameters, RoomsParameters, SceneParameters
from explorer.forms import Control, control, controls, records, variants
from explorer.forms.controls import as_text, parse_text, shown

RECORDS: tuple[BaseModel, ...] = (
    Training(),
    Mtsl(),
    SmallBackbone(),
    PaperBackbone(),
    MlpBackbone(),
    Snr(),
    Mmoe(),
    FlightsParameters(),
    RoomsParameters(),
    DigitsParameters(),
    SceneParameters(),
)
PRESETS = [(name, data) for name in get_args(Preset) for data in variants(Config, "data")]


def named(record: BaseModel) -> str:
    return type(record).__name__


class Odd(BaseModel):
    """Fields that no config has so far."""

    least: float = Field(2.0, ge=1, description="only a lower limit")
    most: int = Field(2, lt=9, description="only an upper limit")
    titled: int = Field(3, gt=0, title="A title")
    maybe: int | None = Field(4, ge=1, description="may be none")
    free: tuple[float, float] = (1.0, 2.0)


class Unknown(BaseModel):
    """A field that is no setting."""

    mapping: dict[str, int] = Field(default_factory=dict)


# ---- controls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_every_field_has_a_control_with_its_own_default(record: BaseModel) -> None:
    found = {control.name: control for control in controls(record)}
    values = record.model_dump(mode="json")
    left_out = {name for name in values if name not in found}
    assert left_out == {name for name in values if name in ("name", "dataset", "scene")} & set(values)
    for name, ours in found.items():
        assert ours.default == values[name]
        description = type(record).model_fields[name].description
        assert description
        assert ours.help.startswith(description[0].upper() + description[1:])
        assert ours.help.endswith(f"Preset: {shown(values[name])}.")


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_limits_are_those_of_the_field(record: BaseModel) -> None:
    for ours in controls(record):
        field = type(record).model_fields[ours.name]
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        for constraint in field.metadata:
            match constraint:
                case annotated_types.Ge():
                    assert ours.low == constraint.ge
                case annotated_types.Le():
                    assert ours.high == constraint.le
                case annotated_types.Gt():
                    assert ours.low == constraint.gt
                    assert f"Above {constraint.gt:g} to " in ours.help
        if "minimum" in extra:
            assert (ours.low, ours.high) == (extra["minimum"], extra["maximum"])
        if extra.get("unit"):
            assert ours.unit == extra["unit"]
            assert str(extra["unit"]) in ours.help
        assert {type(ours.low), type(ours.high), type(ours.step)} <= {int, float, type(None)}


def test_a_span_is_cut_into_a_hundred_steps_or_some_more() -> None:
    for ours in controls(SceneParameters()):
        if ours.kind == "span":
            assert ours.low is not None
            assert ours.high is not None
            assert isinstance(ours.default, list)
            whole = isinstance(ours.default[0], int)
            assert type(ours.step) is type(ours.low) is type(ours.default[0])
            assert whole or 100 <= (ours.high - ours.low) / ours.step <= 500.001
            for end in ours.default:  # or the slider would move it
                assert isinstance(end, int | float)
                steps = (end - ours.low) / ours.step
                assert steps == pytest.approx(round(steps), abs=1e-6)


def test_open_ended_optional_and_titled_fields() -> None:
    least, most, titled, maybe, free = controls(Odd())
    assert (least.low, least.high, least.help) == (1, None, "Only a lower limit. At least 1. Preset: 2.")
    assert (most.low, most.high, most.help) == (None, 8, "Only an upper limit. At most 8. Preset: 2.")
    assert (titled.label, titled.low, titled.help) == ("A title", 1, "At least 1. Preset: 3.")
    assert (maybe.kind, maybe.optional) == ("entry", True)
    assert (free.kind, free.default) == ("list", [1.0, 2.0])


def test_units_stand_in_labels_and_choices_begin_with_none() -> None:
    assert control(RoomsParameters, "height", 64).label == "Height (px)"
    assert control(PaperBackbone, "weights", None).choices == (None, "imagenet")
    assert control(Mtsl, "phases", None).kind == "whole"
    assert control(Mtsl, "phases", 4).kind == "entry"


def test_a_field_that_is_no_setting_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"`mapping`: expected a switch, a number, a choice, a range or a list\. Found dict"
    ):
        controls(Unknown())


def test_variants_and_records_are_those_of_the_config() -> None:
    assert [*variants(Config, "data")] == ["rooms", "digits", "flights"]
    assert variants(Config, "data")["digits"] is DigitsParameters
    assert [*records(preset())] == ["data", "backbone", "training", *dict.fromkeys(METHOD_SETTINGS.values())]
    assert [*records(RoomsParameters())] == ["scene"]


@pytest.mark.parametrize("value", [None, 4, 1e-05, 0.123456789, [1000, 2000], [0.75, 0.875], []])
def test_text_fields_keep_every_digit(value: int | float | list[float] | None) -> None:
    kind: Literal["list", "entry"] = "list" if isinstance(value, list) else "entry"
    ours = Control("x", "X", "", kind, value, optional=value is None)  # type: ignore[arg-type]
    read = parse_text(ours, as_text(value))  # type: ignore[arg-type]
    assert (float(read) if isinstance(read, str) else read) == value  # YAML takes 1e-05 for text, validation does not


@pytest.mark.parametrize(("text", "found"), [("a, ]", "a, ]"), ("1 2", ["1 2"]), ("1, x", [1, "x"])])
def test_text_that_is_no_list_reaches_validation(text: str, found: object) -> None:
    ours = control(Training, "milestones", [])
    assert parse_text(ours, text) == found
    with pytest.raises(ValueError, match="milestones"):
        parse_config(preset().model_dump(mode="json") | {"training": {"milestones": parse_text(ours, text)}})


# ---- widgets --------------------------------------------------------------------------------------------------------


def whole_form(name: str, data: str) -> None:
    """A script that draws every record of a preset and keeps what the widgets give."""
    import streamlit as st

    from core.config import Config, preset
    from explorer.forms import record_form, records, variant_form

    default = preset(name, data)  # type: ignore[arg-type]
    values = default.model_dump(mode="json")
    for field, record in records(default).items():
        if field == "backbone":
            values[field] = variant_form(Config, field, record, field)
        else:
            values[field] = record_form(record, field)
        for below, inner in records(record).items():
            values[field][below] = record_form(inner, f"{field}.{below}")
    st.session_state["values"] = values


def drawn(name: str, data: str) -> AppTest:
    app = AppTest.from_function(whole_form, args=(name, data), default_timeout=20).run()
    assert not app.exception
    return app


def config_in(app: AppTest) -> Config:
    assert not app.exception
    return parse_config(app.session_state["values"])


@pytest.mark.parametrize(("name", "data"), PRESETS)
def test_an_untouched_form_is_the_preset(name: Preset, data: str) -> None:
    assert config_in(drawn(name, data)) == preset(name, data)


def test_every_kind_of_widget_sets_its_field() -> None:
    app = drawn("quick", "rooms")
    app.number_input(key="training.epochs").set_value(9)
    app.number_input(key="training.learning_rate").set_value(0.25)
    app.number_input(key="mtsl.phases").set_value(2)
    app.text_input(key="training.milestones").set_value("0.5")
    app.text_input(key="mtsl.structural_epochs").set_value("2, 4")
    app.selectbox(key="training.precision").set_value("bfloat16")
    app.toggle(key="data.scene.shadows").set_value(False)
    app.slider(key="data.scene.room_size").set_range(4.0, 7.0)
    app.slider(key="data.scene.objects").set_range(0, 3)
    config = config_in(app.run())
    assert (config.training.epochs, config.training.learning_rate, config.mtsl.phases) == (9, 0.25, 2)
    assert (config.training.milestones, config.mtsl.structural_epochs) == ((0.5,), (2, 4))
    assert config.training.precision == "bfloat16"
    assert isinstance(config.data, RoomsParameters)
    scene = config.data.scene
    assert (scene.shadows, scene.room_size, scene.objects) == (False, (4.0, 7.0), (0, 3))
    app.number_input(key="mtsl.phases").set_value(None)
    app.text_input(key="mtsl.structural_epochs").set_value("")
    config = config_in(app.run())
    assert (config.mtsl.phases, config.mtsl.structural_epochs) == (None, None)


def test_another_variant_comes_with_its_own_fields_and_back() -> None:
    app = drawn("quick", "rooms")
    app.number_input(key="backbone.small.width").set_value(24)
    app.run()
    app.selectbox(key="backbone.name").set_value("paper")
    app.run()
    app.selectbox(key="backbone.paper.weights").set_value("imagenet")
    assert config_in(app.run()).backbone == PaperBackbone(weights="imagenet")
    app.selectbox(key="backbone.name").set_value("small")
    assert config_in(app.run()).backbone == preset().backbone.model_copy(update={"width": 24})


def test_widgets_show_limits_and_help() -> None:
    app = drawn("quick", "rooms")
    epochs = app.number_input(key="training.epochs")
    assert (epochs.min, epochs.max, epochs.step, epochs.proto.help) == (
        1,
        10_000,
        1,
        control(Training, "epochs", preset().training.epochs).help,
    )
    assert app.slider(key="data.scene.field_of_view").max == 110
