"""The records that data sets are asked for with: limits, messages, and no torch behind them."""

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from core.data.parameters import DataParameters, DigitsParameters, RoomsParameters, SceneParameters


def test_importing_the_parameters_imports_no_torch() -> None:
    code = "import sys, core.data.parameters, core.delta; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_all_wrong_ranges_are_reported_at_once() -> None:
    with pytest.raises(
        ValidationError, match=r"`room_size` should be a range within \[3, 12\] m.*`objects` should be"
    ) as caught:
        SceneParameters.model_validate({"room_size": [5, 4], "objects": [0, 17]})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize("value", [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_range_is_finite_and_in_order(value: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match=r"`light_intensity` should be a range within \[0, 3\], lowest first"):
        SceneParameters(light_intensity=value)


def test_every_number_has_limits_that_hold_its_default() -> None:
    for record in (SceneParameters, RoomsParameters, DigitsParameters):
        for name, field in record.model_fields.items():
            assert field.description or name == "dataset", name
            if isinstance(field.default, tuple):
                extra = field.json_schema_extra
                assert isinstance(extra, dict)
                assert {"minimum", "maximum", "unit"} <= extra.keys(), name
            elif isinstance(field.default, int | float) and not isinstance(field.default, bool):
                assert any(type(limit).__name__ == "Ge" for limit in field.metadata), name


def test_data_sets_are_told_apart_by_name_and_survive_json() -> None:
    adapter: TypeAdapter[RoomsParameters | DigitsParameters] = TypeAdapter(DataParameters)
    for parameters in (
        RoomsParameters(train=3, scene=SceneParameters(pictures=(0, 0), light_warmth=(0.5, 1.0))),
        DigitsParameters(train=3, blend="sum"),
    ):
        assert adapter.validate_python(json.loads(parameters.model_dump_json())) == parameters


def test_tasks_are_known_without_making_data() -> None:
    assert [task.name for task in RoomsParameters().tasks] == [
        "segmentation",
        "depth",
        "edges",
        "normals",
        "reconstruction",
    ]
    assert [task.outputs for task in DigitsParameters().tasks] == [10, 10, 19, 1]
