"""What the run folder keeps of sample images: small arrays that show the same as the tensors they come from."""

import numpy as np
import torch

from core.data.load import load_data
from core.data.parameters import DigitsParameters, RoomsParameters
from core.samples import input_arrays, prediction_arrays


def test_dense_tasks() -> None:
    data = load_data(RoomsParameters(train=1, val=2, height=16, width=24))
    images, targets = data.val.__getitems__([0, 1])  # type: ignore[attr-defined]
    kept = input_arrays(data, images, targets)
    assert set(kept) == {"image", "segmentation", "depth", "edges", "normals"}
    assert kept["image"].shape == (2, 16, 24, 3)
    assert kept["image"].dtype == np.uint8
    assert np.array_equal(kept["segmentation"], targets["segmentation"].numpy())
    np.testing.assert_allclose(kept["depth"], targets["depth"][:, 0], rtol=1e-3)
    np.testing.assert_allclose(kept["normals"] / 127, targets["normals"].permute(0, 2, 3, 1), atol=0.005)

    # a perfect network: its answers turn into the very same pictures as the targets
    classes = torch.nn.functional.one_hot(targets["segmentation"], 8).permute(0, 3, 1, 2).float()
    edges = (targets["edges"] * 2 - 1) * 50
    answers = dict(enumerate([classes, targets["depth"], edges, targets["normals"] * 3, images]))
    found = prediction_arrays(data, answers)
    for name in ("segmentation", "depth", "edges", "normals"):
        assert np.array_equal(found[name], kept[name]), name
    assert np.array_equal(found["reconstruction"], kept["image"])


def test_tasks_at_image_level() -> None:
    data = load_data(DigitsParameters(train=1, val=3))
    images, targets = data.val.__getitems__([0, 1, 2])  # type: ignore[attr-defined]
    kept = input_arrays(data, images, targets)
    assert kept["image"].shape == (3, 16, 24, 1)
    assert kept["sum"].tolist() == (targets["left"] + targets["right"]).tolist()
    answers = {0: torch.zeros(3, 10), 1: torch.zeros(3, 10), 2: torch.zeros(3, 19), 3: images}
    found = prediction_arrays(data, answers)
    np.testing.assert_allclose(found["left"], np.full((3, 10), 0.1), rtol=1e-3)
    assert np.array_equal(found["reconstruction"], kept["image"])
