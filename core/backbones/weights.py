"""ImageNet weights of torchvision's ResNet-18: from torch's own folder of checkpoints, or fetched into it once."""

import hashlib
import http.client
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

_TIMEOUT = 10.0  # seconds without an answer; torch's own download would wait without end


class PretrainedWeightsError(ValueError):
    """Weights were asked for that could be neither found nor fetched, or that are not what they should be."""


def imagenet_resnet18() -> Mapping[str, Tensor]:
    """State of torchvision's ResNet-18 trained on ImageNet, on the CPU.

    Read from `hub/checkpoints` under `$TORCH_HOME`; fetched there first if it is missing. Raises
    `PretrainedWeightsError` saying what was tried and where the file can be put by hand.
    """
    from torchvision.models import ResNet18_Weights  # a second to import, and only needed here

    url: str = ResNet18_Weights.IMAGENET1K_V1.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not path.exists():
        _fetch(url, path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what the unpickler makes of other bytes can be any error
        raise PretrainedWeightsError(
            f"ImageNet weights: {path} cannot be read ({_first_line(error)}). "
            f"Delete it, or put the file of {url} there."
        ) from error
    if not isinstance(state, Mapping) or "layer4.1.conv2.weight" not in state:
        raise PretrainedWeightsError(
            f"ImageNet weights: {path} does not hold a ResNet-18. Put the file of {url} there."
        )
    return state


def _fetch(url: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            content: bytes = response.read()
        expected = path.stem.rsplit("-", 1)[-1]  # torchvision names its files by the start of their SHA-256
        found = hashlib.sha256(content).hexdigest()
        if not found.startswith(expected):
            raise PretrainedWeightsError(f"SHA-256 {found[:8]} instead of {expected}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as whole:
            whole.write(content)
        Path(whole.name).replace(path)  # whole or not at all, whoever else reads or fetches it meanwhile
    except (OSError, http.client.HTTPException, PretrainedWeightsError) as error:  # URLError and timeouts are OSErrors
        raise PretrainedWeightsError(
            f"ImageNet weights: not found at {path}, and fetching {url} failed ({_first_line(error)}). "
            f"Download that file elsewhere and put it at this path, or train with `weights=None`."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
