"""Counts: the distribution, the regression and its evidence, how exposure enters, and graphs found again."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import scipy.stats
import torch
from conftest import make_fold

import pyrocausal as pc
from pyrocausal import simulate as sim
from pyrocausal.copies.screening import Residuals
from pyrocausal.data.count import log_levels
from pyrocausal.data.kind import entering
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.evidence import imputation
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.model.count_regression import count_regression
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.simulate.experiments import simulate
from pyrocausal.simulate.graphs import random_dag
from pyrocausal.simulate.random_counts import count_truth


class TestDistribution:
    @pytest.mark.parametrize("log_size", [-3.0, 0.0, 4.0, 9.0])
    def test_is_scipys(self, log_size):
        log_mean = torch.linspace(-3, 9, 7).double()
        value = torch.tensor([0.0, 1.0, 7.0, 400.0, 30_000.0]).double()[:, None]
        size = math.exp(log_size)
        expected = scipy.stats.nbinom.logpmf(value.numpy(), size, size / (size + log_mean.exp().numpy()))
        found = negative_binomial(log_mean, torch.tensor(log_size).double()).log_prob(value)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-6)

    def test_is_a_gamma_mixture_of_poissons_with_this_mean(self):
        log_mean, log_size = torch.tensor([0.5, 3.0]), torch.tensor([1.0, -0.5])
        found = negative_binomial(log_mean, log_size)
        value = torch.tensor([[0.0, 4.0], [7.0, 0.0]])
        expected = dist.GammaPoisson(log_size.exp(), (log_size - log_mean).exp()).log_prob(value)
        assert torch.allclose(found.log_prob(value), expected, atol=1e-5)
        assert torch.allclose(found.mean, log_mean.exp())

    def test_large_counts_keep_their_precision(self):
        wanted = torch.distributions.Poisson(torch.tensor(3.0e4).double()).log_prob(torch.tensor(3.01e4).double())
        found = negative_binomial(torch.tensor(3.0e4).log(), torch.tensor(9.0)).log_prob(torch.tensor(3.01e4))
        assert found.dtype == torch.float32
        spread = math.log1p(3.0e4 / math.exp(9.0))  # variance over that of the Poisson
        assert abs(float(found) - (float(wanted) - 0.5 * spread)) < 0.5

    def test_scores_have_mean_zero_and_are_the_gradient(self):
        log_mean, log_size = torch.full((20_000,), 1.5), torch.full((20_000,), 0.7)
        right = negative_binomial(log_mean, log_size)
        value = right.sample()
        scores = right.scores(value)
        assert scores.mean(-1).abs().max() < 0.05
        log_mean, log_size = log_mean.double().requires_grad_(), log_size.double().requires_grad_()
        negative_binomial(log_mean, log_size).log_prob(value).sum().backward()
        assert torch.allclose(log_size.grad.float(), scores[1], atol=1e-4)
        deviation = (right.mean.square() / right.variance).sqrt()
        assert torch.allclose(log_mean.grad.float() / deviation, scores[0], atol=1e-4)

    def test_residuals_of_a_block(self):
        conditional = negative_binomial(torch.zeros(2, 50), torch.zeros(2, 50))
        found = Residuals.of(conditional, conditional.sample())
        assert found.values.shape == (2, 2, 50)
        assert found.weight.tolist() == [[1.0, 1.0]] * 2


def integrated(y, level, information=0.25, centre=1.0, deviation=2.0) -> float:
    """Evidence of counts [n] of one mean, by a sum over a grid of its logarithm and the size's."""
    b, s = torch.linspace(-16, 16, 1601).double(), torch.linspace(-8, 11, 381).double()
    log_mean, log_size = b[:, None] + level, s[None]
    total = -torch.lgamma(1 + y).sum()
    for value in y:
        total = total + torch.lgamma(log_size.exp() + value) - torch.lgamma(log_size.exp())
        total = total - (log_size.exp() + value) * torch.nn.functional.softplus(log_mean - log_size)
        total = total + value * (log_mean - log_size)
    total = total + torch.distributions.Normal(0.0, information**-0.5).log_prob(b)[:, None]
    total = total + torch.distributions.Normal(centre, deviation).log_prob(s)
    return float(total.flatten().logsumexp(0)) + math.log(0.02 * 0.05)


