"""Backbones: stages and heads of the right shapes and ranges at any size, pretrained weights, and errors by name."""

import functools
import hashlib
import http.server
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.backbones import Backbone, DepthActivation, PretrainedWeightsError, Stage, mlp, paper, small
from core.backbones.weights import _fetch
from core.data.parameters import FLIGHT_TASKS
from core.network import MultiTaskNet
from core.structure import Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, Task, image_class, segmentation

DENSE = (segmentation(19), DEPTH, EDGES, NORMALS, RECONSTRUCTION)
CHECKPOINT = "resnet18-f37072fd.pth"  # torchvision's name of its ImageNet weights


def run(backbone: Backbone, size: tuple[int, int], tasks: tuple[Task, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of all stages and heads, the stages run by hand."""
    outputs: list[Tensor] = []
    images = 5 * torch.randn(2, backbone.image_channels, *size)
    for stage in range(len(backbone.stages)):
        inputs = [outputs[source] for source in backbone.sources(stage)] or [images]
        outputs.append(backbone.build_stage(stage)(*inputs))
    read = [outputs[stage] for stage in backbone.head_stages]
    return outputs, [backbone.build_head(task)(read, size) for task in tasks]


def parameters(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_paper_has_the_published_number_of_parameters() -> None:
    backbone = paper()
    stages = [parameters(backbone.build_stage(stage)) for stage in range(10)]
    heads = [parameters(backbone.build_head(task)) for task in DENSE]
    assert stages == [9_536, 147_968, 525_568, 2_099_712, 8_393_728, 9_191_424, 742_144, 86_784, 78_592, 74_496]
    assert heads == [70_675, 67_841, 66_049, 72_451, 72_451]
    assert parameters(backbone.build_head(segmentation(40))) == 76_072
    assert 5 * sum(stages) + sum(heads) == 107_099_227
    assert sum(stages) + sum(heads) == 21_699_419


def test_paper_encoder_is_torchvisions_resnet18() -> None:
    """Same names, same weights, same answer up to its last layer, where torchvision's own goes on to classify."""
    from torchvision.models import resnet18

    reference = resnet18().eval()
    x = reference_x = torch.randn(2, 3, 64, 96)
    reference_x = reference.maxpool(reference.relu(reference.bn1(reference.conv1(reference_x))))
    for stage, layer in enumerate([None, reference.layer1, reference.layer2, reference.layer3, reference.layer4]):
        module = paper().build_stage(stage).eval()
        if layer is None:
            module.load_state_dict({k: v for k, v in reference.state_dict().items() if k.startswith(("conv1", "bn1"))})
            x = module(x)
        else:
            module.load_state_dict(layer.state_dict())
            x, reference_x = module(x), layer(reference_x)
        torch.testing.assert_close(x, reference_x)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (100, 70)])
