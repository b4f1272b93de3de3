"""Debiased CKA: against the estimator's definition, against the plain per-pair form, and by its properties."""

from collections.abc import Iterator
from itertools import permutations
from typing import get_args

import pytest
import torch
from torch import Tensor

from core.benches.similarity import cka_of_pair, cka_per_pair
from core.similarity import Space, _gram_is_cheaper, cka, mean_pairwise_cka
from tests._asserts import (
    assert_bounded,
    assert_close,
    assert_follows_task_order,
    assert_invariant_to_samples_order,
    assert_leaves_inputs_alone,
    assert_symmetric,
    assert_unchanged_under_rotation,
    assert_unchanged_under_scaling,
    assert_unchanged_under_shift,
)
from tests._inputs import DEFINED_FEATURES, UNDEFINED_FEATURES, related_features

SPACES: tuple[Space, ...] = get_args(Space)


@pytest.fixture(autouse=True)
def _seed_and_one_thread() -> Iterator[None]:
    torch.manual_seed(0)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # matrices this small are slower on several
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(params=DEFINED_FEATURES, ids=lambda name: name.replace(" ", "_"))
def features(request: pytest.FixtureRequest) -> list[Tensor]:
    return DEFINED_FEATURES[request.param]()


def hsic_of_definition(x: Tensor, y: Tensor) -> float:
    """Song et al. 2012, theorem 2: K_ij (L_ij + L_qr - 2 L_iq), the mean over all ordered 4-tuples of samples."""
    k, m = (x @ x.T).tolist(), (y @ y.T).tolist()
    terms: list[float] = [k[i][j] * (m[i][j] + m[q][r] - 2 * m[i][q]) for i, j, q, r in permutations(range(len(x)), 4)]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("n", [4, 5, 7])
