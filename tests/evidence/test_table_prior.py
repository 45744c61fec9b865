"""Priors of tables against urns, and smooth models of tables against numerical integration and known mechanisms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.evidence import cell_columns
from pyrocausal.evidence.cell_columns import CellColumns
from pyrocausal.evidence.log_linear import LogLinear
from pyrocausal.evidence.table_prior import STRENGTHS, TablePrior, best_prior, dirichlet
from pyrocausal.model import logistic_regression as logistic_module
from pyrocausal.model.logistic_regression import Rows, contrasts_of, information_of


def counted(levels, states, rows, seed, *, pairs=0.0, single=1.0, cells=0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts of a table, and the table: logits are sums of effects of causes, of pairs of them, and of cells."""
    rng = np.random.default_rng(seed)
    every = list(itertools.product(*map(range, levels)))
    one = [rng.normal(0, single, (each, states)) for each in levels]
    two = {
        (a, b): rng.normal(0, pairs, (levels[a], levels[b], states))
        for a, b in itertools.combinations(range(len(levels)), 2)
    }
    logits = np.array([
        sum(one[j][at] for j, at in enumerate(cell)) + sum(table[cell[a], cell[b]] for (a, b), table in two.items())
        for cell in every
    ])  # fmt: skip
    logits += rng.normal(0, cells, logits.shape) if cells else 0.0
    table = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    seen = np.stack([rng.multinomial(rows // len(every), row) for row in table])
    return torch.from_numpy(seen).double(), torch.from_numpy(table)


def urns(common, around, strength) -> float:
    """Log probability of counts, one after the other, by the urn of a Dirichlet-multinomial in every cell."""
    total = 0.0
    for cell, row in enumerate(common.tolist()):
        seen = [0] * len(row)
        share = around[cell] if around.dim() == 2 else around
        for state, times in enumerate(row):
            for _ in range(int(times)):
                total += math.log((seen[state] + strength * float(share[state])) / (sum(seen) + strength))
                seen[state] += 1
    return total


@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_evidence_under_a_dirichlet_prior_is_that_of_urns(shape):
    common, _ = counted((2, 2), 3, 60, 0)
    share = torch.rand(shape).double() + 0.1
    share = share / share.sum(-1, keepdim=True)
    assert float(dirichlet(common, 2.5 * share)) == pytest.approx(urns(common, share, 2.5), rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_prior_is_the_best_of_all_and_knows_its_evidence(seed):
    common, _ = counted((3,), 3, 90, seed)
    even = torch.ones(3).double() / 3
    whole = common.sum(0)
    alone, spread = max((urns(whole[None], even, each), each) for each in STRENGTHS)
    marginal = (whole + spread * even) / (whole.sum() + spread)
    cost = float((whole * marginal.log()).sum()) - alone
    expected = max(urns(common, even, each) for each in STRENGTHS)
    expected = max(expected, max(urns(common, marginal, each) for each in STRENGTHS) - cost)
    assert best_prior(common, (3,)).evidence == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("last", "k"), [(5.0, 3), (35.0, 4)])
def test_a_smooth_model_has_the_evidence_of_all_its_coefficients(last, k):
    common = torch.tensor([[30.0, 10.0], [18.0, 22.0], [12.0, 28.0], [last, 40 - last]]).double()
    found = LogLinear.of(common, (2, 2))
    assert found is not None and len(found.tightness) == k  # the second has a pair
    # importance sampling around the mode, with tails that are wide enough
    factor = found.found.root
    generator = torch.Generator().manual_seed(0)
    chi = torch.distributions.Chi2(torch.tensor(8.0).double())
    torch.manual_seed(0)
    drawn = torch.randn(40_000, k, generator=generator).double() / (chi.sample((40_000, 1)) / 8).sqrt()
    at = found.found.weights[:, 0] + torch.linalg.solve_triangular(factor.mT, drawn.mT, upper=True).mT
    student = math.lgamma(4 + k / 2) - math.lgamma(4) - k / 2 * math.log(8 * math.pi)
    log_q = student - (4 + k / 2) * torch.log1p(drawn.square().sum(1) / 8) + factor.diagonal().log().sum()
    logit = at @ found.columns.design.mT  # of the only contrast
    contrasts = contrasts_of(2)[:, 0]
    log_probs = (logit[..., None] * contrasts).log_softmax(-1)
    joint = (common * log_probs).sum((1, 2))
    joint += (-0.5 * found.tightness * at.square() + 0.5 * (found.tightness / (2 * math.pi)).log()).sum(1)
    exact = float((joint - log_q).logsumexp(0)) - math.log(40_000)
    assert found.found.evidence == pytest.approx(exact, abs=0.1)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(3)), st.permutations(range(3)), st.integers(0, 5))
def test_a_smooth_model_is_the_same_however_states_are_numbered(of_cause, of_child, seed):
    common, _ = counted((3, 2), 3, 600, seed, pairs=0.5)
    other = common.view(3, 2, 3)[list(of_cause)][:, :, list(of_child)].reshape(6, 3)
    one, two = LogLinear.of(common, (3, 2)), LogLinear.of(other, (3, 2))
    assert one is not None and two is not None
    assert two.found.evidence == pytest.approx(one.found.evidence, abs=0.2)
    torch.testing.assert_close(
        two.share, one.share.view(3, 2, 3)[list(of_cause)][:, :, list(of_child)].reshape(6, 3), atol=0.02, rtol=0
    )


def test_many_cells_with_few_rows_are_smoothed():
    # 3,125 cells with 3 rows each, of which a table of its own knows next to nothing
    common, table = counted((5,) * 5, 3, 9_375, 0)
    smooth, plain = (
        best_prior(common, (5,) * 5),
        max((TablePrior.of(common, each) for each in (False, True)), key=lambda each: each.evidence),
    )
    assert isinstance(smooth.around, LogLinear)
    assert smooth.evidence > plain.evidence + 1_000

    def away(prior: TablePrior) -> float:
        theta = (common + prior.concentration) / (common.sum(1, keepdim=True) + prior.strength)
        return float(0.5 * (theta - table).abs().sum(1).mean())

    assert away(smooth) < 0.05 < 3 * away(smooth) < away(plain)


@pytest.mark.parametrize("levels", [(3,), (2, 3), (2, 3, 4), (2, 3, 2, 4), (2, 3, 2, 2, 3)])
@pytest.mark.parametrize("some", [0, 2, 10])
def test_columns_are_uncorrelated_and_their_products_are_summed_by_margins(levels, some):
    pairs = tuple(itertools.combinations(range(len(levels)), 2))[:some]
    columns, cells = CellColumns(levels, pairs), math.prod(levels)
    width = 1 + sum(each - 1 for each in levels) + sum((levels[a] - 1) * (levels[b] - 1) for a, b in pairs)
    assert columns.design.shape == (cells, width) and columns.order.bincount()[:2].tolist() == [
        1,
        sum(levels) - len(levels),
    ]
    torch.testing.assert_close(columns.design.mT @ columns.design, cells * torch.eye(width).double())
    root = torch.randn(cells, 2, 2, dtype=torch.double)
    second = root @ root.mT
    torch.testing.assert_close(columns.information(second), information_of(columns.design, second))


@pytest.mark.parametrize("pairs", [(), ((0, 2), (1, 3)), tuple(itertools.combinations(range(4), 2))])
@pytest.mark.parametrize("some", [[0], [47], [3, 8, 9, 20, 41], range(5, 48, 2), range(48)])
def test_columns_at_some_cells_need_not_be_made(pairs, some):
    whole, cells = CellColumns((2, 3, 2, 4), pairs), torch.tensor(some)
    columns = CellColumns((2, 3, 2, 4), cells=cells).with_pairs(pairs)
    torch.testing.assert_close(columns.design, whole.design[cells], atol=0, rtol=0)
    weights, values = torch.randn(columns.width, 2).double(), torch.randn(len(cells), 2).double()
    torch.testing.assert_close(columns.applied(weights), columns.design @ weights)
    torch.testing.assert_close(columns.sums(values), columns.design.mT @ values)
    root = torch.randn(len(cells), 2, 2, dtype=torch.double)
    torch.testing.assert_close(columns.information(root @ root.mT), information_of(columns.design, root @ root.mT))
    full = torch.zeros(48, 2).double().index_add_(0, cells, values).view(2, 3, 2, 4, 2)
    torch.testing.assert_close(columns.margin((0, 3), values), full.sum((1, 2)).flatten(0, 1))


@pytest.mark.parametrize("most", [0, cell_columns.MOST])  # columns that are not made, and that are
def test_cells_without_counts_are_not_needed(monkeypatch, most):
    monkeypatch.setattr(cell_columns, "MOST", most)
    assert isinstance(CellColumns((4, 3, 3, 2)).regressors(2), Rows) == bool(most)
    common, _ = counted((4, 3, 3, 2), 3, 360, 3, pairs=0.5)
    seen = torch.arange(72) % 5 != 2
    common[~seen] = 0.0
    every = best_prior(common, (4, 3, 3, 2))
    some = best_prior(common[seen], (4, 3, 3, 2), cells=seen.nonzero()[:, 0])
    assert isinstance(some.around, LogLinear) and some.evidence == pytest.approx(every.evidence, rel=1e-9)
    torch.testing.assert_close(some.share, every.share[seen])
    again = some.again(0.5 * common[seen])
    assert again.evidence == pytest.approx(every.again(0.5 * common).evidence, rel=1e-6)


def test_margins_larger_than_all_cells_that_occur():
    cells = torch.tensor([0, 17, 399])
    columns, weights = CellColumns((20, 20), cells=cells), torch.randn(39, 2).double()
    torch.testing.assert_close(columns.applied(weights), columns.design @ weights)
    root = torch.randn(3, 2, 2, dtype=torch.double)
    torch.testing.assert_close(columns.information(root @ root.mT), information_of(columns.design, root @ root.mT))


@pytest.mark.parametrize(
    ("levels", "pairs", "contrasts", "cells", "made"),
    [
        pytest.param((5,) * 3, 3, 4, 125, True, id="few cells"),
        pytest.param((5,) * 7, 10, 4, 10_000, False, id="wide causes"),
        pytest.param((2,) * 14, 60, 1, 4_000, True, id="many terms"),
        pytest.param((400,) * 2, 0, 1, 3_000, True, id="large margins"),
    ],
)
def test_columns_are_made_where_that_is_faster(levels, pairs, contrasts, cells, made):
    some = tuple(itertools.combinations(range(len(levels)), 2))[:pairs]
    assert isinstance(CellColumns(levels, some, torch.arange(cells)).regressors(contrasts), Rows) == made


@pytest.mark.parametrize("levels", [(), (3, 2)])
def test_a_table_of_which_no_cell_occurs_says_nothing(levels):
    found = best_prior(torch.zeros(0, 3).double(), levels, cells=torch.zeros(0, dtype=torch.long))
    assert found.evidence == 0.0 and found.concentration.shape[-1] == 3


@pytest.mark.parametrize("together", [1, 40, 10_000])
def test_second_derivatives_are_sums_over_rows(monkeypatch, together):
    monkeypatch.setattr(logistic_module, "TOGETHER", together)
    design, root = torch.randn(17, 4, dtype=torch.double), torch.randn(17, 3, 3, dtype=torch.double)
    second = root @ root.mT
    expected = sum(torch.kron(torch.outer(x, x), each) for x, each in zip(design, second, strict=True))
    torch.testing.assert_close(information_of(design, second), expected)


def test_pairs_take_part_that_say_something():
    common, _ = counted((4, 4, 4), 3, 20_000, 1)
    alone = LogLinear.of(common, (4, 4, 4))
    assert alone is not None and len(alone.tightness) == 10
    cell = torch.cartesian_prod(*[torch.arange(4)] * 3)
    together = ((cell[:, 0] >= 2) == (cell[:, 2] >= 2)).double()  # of the first cause and the last
    found = LogLinear.of(common + 60 * together[:, None] * torch.tensor([1.0, 0.0, 0.0]).double(), (4, 4, 4))
    assert found is not None and (0, 2) in found.columns.pairs


def test_cells_of_their_own_stay_what_they_are():
    common, _ = counted((3, 3, 3), 3, 90_000, 0, single=0.0, cells=1.5)
    found = best_prior(common, (3, 3, 3))
    assert not isinstance(found.around, LogLinear) or found.strength < 100


def test_there_is_no_smooth_model_of_one_cause_or_of_too_many_coefficients():
    assert LogLinear.of(torch.ones(3, 2).double(), (3,)) is None
    assert LogLinear.of(torch.ones(1, 2).double(), ()) is None
    wide = LogLinear.of(torch.ones(900, 10).double(), (30, 30))  # pairs would be 7,569 coefficients
    assert wide is not None and wide.columns.design.shape == (900, 59)
    assert LogLinear.of(torch.ones(2500, 10).double(), (50, 50)) is None


def test_fewer_counts_tell_less_of_coefficients():
    common, _ = counted((3, 3, 3), 3, 60_000, 2, pairs=0.3)
    found = LogLinear.of(common, (3, 3, 3))
    assert found is not None
    fewer = 0.7 * common
    again = found.again(fewer)
    contrasts, share = contrasts_of(3), again.share
    apart = torch.diag_embed(share) - share[:, :, None] * share[:, None]
    second = contrasts.mT @ apart @ contrasts * fewer.sum(1)[:, None, None]
    tight = torch.diag(again.tightness.repeat_interleave(2))
    root = torch.linalg.cholesky(information_of(again.columns.design, second) + tight)
    half_log_det = root.diagonal().log().sum()
    torch.testing.assert_close(again.found.root.diagonal().log().sum(), half_log_det, atol=0.3, rtol=0)
    assert half_log_det < found.found.root.diagonal().log().sum() - 5


def test_again_and_discounted_counts():
    common, _ = counted((3, 3, 3), 3, 3_000, 2, pairs=0.3)
    found = best_prior(common, (3, 3, 3))
    assert isinstance(found.around, LogLinear)
    same, less = found.again(common), found.discounted(0.5 * common)
    assert same.evidence == pytest.approx(found.evidence, abs=0.1) and same.strength == found.strength
    assert less.cost == found.cost and torch.equal(less.share, found.share)
    assert less.evidence == pytest.approx(float(dirichlet(0.5 * common, found.concentration)) - found.cost)