def test_paper_stages_halve_the_image_and_come_back(size: tuple[int, int]) -> None:
    outputs, answers = run(paper(), size, (*DENSE, image_class("scene", "Scene", 6)))
    strides = [4, 4, 8, 16, 32, 64, 32, 16, 8, 4]
    for stage, output, stride in zip(paper().stages, outputs, strides, strict=True):
        assert output.shape == (2, stage.neurons, -(-size[0] // stride), -(-size[1] // stride)), stage.name
    assert [tuple(answer.shape) for answer in answers] == [(2, task.outputs, *size) for task in DENSE] + [(2, 6)]


@pytest.mark.parametrize(("encoder_stages", "decoder_stages"), [(1, 0), (2, 0), (3, 0), (2, 1), (4, 3), (6, 2)])
@pytest.mark.parametrize("size", [(8, 14), (13, 9), (64, 64)])
@pytest.mark.parametrize("stem_stride", [1, 2])
def test_small_takes_any_size_and_number_of_stages(
    encoder_stages: int, decoder_stages: int, size: tuple[int, int], stem_stride: int
) -> None:
    backbone = small(1, 4, encoder_stages, decoder_stages, stem_stride)
    backbone.check()
    outputs, answers = run(backbone, size, (*DENSE, image_class("left", "Left", 10)))
    assert [output.shape[1] for output in outputs] == [stage.neurons for stage in backbone.stages]
    assert len(backbone.head_stages) == max(1, decoder_stages)
    for index, stage in enumerate(backbone.stages):
        if stage.skip is not None:
            assert outputs[index].shape == outputs[stage.skip].shape
    assert [tuple(answer.shape) for answer in answers] == [(2, task.outputs, *size) for task in DENSE] + [(2, 10)]


@pytest.mark.parametrize("kind", ["paper", "small"])
@pytest.mark.parametrize(("activation", "low", "high"), [("sigmoid", 0, 1), ("relu", 0, 1e9), ("softplus", 0, 1e9)])
def test_heads_answer_in_the_range_of_their_task(
    kind: str, activation: DepthActivation, low: float, high: float
) -> None:
    build = paper if kind == "paper" else functools.partial(small, width=4)
    _, (depth, normals, classes) = run(build(depth_activation=activation), (64, 64), (DEPTH, NORMALS, DENSE[0]))
    assert low <= depth.min()
    assert depth.max() <= high
    assert normals.abs().max() <= 1
    assert classes.min() < 0 < classes.max()  # logits


def test_answers_under_autocast_are_upsampled_in_float32() -> None:
    backbone = small(width=4)
    tasks = (DEPTH, image_class("scene", "Scene", 3))
    net = MultiTaskNet(backbone, Structure.separate(("depth", "scene"), len(backbone.stages)), tasks)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(torch.randn(2, 3, 32, 32), keep=[net.structure.nodes()[-1]])
    assert {answer.dtype for answer in outputs.predictions.values()} == {torch.float32}
    assert {feature.dtype for feature in outputs.features.values()} == {torch.bfloat16}


@pytest.mark.parametrize("size", [(64, 96), (128, 192)])
def test_paper_gives_the_same_in_both_layouts(size: tuple[int, int]) -> None:
    """Channels-last takes other ways to the same numbers: answers and gradients agree with the plain layout."""
    structure = Structure.shared(("depth", "normals"), 10)
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        net = MultiTaskNet(paper(), structure, (DEPTH, NORMALS)).double().to(memory_format=layout)
        answers = list(net(images.contiguous(memory_format=layout)).predictions.values())
        torch.stack([answer.square().mean() for answer in answers]).sum().backward()  # type: ignore[no-untyped-call]
        found.append([*answers, *(weight.grad for weight in net.parameters())])
    for plain, other in zip(*found, strict=True):
        torch.testing.assert_close(other, plain)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_runs_on_cuda_in_bfloat16_and_channels_last() -> None:
    net = MultiTaskNet(paper(), Structure.separate(tuple(task.name for task in DENSE), 10), DENSE).cuda()
    net = net.to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 64, 96, device="cuda").contiguous(memory_format=torch.channels_last)
    with torch.autocast("cuda", torch.bfloat16):
        answers = net(images).predictions
    torch.stack([answer.square().mean() for answer in answers.values()]).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())
    module = net.start_node(0, range(5), "fresh")
    assert {weight.device.type for weight in module.parameters()} == {"cuda"}


def test_backbones_are_equal_when_they_build_the_same() -> None:
    assert paper() == paper()
    assert hash(small(width=8)) == hash(small(width=8))
    assert len({small(width=8), small(width=16), paper(), paper(depth_activation="relu")}) == 4


# ---- pretrained weights ----------------------------------------------------------------------------------------------


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of checkpoints, and no way to any server."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: refused at once
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # or it remembers the proxies it first saw
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path


