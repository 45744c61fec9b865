"""Posteriors of mechanisms: their means are those of the rows, their spread what so many rows leave open."""

from __future__ import annotations

import pickle

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, LinearGaussian, make_model, make_rows
from scipy import stats

import pyrocausal as pc
from pyrocausal.data.weights import Part
from pyrocausal.evidence.log_linear import LogLinear
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, PAIRS, Regressors
from pyrocausal.evidence.telling_rows import TellingRows, telling_rows
from pyrocausal.mechanism_posterior import drawn_mechanisms as module
from pyrocausal.mechanism_posterior.basis import Basis
from pyrocausal.mechanism_posterior.bootstrapped import BootstrappedPosterior
from pyrocausal.mechanism_posterior.drawn_mechanisms import MechanismPosterior
from pyrocausal.mechanism_posterior.logistic_posterior import LogisticPosterior
from pyrocausal.mechanism_posterior.regression_posterior import CountPosterior, RegressionPosterior, forms_of
from pyrocausal.mechanism_posterior.table_posterior import TablePosterior


def all_telling(rows):
    return TellingRows(rows, torch.ones_like(rows, dtype=torch.double))


# ---------------------------------------------------------------- rows
def test_rows_of_regimes_that_act_on_a_variable_do_not_tell_of_it():
    kinds = KINDS["continuous"]
    parts = [Part(torch.randn(6, 4)), Part(torch.randn(3, 4)), Part(torch.randn(2, 4), torch.tensor([2.0, 3.0]))]
    hit = torch.tensor([[1.0, 0.2, 0.0, 0.6], [0.0, 0.0, 0.9, 0.0]])
    found = telling_rows(kinds, parts, hit, None)
    assert found.rows.shape == found.weights.shape == (11, 4)
    assert torch.equal(found.weights[:6], torch.ones(6, 4).double())
    torch.testing.assert_close(found.weights[6], torch.tensor([0.0, 0.8, 1.0, 0.0]).double())
    torch.testing.assert_close(found.weights[9:], torch.tensor([[2.0, 2, 0, 2], [3, 3, 0, 3]]).double())


def test_rows_of_a_regime_that_drifts_count_as_fewer():
    kinds = (pc.Categorical((0, 1)), pc.Continuous(0.0, 1.0))
    parts = [Part(torch.zeros(6, 2)), Part(torch.zeros(400, 2))]
    drift = torch.tensor([[0.1, 0.1]])
    found = telling_rows(kinds, parts, torch.zeros(1, 2), drift)
    torch.testing.assert_close(found.weights[-1], torch.tensor([1 / 17, 1 / 5]).double())
    nothing = telling_rows(kinds, parts, torch.zeros(1, 2), torch.full((1, 2), torch.nan))
    assert torch.equal(nothing.weights[-1], torch.ones(2).double())


# ---------------------------------------------------------------- columns
@pytest.mark.parametrize("level", [LINEAR, ADDITIVE, PAIRS])
@pytest.mark.parametrize("name", ["mixed", "counts", "gaps"])
def test_a_basis_has_the_columns_of_the_evidence(name, level):
    kinds, rows = KINDS[name], make_rows(KINDS[name], 50)
    weights = torch.rand(50).double() + 0.5
    basis = Basis(kinds, rows, weights, (0, 1, 3), level)
    regressors = Regressors(kinds, [Part(rows, weights)])
    mine, theirs = basis(rows), regressors.columns((0, 1, 3), level)
    assert mine.shape == theirs.shape
    told = mine.abs().sum(0) > 0  # the others are all but combinations of those before
    assert told.sum() >= 0.8 * len(told)
    order = torch.cdist(mine[:, told].t(), theirs.t()).argmin(1)  # those that drift come first there
    assert len(set(order.tolist())) == len(order)
    torch.testing.assert_close(mine[:, told], theirs[:, order], atol=2e-3, rtol=1e-2)  # those are of single precision
    shaped = basis(rows.view(5, 10, 4))
    torch.testing.assert_close(shaped, mine.view(5, 10, -1))