class TestRegression:
    @pytest.mark.parametrize(
        "counts", [[0, 0, 0, 0, 0], [3, 1, 0, 7, 2, 2], [40, 80, 55, 90, 71, 66, 30], [0, 0, 0, 0, 0, 0, 0, 300]]
    )
    def test_evidence_is_the_integral_about(self, counts):
        y = torch.tensor(counts).double()
        one = torch.ones_like(y)
        found = count_regression(one[:, None], y, 1.5 * one, one)
        assert float(found.evidence) == pytest.approx(integrated(y, 1.5), abs=0.4)

    def test_evidence_is_a_distribution_over_counts(self):
        # Of two rows: the sum over all pairs of counts is one, about.
        first, second = (grid.flatten().double() for grid in torch.meshgrid(*[torch.arange(250)] * 2, indexing="ij"))
        y = torch.stack([first, second], 1)
        one = torch.ones_like(y)
        total = count_regression(one[..., None], y, one, one).evidence.logsumexp(0)
        assert 0.6 < math.exp(float(total)) < 1.3

    def test_finds_what_drew_the_counts_in_every_batch(self):
        x = torch.randn(3, 4000, 3).double()
        x[..., 0] = 1.0
        weights = torch.tensor([[1.0, 0.5, -0.3], [3.0, 0.0, 0.8], [-1.0, 0.4, 0.4]]).double()
        offset = 0.5 * torch.randn(3, 4000).double()
        log_mean = offset + (x @ weights[..., None])[..., 0]
        y = negative_binomial(log_mean, torch.full_like(log_mean, 1.0)).sample()
        found = count_regression(x, y, offset, torch.ones(3, 4000))
        assert (found.weights - weights).abs().max() < 0.12
        assert (found.log_size - 1.0).abs().max() < 0.25
        alone = count_regression(x[1], y[1], offset[1], torch.ones(4000))
        assert float(alone.evidence) == pytest.approx(float(found.evidence[1]), abs=1e-2)

    def test_rows_that_do_not_count_say_nothing(self):
        x, y = torch.randn(60, 2).double(), torch.randint(9, (60,)).double()
        keep = torch.arange(60) < 40
        some = count_regression(x[:40], y[:40], torch.zeros(40).double(), torch.ones(40))
        padded = count_regression(x, torch.where(keep, y, 1e4), torch.zeros(60).double(), keep)
        assert float(padded.evidence) == pytest.approx(float(some.evidence), abs=1e-6)
        nothing = count_regression(x, y, torch.zeros(60).double(), torch.zeros(60))
        assert abs(float(nothing.evidence)) < 0.5

    def test_regimes_of_any_sizes_are_as_if_alone_and_none_is_padded_to_the_largest(self):
        kinds = (Count(None, 2.0, 1.0), Count(None, 2.0, 1.0))
        regimes = [torch.poisson(10 * torch.rand(n, 2)) for n in (3, 900, 40, 0, 50, 2, 1)]
        together = NewMechanisms(kinds, regimes)
        alone = torch.cat([NewMechanisms(kinds, [rows]).of(1, (0,)) for rows in regimes])
        torch.testing.assert_close(together.of(1, (0,)), alone, atol=1e-3, rtol=0)
        assert sum(padded.there.numel() for padded in together._padded) < 2 * sum(map(len, regimes))

    @pytest.mark.parametrize("far", [1e-3, 1.0, 30.0])
    def test_extreme_rows_do_not_break_it(self, far):
        x = torch.stack([torch.ones(50), far * torch.randn(50), torch.ones(50)], 1).double()  # a repeated column too
        for y in (torch.zeros(50), torch.full((50,), 1e6), torch.randint(2, (50,)) * 1e5):
            found = count_regression(x, y, torch.zeros(50).double(), torch.ones(50))
            assert bool(found.evidence.isfinite())


KINDS = (Count("X2", 1.5, 0.8, place=2), Count(None, 2.0, 1.0), Exposure(3.0))