def test_imagenet_weights_start_every_task_alike(torch_home: Path) -> None:
    from torchvision.models import resnet18

    state = {key: value for key, value in resnet18().state_dict().items() if not key.endswith("num_batches_tracked")}
    (torch_home / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(state, torch_home / "hub" / "checkpoints" / CHECKPOINT)
    tasks = (DEPTH, NORMALS)
    net = MultiTaskNet(paper(weights="imagenet"), Structure.separate(("depth", "normals"), 10), tasks)
    plain = MultiTaskNet(paper(), Structure.separate(("depth", "normals"), 10), tasks)
    for node in net.structure.nodes():
        prefix = f"layer{node.stage}." if node.stage else ""
        for name, value in net.module(node).state_dict().items():
            if not name.endswith("num_batches_tracked"):
                expected = state[prefix + name] if node.stage < 5 else plain.module(node).state_dict()[name]
                assert torch.equal(value, expected), (node, name)
    net.fuse(0, (0, 1), net.start_node(0, (0, 1)))
    fresh = net.start_node(1, (0, 1), "fresh").state_dict()
    assert torch.equal(fresh["0.conv1.weight"], state["layer1.0.conv1.weight"])


def test_missing_imagenet_weights_say_where_to_put_them(torch_home: Path) -> None:
    structure = Structure.shared(("depth",), 10)
    expected = (
        rf"not found at {torch_home}/hub/checkpoints/{CHECKPOINT}, and fetching "
        rf"https://download.pytorch.org/models/{CHECKPOINT} failed \(.+refused.+\). "
        r"Download that file elsewhere and put it at this path, or train with `weights=None`"
    )
    with pytest.raises(PretrainedWeightsError, match=expected):
        MultiTaskNet(paper(weights="imagenet"), structure, (DEPTH,))
    MultiTaskNet(paper(weights="imagenet"), structure, (DEPTH,), load_pretrained=False)  # nothing is looked for


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"half a file", "cannot be read"), ({"fc.weight": torch.ones(1)}, "does not hold a ResNet-18")],
)
def test_unusable_imagenet_weights_name_the_file(
    torch_home: Path, content: bytes | dict[str, Tensor], message: str
) -> None:
    path = torch_home / "hub" / "checkpoints" / CHECKPOINT
    path.parent.mkdir(parents=True)
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(PretrainedWeightsError, match=f"{CHECKPOINT} {message}"):
        paper(weights="imagenet").pretrained()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the files in `served`."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(QuietHandler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_weights_are_fetched_whole_or_not_at_all(server: str, tmp_path: Path) -> None:
    right = f"net-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
    for name in (right, "net-00000000.pth"):
        (tmp_path / "served" / name).write_bytes(b"weights")
    _fetch(f"{server}/{right}", tmp_path / "hub" / right)
    assert (tmp_path / "hub" / right).read_bytes() == b"weights"
    with pytest.raises(PretrainedWeightsError, match=r"SHA-256 .* instead of 00000000"):
        _fetch(f"{server}/net-00000000.pth", tmp_path / "hub" / "net-00000000.pth")
    with pytest.raises(PretrainedWeightsError, match="404"):
        _fetch(f"{server}/nothing-11111111.pth", tmp_path / "hub" / "nothing-11111111.pth")
    assert [path.name for path in (tmp_path / "hub").iterdir()] == [right]


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_all_wrong_settings_of_small_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"`width` should be at least 1. Found 0. `stem_stride` should be at least 1"):
        small(width=0, stem_stride=0)
    with pytest.raises(ValueError, match=r"`decoder_stages` should be less than `encoder_stages` \(2\)"):
        small(encoder_stages=2, decoder_stages=2)


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`weights` should be 'imagenet' or None. Found 'coco'"):
        paper(weights="coco")  # type: ignore[arg-type]


@pytest.mark.parametrize("backbone", [paper(), small()])
def test_a_stage_that_is_not_there_is_refused(backbone: Backbone) -> None:
    with pytest.raises(ValueError, match=rf"`stage` should be in 0..\d of `{backbone.name}`. Found 10"):
        backbone.build_stage(10)


