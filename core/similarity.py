"""Linear CKA between tasks: how alike the features are that each task's node makes of the same samples.

Notation: `X` [n, p] the features of one task, row i for sample i, and `K` = X X^T without its diagonal [n, n]. The
unbiased estimator of HSIC (Song et al. 2012, eq. 5), times n (n - 3), is

    h(K, L) = sum(K * L) - 2 / (n - 2) * sum(K 1 * L 1) + sum(K) sum(L) / ((n - 1) (n - 2))

and debiased CKA is h(K, L) / sqrt(h(K, K) h(L, L)) (Nguyen et al. 2021, eq. 3). Adding a row vector to all rows of `X`
changes no h, since h is an inner product of U-centred matrices (Székely and Rizzo 2014), so the features are centred
first. Then X^T 1 = 0, the row sums K 1 are minus the squared row norms d, and only sum(K * L) is costly. It is
summed in Gram space (n x n), or in feature space as ||X^T Y||² - d_x · d_y (p x p), whichever is cheaper.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Space = Literal["auto", "gram", "feature"]

_UNDEFINED_BELOW = {torch.float64: 1e-12, torch.float32: 1e-6}  # h(K, K) against ||X X^T||²: rounding, not signal
_BLOCK = 128  # rows of the Gram matrices made at a time: stays in cache, and skips most of the lower triangle


@torch.no_grad()
def cka(features: Sequence[Tensor], *, space: Space = "auto") -> Tensor:
    """Debiased linear CKA between all pairs of tasks [T, T], from `features`, T matrices [n, p_t] of the same samples.

    In [-1, 1], slightly negative for unrelated features; symmetric, float64, on the features' device, without gradient.
    It does not change when a task's features are shifted, scaled or rotated, whatever their scale. The computation is
    float64; `space` picks the form of the sums (same value to 1e-9), "auto" the cheaper by shape. The inputs are never
    changed.

    The row and the column of a task whose HSIC with itself is zero to working precision are NaN, the diagonal included:
    its CKA is 0 / 0. Constant features are the common case; features whose rows are all orthogonal, or that differ in
    one row only, are others. NaN means "not similar" to whoever groups tasks.

    Raises `ValueError` for no features, not two dimensions, fewer than 4 rows, different numbers of rows, no columns,
    NaN or infinite values; `TypeError` for complex features. Song et al. 2012, eq. 5; Nguyen et al. 2021, eq. 3.

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [4.0, 3.0], [3.0, 5.0]])
    >>> cka([x, 10 * x + 3, torch.ones(5, 7)])
    tensor([[1., 1., nan],
            [1., 1., nan],
            [nan, nan, nan]], dtype=torch.float64)
    """
    if space not in ("auto", "gram", "feature"):
        raise ValueError(f'`space` should be "auto", "gram" or "feature". Found {space!r}.')
    n = _check(features)
    widths = [x.shape[1] for x in features]
    joined = _centred(features, widths)  # [n, p_1 + ... + p_T]
    centred = torch.split(joined, widths, dim=1)
    d = torch.stack([x.square().sum(1) for x in centred])  # [T, n]
    dots = d @ d.T  # [T, T]
    if space == "gram" or (space == "auto" and _gram_is_cheaper(n, widths)):
        cross = _gram_products(centred)
    else:
        cross = _feature_products(joined, widths) - dots
    sums = d.sum(1)  # [T]
    h = cross - 2 / (n - 2) * dots + sums.outer(sums) / ((n - 1) * (n - 2))
    h = (h + h.T) / 2  # products of matrices are symmetric up to rounding only
    own, whole = h.diagonal(), (cross + dots).diagonal()
    own = own.where(own > _UNDEFINED_BELOW[torch.float64] * whole, torch.nan).sqrt()
    return (h / own.outer(own)).clamp(-1, 1)


def mean_pairwise_cka(features: Sequence[Tensor]) -> Tensor:
    """Mean debiased linear CKA over the pairs of `features` (T matrices [n, p_t], one mini-batch): a scalar in [-1, 1].

    The differentiable form for MTSL's alignment loss, weight * (1 - this). Float32 inside and out, under autocast too.
    A pair whose value is undefined (see `cka`) counts as 0 and passes no gradient on. NaN or infinite features give
    NaN: a loss that explodes must stay visible, and looking for it here would wait for the device.

    Raises `ValueError` for fewer than two matrices, and as `cka` for their shapes.

    >>> x = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    >>> round(float(mean_pairwise_cka([x, 2 * x, torch.ones(16, 3)])), 4)
    0.3333
    """
    if len(features) < 2:
        raise ValueError(f"`features` should hold at least two matrices to compare. Found {len(features)}.")
    n, n_tasks = _check(features), len(features)
    widest = max(x.shape[1] for x in features)
    with torch.autocast(features[0].device.type, enabled=False):
        padded = [functional.pad(x.float(), (0, widest - x.shape[1])) for x in features]  # zeros change no Gram matrix
        x = torch.stack(padded)  # [T, n, p]
        with torch.no_grad():  # CKA does not see a shift or a scale, so neither does its gradient
            shift = x[:, :1] + (x - x[:, :1]).mean(1, keepdim=True)  # exact for constant columns
            scale = (x - shift).abs().amax((1, 2), keepdim=True)
            scale = torch.where(scale == 0, 1.0, scale)
        x = (x - shift) / scale
        gram = x @ x.mT  # [T, n, n]
        off_diagonal = ~torch.eye(n, dtype=torch.bool, device=x.device)
        k = gram * off_diagonal
        rows = k.sum(2, keepdim=True)
        k = k - (rows + rows.mT) / (n - 2) + rows.sum(1, keepdim=True) / ((n - 1) * (n - 2))
        k = (k * off_diagonal).flatten(1)  # U-centred: k · l is h(K, L) without its cancellations  [T, n²]
        own = k.square().sum(1)  # [T]
        undefined = own <= _UNDEFINED_BELOW[torch.float32] * gram.detach().square().sum((1, 2))
        k = torch.where(undefined[:, None], 0.0, k) / torch.where(undefined, 1.0, own).sqrt()[:, None]
        # |sum of unit vectors|² holds every pair twice, and each defined one with itself once
        return (k.sum(0).square().sum() - k.square().sum()) / (n_tasks * (n_tasks - 1))


def _check(features: Sequence[Tensor]) -> int:
    """The common number of rows. Shapes only: it reads no values, so it never waits for a device."""
    if not len(features):
        raise ValueError("`features` should hold at least one matrix. Found none.")
    for task, x in enumerate(features):
        if x.ndim != 2:
            raise ValueError(f"`features[{task}]` should be a matrix [samples, features]. Found shape {list(x.shape)}.")
        if x.is_complex():
            raise TypeError(f"`features[{task}]` should be real. Found {x.dtype}.")
    counts = [x.shape[0] for x in features]
    if len(set(counts)) > 1:
        raise ValueError(f"`features` should all have the same number of rows (samples). Found {counts}.")
    if counts[0] < 4:
        raise ValueError(f"`features` should have at least 4 rows for the unbiased HSIC. Found {counts[0]}.")
    if any(x.shape[1] == 0 for x in features):
        raise ValueError(f"`features` should have at least one column. Found {[x.shape[1] for x in features]}.")
    return counts[0]


def _centred(features: Sequence[Tensor], widths: list[int]) -> Tensor:
    """The features side by side [n, p_1 + ...] in float64, column means 0, each task scaled to values of about 1."""
    joined = torch.empty(len(features[0]), sum(widths), dtype=torch.float64, device=features[0].device)
    for x, part in zip(features, torch.split(joined, widths, dim=1), strict=True):
        part.copy_(x)
    joined *= 0.5  # so that no difference overflows
    joined -= joined[:1].clone()  # makes constant columns exactly 0, which subtracting a rounded mean does not
    columns = torch.maximum(joined.amax(0), -joined.amin(0))  # [p_1 + ...]
    largest = torch.stack([part.amax() for part in torch.split(columns, widths)])  # [T]
    finite = largest.isfinite().tolist()
    if not all(finite):
        raise ValueError(f"`features[{finite.index(False)}]` should be finite. Found NaN or infinite values.")
    scale = torch.where(largest == 0, 1.0, largest)
    joined /= scale.repeat_interleave(torch.tensor(widths, device=scale.device))
    return joined.sub_(joined.mean(0))


def _gram_is_cheaper(n: int, widths: Sequence[int]) -> bool:
    """Whether n x n matrices for all tasks take less time than p x p ones for all pairs; a mixture never pays much."""
    in_features = n * sum(p * sum(widths[i:]) for i, p in enumerate(widths))  # multiplications
    in_grams = n**2 / 2 * sum(p + 24 for p in widths)  # 24: reads and writes of a Gram matrix, measured
    return in_grams < in_features


def _feature_products(joined: Tensor, widths: list[int]) -> Tensor:
    """||X^T Y||² [T, T] for all pairs of the matrices of `widths`, side by side in `joined` [n, p_1 + ...]."""
    products = joined.new_zeros(len(widths), len(widths))
    for i, width in enumerate(widths):
        blocks = joined[:, :width].T @ joined  # [p_i, p_i + ... + p_T]
        norms = [block.square_().sum() for block in torch.split(blocks, widths[i:], dim=1)]
        products[i, i:] = products[i:, i] = torch.stack(norms)
        joined = joined[:, width:]
    return products


def _gram_products(centred: Sequence[Tensor]) -> Tensor:
    """sum(K * L) [T, T] for all pairs of `centred` [n, p_t], in blocks of rows of the strict upper triangle."""
    n_tasks, n = len(centred), len(centred[0])
    products = torch.zeros(n_tasks, n_tasks, dtype=torch.float64, device=centred[0].device)
    for start in range(0, n, _BLOCK):
        blocks = [x[start : start + _BLOCK] @ x[start:].T for x in centred]
        k = torch.stack(blocks).triu_(1).flatten(1)  # [T, block * (n - start)]
        products += k @ k.T
    return 2 * products