def test_equals_the_definition_of_the_estimator(n: int, space: Space) -> None:
    x, y = related_features(n, (3, 6), seed=n)
    expected = hsic_of_definition(x, y) / (hsic_of_definition(x, x) * hsic_of_definition(y, y)) ** 0.5
    assert float(cka([x, y], space=space)[0, 1]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("space", SPACES)
def test_equals_the_plain_form_of_each_pair(features: list[Tensor], space: Space) -> None:
    # the plain form cancels where features are far from zero, so it is given the centred ones
    assert_close(cka(features, space=space), cka_per_pair([x - x.mean(0) for x in features]), atol=1e-9)


def test_is_the_same_in_both_spaces(features: list[Tensor]) -> None:
    assert_close(cka(features, space="gram"), cka(features, space="feature"), atol=1e-9)


def test_is_the_same_for_gram_matrices_of_several_blocks() -> None:
    features = related_features(500, (8, 600, 30))
    assert_close(cka(features, space="gram"), cka(features, space="feature"), atol=1e-12)
    assert_close(cka(features), cka(features, space="feature"), atol=1e-12)


def test_worked_values() -> None:
    # h(K, K) = 32/3, h(K, L) = 8/3 and h(L, L) = 8/3, by hand for K = x x^T, L = y y^T
    x = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    y = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    both = torch.cat([x, y], dim=1)
    expected = torch.tensor([[1.0, -0.5, 0.5], [-0.5, 1.0, 0.5], [0.5, 0.5, 1.0]], dtype=torch.float64)
    assert_close(cka([x, y, both]), expected, atol=1e-12)


def test_result_is_symmetric_bounded_and_one_on_the_diagonal(features: list[Tensor]) -> None:
    matrix = cka(features)
    assert matrix.dtype == torch.float64
    assert matrix.shape == (len(features), len(features))
    assert_symmetric(matrix)
    assert_bounded(matrix, -1, 1)
    assert_close(matrix.diagonal(), torch.ones_like(matrix.diagonal()), atol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_invariances(features: list[Tensor], space: Space) -> None:
    def function(given: list[Tensor]) -> Tensor:
        return cka(given, space=space)

    assert_follows_task_order(function, features, atol=1e-10)
    assert_invariant_to_samples_order(function, features, atol=1e-10)
    assert_unchanged_under_rotation(function, features, atol=1e-9)
    assert_unchanged_under_shift(function, features, atol=1e-9)
    assert_unchanged_under_scaling(function, features, (-1.0, 1e15, 1e-10), atol=1e-9)


def test_largest_finite_values_do_not_overflow() -> None:
    features = related_features(20, (4, 4))
    largest = [x / x.abs().amax() * 1.7e308 for x in features]
    assert_close(cka(largest), cka(features), atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_computes_in_float64_whatever_comes_in(dtype: torch.dtype) -> None:
    features = related_features(30, (5, 9), dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        matrix = cka(features)
    assert_close(matrix, cka([x.double() for x in features]), atol=0)


def test_is_zero_on_average_for_unrelated_features_where_the_biased_form_is_not() -> None:
    pairs = [related_features(16, (64,), seed=2 * i) + related_features(16, (64,), seed=2 * i + 1) for i in range(100)]
    values = torch.stack([cka(pair)[0, 1] for pair in pairs])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 10
    x, y = (x - x.mean(0) for x in pairs[0])
    biased = (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())
    assert biased > 0.7


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("family", UNDEFINED_FEATURES)
def test_undefined_features_give_nan_in_their_row_and_column_only(family: str, space: Space) -> None:
    first, last = related_features(10, (4, 4))
    matrix = cka([first, UNDEFINED_FEATURES[family](), last], space=space)
    expected = torch.full((3, 3), torch.nan, dtype=torch.float64)
    expected[::2, ::2] = cka([first, last])
    assert_close(matrix, expected, atol=1e-12)


def test_a_constant_column_among_others_changes_nothing() -> None:
    x, y = related_features(20, (5, 5))
    assert_close(cka([torch.cat([x, torch.full((20, 1), 7.3)], 1), y]), cka([x, y]), atol=1e-12)


@pytest.mark.parametrize("function", [cka, mean_pairwise_cka])
def test_leaves_its_inputs_alone(function: object) -> None:
    assert callable(function)
    transposed = torch.randn(6, 20, dtype=torch.float64).T
    of_graph = torch.randn(20, 3, requires_grad=True) * 2
    leaf = torch.randn(20, 4, requires_grad=True)
    leaf.grad = torch.ones_like(leaf)
    assert_leaves_inputs_alone(function, [transposed, of_graph, leaf, torch.randn(40, 5)[::2]])
    assert torch.equal(leaf.grad, torch.ones_like(leaf))


def test_cka_has_no_gradient() -> None:
    assert not cka([torch.randn(8, 3, requires_grad=True)]).requires_grad


@pytest.mark.parametrize(
    ("n", "widths", "gram"),
    [
        pytest.param(3000, [64] * 5, False, id="many_samples"),
        pytest.param(800, [512] * 5, True, id="wide_features"),
        pytest.param(16, [2048, 64], True, id="one_mini_batch"),
    ],
)
def test_picks_the_cheaper_space_by_shape(n: int, widths: list[int], gram: bool) -> None:
    assert _gram_is_cheaper(n, widths) == gram


X = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))

SHAPE_ERRORS = [
    pytest.param([X[:3], X[:3]], r"`features` should have at least 4 rows .* Found 3\.", id="few_rows"),
    pytest.param([X, X[:4]], r"the same number of rows \(samples\)\. Found \[5, 4\]\.", id="rows_differ"),
    pytest.param([X, X[0]], r"`features\[1\]` should be a matrix \[samples, features\]\. Found shape \[2\]", id="1d"),
    pytest.param([X, X[:, :0]], r"at least one column\. Found \[2, 0\]\.", id="no_columns"),
]


@pytest.mark.parametrize(("features", "message"), SHAPE_ERRORS)
def test_shape_errors(features: list[Tensor], message: str) -> None:
    for function in (cka, mean_pairwise_cka):
        with pytest.raises(ValueError, match=message):
            function(features)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    x = X.clone()
    x[4, 1] = bad
    with pytest.raises(ValueError, match=r"`features\[1\]` should be finite\. Found NaN or infinite values\."):
        cka([X, x])


def test_other_errors() -> None:
    with pytest.raises(ValueError, match=r"`features` should hold at least one matrix\. Found none\."):
        cka([])
    with pytest.raises(TypeError, match=r"`features\[0\]` should be real\. Found torch.complex64\."):
        cka([X.to(torch.complex64)])
    with pytest.raises(ValueError, match=r"`features` should hold at least two matrices to compare\. Found 1\."):
        mean_pairwise_cka([X])
    with pytest.raises(ValueError, match=r'`space` should be "auto", "gram" or "feature"\. Found \'kernel\'\.'):
        cka([X], space="kernel")  # type: ignore[arg-type]


def differentiate(value: Tensor) -> None:
    """Fill the gradients of all leaves."""
    value.backward()  # type: ignore[no-untyped-call]


def mean_over_pairs(matrix: Tensor) -> Tensor:
    """The mean of the entries above the diagonal, undefined ones as 0."""
    i, j = torch.triu_indices(len(matrix), len(matrix), offset=1)
    return matrix[i, j].nan_to_num(0.0).mean()


@pytest.mark.parametrize("family", sorted(set(DEFINED_FEATURES) - {"one task"}))
def test_loss_form_equals_the_mean_of_the_matrix(family: str) -> None:
    features = [x.float() for x in DEFINED_FEATURES[family]()]
    found = mean_pairwise_cka(features)
    assert found.dtype == torch.float32
    assert_close(found.double(), mean_over_pairs(cka(features)), atol=1e-4)


@pytest.mark.parametrize("family", ["narrow", "wide", "different widths", "huge scale", "tiny scale", "mixed scales"])
def test_loss_form_has_the_gradient_of_the_plain_form(family: str) -> None:
    fast = [x.float().requires_grad_() for x in DEFINED_FEATURES[family]()]
    plain = [x.detach().double().requires_grad_() for x in fast]
    differentiate(mean_pairwise_cka(fast))
    pairs = [cka_of_pair(x, y) for i, x in enumerate(plain) for y in plain[i + 1 :]]
    differentiate(torch.stack(pairs).mean())
    for ours, theirs in zip(fast, plain, strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert_close(ours.grad.double() / theirs.grad.norm(), theirs.grad / theirs.grad.norm(), atol=1e-4)


@pytest.mark.parametrize("family", UNDEFINED_FEATURES)
def test_loss_form_counts_undefined_pairs_as_zero_without_gradient(family: str) -> None:
    x, y = (x.float().requires_grad_() for x in related_features(10, (4, 4)))
    undefined = UNDEFINED_FEATURES[family]().float().requires_grad_()
    value = mean_pairwise_cka([x, undefined, y])
    assert_close(value.detach().double(), cka([x, y])[0, 1] / 3, atol=1e-4)
    differentiate(value)
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.any()
    assert undefined.grad is not None
    assert torch.equal(undefined.grad, torch.zeros_like(undefined))


def test_loss_form_of_undefined_features_only_is_zero() -> None:
    features = [torch.zeros(8, 3, requires_grad=True), torch.ones(8, 2, requires_grad=True)]
    value = mean_pairwise_cka(features)
    differentiate(value)
    assert float(value.detach()) == 0
    assert all(x.grad is not None and not x.grad.any() for x in features)


def test_loss_form_is_float32_under_autocast() -> None:
    features = related_features(16, (32, 32), dtype=torch.float32)
    expected = mean_pairwise_cka(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(mean_pairwise_cka(features), expected, atol=0)
        assert mean_pairwise_cka([x.bfloat16() for x in features]).dtype == torch.float32


def test_loss_form_shows_values_that_are_not_finite() -> None:
    for bad in (float("nan"), float("inf")):
        x = X.clone()
        x[0, 0] = bad
        assert mean_pairwise_cka([X, x]).isnan()


def test_ascending_the_loss_form_aligns_tasks() -> None:
    x, y = related_features(16, (4,), seed=1) + related_features(16, (4,), seed=2)
    weights = torch.randn(4, 4, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.05)
    mixed = torch.cat([x, y], dim=1).float()[:, 2:6]  # half of what x says, half of what y says
    before = float(cka([mixed @ weights, x])[0, 1])
    for _ in range(60):
        optimizer.zero_grad()
        differentiate(1 - mean_pairwise_cka([mixed @ weights, x]))
        optimizer.step()
    assert float(cka([mixed @ weights, x])[0, 1]) > before + 0.1