@pytest.mark.parametrize("values", [(0.0, 1.0), (0.0, 1.0, 2.0, 5.0), (3.0,)])
def test_between_few_values_nothing_explodes(values):
    torch.manual_seed(0)
    kinds = (pc.Continuous(0.0, 1.0),) * 2
    x = torch.tensor(values)[torch.randint(len(values), (300,))]
    rows = torch.stack([x, x / (x + 0.5) + 0.1 * torch.randn(300)], 1)
    at = torch.linspace(0.0, 5.0, 30)[:, None].expand(30, 2)
    for level in (LINEAR, ADDITIVE):
        posterior = RegressionPosterior(kinds, all_telling(rows), 1, (0,), level)
        means = torch.stack([posterior.draw(np.random.default_rng(s))(at).mean for s in range(20)])
        assert float(means.abs().max()) < 5.0
    if len(values) == 4:
        seen = torch.tensor(values)[:, None].expand(4, 2)
        found = posterior.draw(np.random.default_rng(0))(seen).mean
        torch.testing.assert_close(found, seen[:, 0] / (seen[:, 0] + 0.5), atol=0.06, rtol=0)


# ---------------------------------------------------------------- forms
def test_a_regression_is_that_of_textbooks():
    torch.manual_seed(1)
    rows = torch.randn(4000, 4)
    rows[:, 2] = 1.5 * rows[:, 0] - 0.5 * rows[:, 1] + 0.3 + 0.7 * torch.randn(4000)
    posterior = RegressionPosterior(KINDS["continuous"], all_telling(rows), 2, (0, 1), LINEAR)
    rng = np.random.default_rng(0)
    at = torch.tensor([[0.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    drawn = [posterior.draw(rng)(at) for _ in range(2000)]
    means = torch.stack([each.mean for each in drawn]).double()
    slopes = means[:, 1:] - means[:, :1]
    design = torch.cat([torch.ones(4000, 1), rows[:, :2]], 1).double()
    covariance = torch.linalg.inv(design.mT @ design) * 0.49
    fitted = torch.linalg.lstsq(design, rows[:, 2:3].double()).solution[:, 0]
    torch.testing.assert_close(slopes.mean(0), fitted[1:], atol=2e-3, rtol=0)
    torch.testing.assert_close(slopes.std(0), covariance.diagonal().sqrt()[1:], rtol=0.08, atol=0)
    assert float(torch.stack([each.stddev[0] for each in drawn]).mean()) == pytest.approx(0.7, abs=0.02)


def test_a_curve_may_be_hardly_one():
    """The tighter the prior of steps, the nearer to a line; a slight bend is found at some size between."""
    torch.manual_seed(1)
    kinds, rows = KINDS["continuous"], torch.randn(1500, 4)
    rows[:, 2] = rows[:, 0] + 0.12 * rows[:, 0].square() + 0.7 * torch.randn(1500)
    telling = all_telling(rows)
    line = RegressionPosterior(kinds, telling, 2, (0,), LINEAR)
    curves = [RegressionPosterior(kinds, telling, 2, (0,), ADDITIVE, tight) for tight in (1.0, 1e12)]
    assert curves[1].evidence == pytest.approx(line.evidence, abs=0.05)
    torch.testing.assert_close(curves[1].found.weights[:2], line.found.weights, atol=1e-4, rtol=1e-4)
    best = MechanismPosterior(make_model(kinds), telling).of(2, (0,))
    assert best.basis.level == ADDITIVE and best.evidence > curves[0].evidence
    assert forms_of((*kinds[:3], pc.Categorical((0, 1))), (3,)) == [(LINEAR, 1.0)]


def test_a_table_is_a_dirichlet_posterior():
    kinds = (pc.Categorical((0, 1)), pc.Categorical((0, 1, 2)))
    rows = torch.tensor([[0.0, 0.0]] * 30 + [[0.0, 1.0]] * 10 + [[1.0, 2.0]] * 5)
    posterior = TablePosterior(kinds, all_telling(rows), 1, (0,))
    rng = np.random.default_rng(0)
    drawn = torch.stack([posterior.draw(rng)(torch.tensor([[0.0, 0.0], [1.0, 0.0]])).probs for _ in range(4000)])
    expected = posterior.common + posterior.prior.concentration
    torch.testing.assert_close(drawn.mean(0).double(), expected / expected.sum(1, keepdim=True), atol=0.01, rtol=0)
    beta = stats.beta(float(expected[0, 0]), float(expected[0, 1:].sum()))
    assert stats.kstest(drawn[:, 0, 0].numpy(), beta.cdf).pvalue > 1e-3
    assert float(expected.sum()) == pytest.approx(45 + 2 * (float(expected[1].sum()) - 5))


def test_a_smooth_table_is_drawn_with_all_that_is_not_known_of_its_coefficients():
    # Two causes whose effects add up: the share of cells, by the delta method, from the posterior of coefficients.
    rng = np.random.default_rng(0)
    kinds, causes = (pc.Categorical((0, 1, 2)),) * 2 + (pc.Categorical((0, 1)),), rng.integers(3, size=(900, 2))
    child = rng.random(900) < 1 / (1 + np.exp(1.0 - 0.6 * causes.sum(1)))
    rows = torch.from_numpy(np.column_stack([causes, child])).double()
    posterior = TablePosterior(kinds, all_telling(rows), 2, (0, 1))
    smooth = posterior.prior.around
    assert isinstance(smooth, LogLinear) and posterior.prior.strength > 1e3
    cells = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
    values = torch.cat([cells, torch.zeros(9, 1)], 1)
    drawn = torch.stack([posterior.draw(rng)(values).probs[:, 1] for _ in range(1500)]).double()
    covariance = torch.cholesky_inverse(smooth.found.root)
    logit_variance = 2 * ((smooth.columns.design @ covariance) * smooth.columns.design).sum(1)  # of contrasts
    share = smooth.share[:, 1]
    expected = logit_variance.sqrt() * share * (1 - share)
    torch.testing.assert_close(drawn.std(0), expected, rtol=0.15, atol=0)
    torch.testing.assert_close(drawn.mean(0), share, rtol=0.05, atol=0)


def test_states_by_numbers_have_the_right_slope_and_spread():
    torch.manual_seed(7)
    kinds = (pc.Continuous(0.0, 1.0), pc.Categorical(("off", "on")))
    x = torch.randn(2000)
    rows = torch.stack([x, (torch.rand(2000) < torch.sigmoid(0.3 + 1.5 * x)).float()], 1)
    posterior = MechanismPosterior(make_model(kinds), all_telling(rows)).of(1, (0,))
    assert isinstance(posterior, LogisticPosterior) and posterior.basis.level == LINEAR
    rng = np.random.default_rng(0)
    at = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    logits = torch.stack([posterior.draw(rng)(at).logits.diff(dim=-1)[:, 0] for _ in range(500)])
    assert float(logits[:, 0].mean()) == pytest.approx(0.3, abs=0.15)
    slope = logits[:, 1] - logits[:, 0]
    assert float(slope.mean()) == pytest.approx(1.5, abs=0.2)
    p = torch.sigmoid(0.3 + 1.5 * x)  # Fisher's information
    information = (
        (p * (1 - p))[:, None, None]
        * torch.stack([torch.ones(2000), x], 1)[:, :, None]
        * torch.stack([torch.ones(2000), x], 1)[:, None]
    )
    expected = float(torch.linalg.inv(information.sum(0))[1, 1].sqrt())
    assert float(slope.std()) == pytest.approx(expected, rel=0.2)


def test_counts_have_the_right_mean_and_spread():
    torch.manual_seed(2)
    kinds = (pc.Continuous(0.0, 1.0), pc.Count(None, 1.5, 0.8))
    x = torch.randn(3000)
    y = torch.poisson(torch.exp(1.2 + 0.5 * x) * torch.distributions.Gamma(5.0, 5.0).sample((3000,)))
    posterior = CountPosterior(kinds, all_telling(torch.stack([x, y], 1)), 1, (0,), LINEAR)
    rng = np.random.default_rng(0)
    at = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    logs = torch.stack([posterior.draw(rng)(at).mean.log() for _ in range(1000)])
    assert float(logs[:, 0].mean()) == pytest.approx(1.2, abs=0.05)
    slope = logs[:, 1] - logs[:, 0]
    assert float(slope.mean()) == pytest.approx(0.5, abs=0.05)
    assert 0.005 < float(slope.std()) < 0.03


def test_counts_do_not_run_away_where_no_row_has_been():
    torch.manual_seed(2)
    kinds = (pc.Continuous(0.0, 1.0), pc.Count(None, 1.5, 0.8))
    x = torch.randn(500)
    y = torch.poisson(torch.exp(1.2 + x))
    posterior = CountPosterior(kinds, all_telling(torch.stack([x, y], 1)), 1, (0,), ADDITIVE)
    rng = np.random.default_rng(0)
    drawn = torch.stack([posterior.draw(rng)(torch.tensor([[50.0, 0.0], [0.0, 0.0]])).mean for _ in range(50)])
    assert float(drawn[:, 0].max()) < 4 * float(torch.exp(1.2 + x.max()))
    assert float(drawn[:, 1].mean()) == pytest.approx(np.exp(1.2), rel=0.1)


def test_forms_are_judged_by_what_they_predict():
    torch.manual_seed(6)
    kinds = (pc.Continuous(0.0, 1.0),) * 2
    rows = torch.randn(400, 2)
    rows[:, 1] = 0.8 * rows[:, 0] + 0.6 * rows[:, 1]
    posterior = RegressionPosterior(kinds, all_telling(rows), 1, (0,), LINEAR)
    found = posterior.predictive(kinds[1], 1, rows, torch.ones(400).double())
    x, y = np.column_stack([np.ones(400), rows[:, 0]]), rows[:, 1].numpy()
    left = 0.0  # every row by least squares of the others
    for r in range(400):
        keep = np.arange(400) != r
        weights, squares, *_ = np.linalg.lstsq(x[keep], y[keep], rcond=None)
        left += stats.norm.logpdf(y[r], x[r] @ weights, np.sqrt(squares[0] / 397))
    assert found == pytest.approx(left, abs=2.0)
    twice = posterior.predictive(kinds[1], 1, rows, torch.full((400,), 2.0).double())
    assert twice == pytest.approx(2 * found)


def test_a_bootstrap_spreads_as_a_regression_does():
    torch.manual_seed(3)
    kinds = (pc.Continuous(0.0, 1.0),) * 2
    rows = torch.randn(300, 2)
    rows[:, 1] = 0.8 * rows[:, 0] + 0.6 * rows[:, 1]
    model = make_model(kinds, hidden=4)
    posterior = BootstrappedPosterior(model.mechanisms, kinds, all_telling(rows), 1, (0,))
    rng = np.random.default_rng(0)
    at = torch.tensor([[-0.5, 0.0], [0.5, 0.0]])
    before = [each.clone() for each in model.mechanisms.parameters()]
    means = torch.stack([posterior.draw(rng)(at).mean for _ in range(40)])
    slope = means[:, 1] - means[:, 0]
    assert float(slope.mean()) == pytest.approx(0.8, abs=0.2)
    assert 0.01 < float(slope.std()) < 0.3
    assert all(torch.equal(a, b) for a, b in zip(before, model.mechanisms.parameters(), strict=True))


def test_copies_say_the_same_alone_and_in_blocks():
    for name in ("mixed", "counts", "mixture"):
        kinds = KINDS[name]
        model, rows = make_model(kinds), make_rows(kinds, 20)
        families = [(0, (1, 2)), (1, ()), (2, (0, 1, 3)), (3, (2,))]
        copies = model.mechanisms.copies(families)
        copies.precondition(rows, torch.ones(20, 4))
        for members, conditional in copies.blocks(rows):
            for place, m in enumerate(members):
                value = kinds[m].typed(rows[:, m])
                together = conditional.log_prob(kinds[m].typed(rows[:, list(members)].t()))[place]
                torch.testing.assert_close(copies.conditional(m, rows).log_prob(value), together, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------- which form, and programs
def test_the_form_that_predicts_best_is_used():
    torch.manual_seed(4)
    kinds = (pc.Continuous(0.0, 1.0), pc.Continuous(0.0, 1.0), pc.Categorical((0, 1)), pc.Count(None, 1.5, 0.8))
    rows = torch.randn(3000, 4)
    rows[:, 1] = torch.tanh(3 * rows[:, 0]) + 0.1 * rows[:, 1]
    rows[:, 2] = (rows[:, 2] > 0).float()
    rows[:, 3] = torch.poisson(torch.exp(1 + 0.3 * rows[:, 0]))
    posterior = MechanismPosterior(make_model(kinds), all_telling(rows))
    found = posterior.of(1, (0,))
    assert isinstance(found, RegressionPosterior) and found.basis.level == ADDITIVE
    assert isinstance(posterior.of(2, ()), TablePosterior)
    assert isinstance(posterior.of(3, (0,)), CountPosterior)
    assert posterior.of(1, (0,)) is found


def test_networks_are_not_fitted_where_a_fit_has_found_them_needless(monkeypatch):
    torch.manual_seed(4)
    kinds = (pc.Continuous(0.0, 1.0),) * 2
    rows = torch.randn(200, 2)
    monkeypatch.setattr(module, "BootstrappedPosterior", lambda *of: pytest.fail("a network was asked for"))
    posterior = MechanismPosterior(make_model(kinds), all_telling(rows), networks=False)
    assert isinstance(posterior.of(1, (0,)), RegressionPosterior)


class Steep(LinearGaussian):
    """A mechanism of the user that no regression can say: its noise grows."""

    def conditional(self, i, values, parents):
        x = values[..., 0] * parents[0]
        return dist.Normal(0 * x, torch.exp(2 * x))


def test_a_mechanism_of_the_user_is_used_where_it_says_more():
    torch.manual_seed(5)
    kinds = (pc.Continuous(0.0, 1.0),) * 2
    rows = torch.randn(2000, 2)
    rows[:, 1] *= torch.exp(2 * rows[:, 0])
    model = pc.CausalModel(("a", "b"), kinds, Steep(kinds), make_model(kinds).beliefs)
    posterior = MechanismPosterior(model, all_telling(rows), networks=False)  # which are those of the package alone
    found = posterior.of(1, (0,))
    assert isinstance(found, BootstrappedPosterior)
    drawn = found.draw(np.random.default_rng(0))(torch.tensor([[1.0, 0.0]]))
    assert float(drawn.scale) == pytest.approx(np.exp(2.0), rel=1e-5)


def test_a_drawn_program_is_a_program():
    kinds = KINDS["mixed"]
    rows = make_rows(kinds, 200)
    posterior = MechanismPosterior(make_model(kinds), all_telling(rows))
    graph = torch.diag(torch.ones(3), -1).bool()
    one, other = (posterior.program(graph, np.random.default_rng(seed)) for seed in (0, 1))
    values = one(10)
    assert torch.equal(one.graph, graph)
    with pc.Exogenous(pc.abduct(one, values)):
        torch.testing.assert_close(one(10), values)
    assert not torch.allclose(one.conditional(1, values).mean, other.conditional(1, values).mean)
    copied = pickle.loads(pickle.dumps(one))
    assert torch.equal(copied.conditional(1, values).mean, one.conditional(1, values).mean)
    again = posterior.program(graph, np.random.default_rng(0))
    assert torch.equal(again.conditional(1, values).mean, one.conditional(1, values).mean)


@pytest.mark.parametrize("n", [1, 3999, 4001, 8001, 54096])
def test_some_rows_in_place_of_many_judge_a_mechanism(n):
    """At most 4,000 rows, evenly spread and weighed for those left out, whatever the number of rows."""
    rows, kinds = torch.bernoulli(torch.full((n, 2), 0.5)), (pc.Categorical((0, 1)),) * 2
    told = TablePosterior(kinds, all_telling(rows), 1, ()).predictive(kinds[1], 1, rows, torch.ones(n).double())
    assert told / n == pytest.approx(-np.log(2), abs=0.01 if n > 1 else 1)


@pytest.mark.parametrize("kind", ["categorical", "continuous", "counts", "mixed"])
def test_what_is_expected_is_what_draws_are_on_average(kind):
    torch.manual_seed(0)
    kinds = KINDS[kind]
    rows = make_rows(kinds, 400)
    posterior = MechanismPosterior(make_model(kinds), all_telling(rows), networks=False)
    rng = np.random.default_rng(0)
    for i in range(len(kinds)):
        family = posterior.of(i, tuple(j for j in range(len(kinds)) if j != i)[:2])

        def centre(conditional):
            found = conditional(rows[:50])
            return found.probs if isinstance(found, dist.Categorical) else found.mean

        drawn = torch.stack([centre(family.draw(rng)) for _ in range(200)])
        expected = centre(family.draw(None))
        apart = (drawn.mean(0) - expected).abs() / (drawn.std(0) + 1e-6)
        assert float(apart.mean()) < 0.3
        assert torch.equal(centre(family.draw(None)), expected)