class TestExposure:
    def test_a_cause_enters_relative_to_it(self):
        values = torch.tensor([[8.0, 8.0, math.log(2.0)]])
        found = entering(KINDS, values)
        assert found[0].tolist() == pytest.approx([(math.log(5) - 1.5) / 0.8, math.log(9) - 2.0, math.log(2)])
        levels = log_levels(KINDS[:2], values)[0].tolist()
        assert levels == pytest.approx([math.log(math.expm1(1.5) * 2), math.log(math.expm1(2.0))])

    def test_evidence_and_predictions_see_it(self):
        depth = torch.randn(600)
        x = torch.poisson((2.0 + depth).exp())
        with_it = torch.stack([x, torch.poisson(torch.full((600,), 5.0)), depth], 1)
        without = (Count(None, 1.5, 0.8), *KINDS[1:])
        evidence = [float(NewMechanisms(kinds, [with_it]).of(0, ())) for kinds in (KINDS, without)]
        assert evidence[0] > evidence[1] + 100
        fold = make_fold(with_it[:300], torch.ones(300, 3, dtype=torch.bool), with_it[300:])
        predicted = [float(ClosedForm(kinds, fold).log_probs(0, ())[0].sum()) for kinds in (KINDS, without)]
        assert predicted[0] > predicted[1] + 50

    def test_predictions_do_not_run_away_where_no_row_has_been(self):
        kinds = (Continuous(0.0, 1.0), Count(None, 2.0, 1.0))
        x = torch.randn(500)
        rows = torch.stack([x, torch.poisson((1.5 + 0.5 * x).exp())], 1)
        far = torch.tensor([[20.0, float(rows[:, 1].max())]])
        closed = ClosedForm(kinds, make_fold(rows, torch.ones(500, 2, dtype=torch.bool), far))
        assert float(closed.log_probs(1, (0,))[0]) > -100

    def test_sampled_counts_are_in_proportion_to_it(self):
        kinds = (KINDS[0], KINDS[1], KINDS[2])
        model = pc.CausalModel(
            ("X0", "X1", "X2"), kinds, pc.NeuralMechanisms(kinds, 4), pc.IndependentBeliefs(torch.zeros(3, 3))
        )
        with torch.no_grad():
            for parameter in model.mechanisms.parameters():
                parameter.zero_()
            model.mechanisms.bias_out[:, 1] = 3.0
            values = model(size=4000)
        high = values[:, 2] > 0
        ratio = values[high, 0].mean() / values[~high, 0].mean()
        assert ratio > 2
        assert 0.8 < values[high, 1].mean() / values[~high, 1].mean() < 1.25


def closed_form(data, **told) -> pc.CausalPosterior:
    settling = pc.Settling(proposal=5, refitting=None, final_steps=1)  # without networks, which is fast
    return pc.discover(data, chains=1, seed=0, progress=False, settling=settling, **told)


def test_depth_makes_no_edges_once_it_is_known():
    graph = nx.empty_graph(["A", "B", "C"], create_using=nx.DiGraph)
    truth = count_truth(graph, np.random.default_rng(0), exposure="depth", spread=0.6)  # from 1/3 to 3, mostly
    data = simulate(truth, intervention=sim.hard_count(), rows=500, rows_per_regime=80).data
    assert data.exposures == ("depth",)
    found = closed_form(data, target_prior=pc.TargetPrior(several=True))
    assert not found.to_networkx().edges
    assert found.target_probabilities["variable"].values.tolist() == ["A", "B", "C"]  # depth is no node
    tables = [data.decode(rows).drop(columns="depth") for rows in (data.observational, *(r.rows for r in data.regimes))]
    without = pc.InterventionalData.from_frames(
        tables[0], dict(zip(data.regime_names, tables[1:], strict=True)), kinds=[pc.Count] * 3
    )
    assert closed_form(without).to_networkx().edges