@dataclass(frozen=True)
class Own(Backbone):
    """A user's backbone of 1x1 convolutions."""

    stages: tuple[Stage, ...] = (Stage("a", 2), Stage("b", 3))
    head_stages: tuple[int, ...] = (1,)
    fits: bool = True

    name = "own"
    image_channels = 1

    def build_stage(self, stage: int) -> nn.Module:
        return nn.Conv2d(self.stages[stage - 1].neurons if stage else 1, self.stages[stage].neurons, 1)

    def build_head(self, task: Task) -> nn.Module:
        return small(width=2, encoder_stages=1, decoder_stages=0).build_head(task)

    def pretrained(self) -> dict[int, dict[str, Tensor]]:
        return {1: {"weight": torch.full((3, 2, 1, 1), 7.0)} | ({"bias": torch.zeros(3)} if self.fits else {})}


def test_a_users_backbone_with_weights_of_its_own() -> None:
    net = MultiTaskNet(Own(), Structure.separate(("depth", "edges"), 2), (DEPTH, EDGES))
    for node in net.structure.nodes():
        weight = net.module(node).state_dict()["weight"]
        assert bool((weight == 7).all()) == (node.stage == 1)
    with pytest.raises(ValueError, match=r"stage 1 \(b\): the pretrained weights do not fit: missing \['bias'\]"):
        MultiTaskNet(Own(fits=False), Structure.separate(("depth", "edges"), 2), (DEPTH, EDGES))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (Own(stages=()), "backbone `own` should have at least one stage"),
        (Own(stages=(Stage("a", 2), Stage("b", 0))), r"stage 1 \(b\): `neurons` should be at least 1. Found 0"),
        (Own(stages=(Stage("a", 2), Stage("b", 3, 1))), r"stage 1 \(b\): `skip` should be an earlier stage. Found 1"),
        (Own(head_stages=()), "`head_stages` should name at least one stage"),
        (Own(head_stages=(2,)), r"`head_stages` should be in 0\.\.1\. Found 2"),
    ],
)
def test_a_wrong_backbone_is_refused_by_stage(own: Own, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultiTaskNet(own, Structure.shared(("depth",), 2), (DEPTH,))


def test_mlp_is_fully_connected_layers_on_rows() -> None:
    backbone = mlp(6, hidden=(5, 4), tower=3)
    tasks = (FLIGHT_TASKS[0], image_class("late", "Late", 2))
    x = torch.randn(7, 6, 1, 1)
    structure = Structure.shared(("dep_delay", "late"), 2)
    net = MultiTaskNet(backbone, structure, tasks).eval()
    row = x.flatten(1)
    for node in structure.nodes():
        layer = net.module(node).get_submodule("linear")
        row = torch.relu(row @ layer.get_parameter("weight").flatten(1).T + layer.get_parameter("bias"))
    for index, task in enumerate(tasks):
        first, last = (net.heads[index].get_submodule(name) for name in ("first", "last"))
        answer = net(x).predictions[index]
        torch.testing.assert_close(answer, last(torch.relu(first(row))))
        assert answer.shape == (7, task.outputs)
    assert net.heads[0].get_submodule("first").get_parameter("weight").shape == (3, 4)
    _, (dense, classes) = run(mlp(3, hidden=(5,)), (4, 6), (DEPTH, image_class("scene", "Scene", 2)))
    assert (dense.shape, classes.shape) == ((2, 1, 4, 6), (2, 2))


@pytest.mark.parametrize("backbone", [small(width=16), mlp(9, hidden=(64, 32))])
def test_narrowed_backbones_keep_their_form_and_the_heads_their_size(backbone: Backbone) -> None:
    half = backbone.narrowed(0.5)
    assert [stage.name for stage in half.stages] == [stage.name for stage in backbone.stages]
    assert [stage.skip for stage in half.stages] == [stage.skip for stage in backbone.stages]
    assert [2 * stage.neurons for stage in half.stages] == [stage.neurons for stage in backbone.stages]
    assert (half.head_stages, half.image_channels) == (backbone.head_stages, backbone.image_channels)
    heads = [b.build_head(DEPTH).get_submodule("last").get_parameter("weight").shape for b in (backbone, half)]
    assert heads[0] == heads[1]
    assert backbone.narrowed(1e-6).stages[0].neurons == 1
    with pytest.raises(ValueError, match=r"backbone `paper` comes in one width only"):
        paper().narrowed(0.5)
    assert paper().narrowed(1) == paper()