def test_a_graph_of_counts_is_found_again():
    rng = np.random.default_rng(101)
    truth = count_truth(random_dag(3, 1.0, rng), rng)
    assert truth.graph.number_of_edges() == 3
    made = simulate(truth, intervention=sim.hard_count(), rows=800, rows_per_regime=150, seed=101)
    result = closed_form(made.data)
    assert pc.shd(result.to_networkx(), truth.graph) <= 1
    assert pc.target_accuracy(result.targets(), made.targets) == 1.0


@pytest.mark.filterwarnings("ignore:1 of 1 chains have not settled")
def test_all_kinds_in_one_table(tmp_path):
    rng = np.random.default_rng(0)

    def table(n, dose=0.5, factor=1.0):
        drug = rng.random(n) < dose
        depth = 1000 * np.exp(0.6 * rng.standard_normal(n))
        kinase = 0.8 * drug + 0.5 * rng.standard_normal(n)
        gene = rng.poisson(factor * depth / 1000 * np.exp(1.5 + kinase) * rng.gamma(4, 1 / 4, n))
        return pd.DataFrame({"drug": drug, "kinase": kinase, "gene": gene, "depth": depth})

    frames = {"drugged": table(100, dose=1.0), "knocked": table(100, factor=0.2)}
    data = pc.InterventionalData.from_frames(table(600), frames, kinds={"gene": pc.Count(exposure="depth")})
    assert [type(kind) for kind in data.kinds] == [Categorical, Continuous, Count, Exposure]
    result = closed_form(data)
    edges = set(result.to_networkx().edges)
    assert {("drug", "kinase"), ("kinase", "gene")} <= edges
    assert not any("depth" in edge for edge in edges)
    assert result.targets()["knocked"] == ("gene",)
    result.save(tmp_path / "fit.zip")
    again = pc.CausalPosterior.load(tmp_path / "fit.zip")
    assert again.data.kinds == data.kinds
    sampled = data.decode(again.chains[0].model(size=30))
    assert (sampled["gene"] >= 0).all()
    assert (sampled["depth"] > 0).all()


def test_gaps_of_counts_are_drawn_in_proportion_to_the_exposure(monkeypatch):
    monkeypatch.setattr(imputation, "STEPS", 300)
    rng = np.random.default_rng(0)
    depth = 1000 * np.exp(rng.choice([-1.5, 1.5], 600))
    gene = rng.poisson(depth / 100).astype(float)
    gene[::5] = np.nan
    frame = pd.DataFrame({"gene": gene, "other": rng.poisson(4, 600), "depth": depth})
    data = pc.InterventionalData.from_frames(
        frame[:400], {"drug": frame[400:]}, kinds={"gene": Count("depth"), "other": Count}
    )
    assert data.kinds[0].missing
    drawn = data.decode(imputation.impute(data).observational)
    assert drawn["gene"].dtype == np.int64
    gaps = np.isnan(gene[:400])
    high = depth[:400] > 1000
    assert 25 < drawn["gene"][gaps & high].mean() < 70  # about 45
    assert drawn["gene"][gaps & ~high].mean() < 6  # about 2


class TestHandlers:
    names = ("X0", "X1", "X2")

    def model(self):
        return pc.CausalModel(
            self.names, KINDS, pc.NeuralMechanisms(KINDS, 4), pc.IndependentBeliefs(torch.zeros(3, 3))
        )

    def test_an_intervention_on_the_exposure_reaches_its_counts(self):
        values, edges, model = torch.tensor([[3.0, 4.0, 0.0]] * 2), torch.zeros(3, 3), self.model()
        moved = values.clone()
        moved[:, 2] = 1.0
        found = []
        for rows, change in ((values, {"X2": moved[:, 2]}), (moved, {})):
            program = pyro.condition(model, {"edges": edges})
            with pc.intervene(change):
                found.append(pyro.poutine.trace(program).get_trace(rows).nodes["X0"]["fn"].mean)
        assert torch.allclose(*found)
        assert not torch.allclose(model.mechanisms.conditional(0, values, edges[0]).mean, found[0])

    def test_what_is_no_count_is_refused(self):
        with pc.intervene({"X0": torch.tensor(0.5)}), pytest.raises(ValueError, match="'X0' must be counts, whole"):
            self.model()(torch.tensor([[3.0, 4.0, 0.0]]))
