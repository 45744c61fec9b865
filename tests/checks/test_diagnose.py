"""What is said of fits that are wrong in a known way, and of good ones."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, make_chain, make_model, small_data
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import NAMES, Diagnosis, Finding
from pyrocausal.checks.residuals import ProgramResiduals
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import IndependentBeliefs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.posterior.causal_posterior import CausalPosterior

UNIT = Continuous(0.0, 1.0)
SLOPE = 0.6


# ------------------------------------------------------------------ results made by hand
def told(probability=(), targets=(4, 4, 4), **changes):
    """A chain of four variables and three regimes by edge probabilities {(cause, effect): p} and targets, or 4."""
    edges = torch.zeros(4, 4)
    for (cause, effect), p in dict(probability).items():
        edges[effect, cause] = p
    hit = torch.eye(5)[list(targets)] if not isinstance(targets, torch.Tensor) else targets
    return make_chain(make_model(KINDS["categorical"]), edges, hit, **changes)


def said(*chains, rows=40, **of_data):
    return diagnose(CausalPosterior(small_data(rows=rows, **of_data), chains, 0))


def subjects(diagnosis, name):
    return [each.subject for each in diagnosis.named(name)]


def test_a_fit_that_was_not_finished():
    found = said(told(), told(settled=False))
    assert subjects(found, "not-converged") == [("chain 1",)]
    assert "stopped after 2 steps of the three phases" in found.named("not-converged")[0].message
    assert found.named("not-converged")[0].numbers["confidence"] == 0.9
    rounds = pd.DataFrame({"evidence": [1.0], "edges": [3], "moves": [1], "switched": [2]})
    cut = said(told(settled=False, rounds=rounds))
    assert "1 round of settling; the last changed 1 edge and the targets of 2 regimes" in str(cut)
    assert cut.named("not-converged")[0].numbers == {"rounds": 1, "moves": 1, "switched": 2}
    assert "the fit was not finished" in str(cut)  # so that mechanisms were not looked at
    assert not subjects(said(told(), told()), "not-converged")


def test_chains_that_disagree():
    one = told({(0, 1): 1.0, (1, 2): 1.0}, (0, 1, 4), evidence=-10.0)
    other = told({(1, 0): 1.0, (1, 2): 1.0}, (0, 2, 4), evidence=-14.5)
    found = said(one, other)
    assert set(subjects(found, "restarts-disagree")) == {("X0", "X1"), ("X1", "X0"), ("regime 1",)}
    messages = {each.subject: each.message for each in found.named("restarts-disagree")}
    assert (
        messages["X0", "X1"] == "X0 -> X1 is in the graphs of 1 of 2 chains; those with it have 4.5 nats more evidence"
    )
    assert messages["X1", "X0"].endswith("those without it have 4.5 nats more evidence")
    assert "chain 0: X1; chain 1: X2" in messages["regime 1",]
    assert not subjects(said(one, one), "restarts-disagree")
    alone = said(one)
    assert not subjects(alone, "restarts-disagree")
    assert "a single chain" in alone.named("not-checked")[0].message
    assert all(each.name != "not-checked" for each in alone.findings)


def test_targets_that_are_unclear_and_regimes_in_which_nothing_was_done():
    hit = torch.tensor([[0.5, 0.4, 0.0, 0.0, 0.1], [0.0, 0.1, 0.0, 0.0, 0.9], [0.0, 0.0, 0.0, 0.9, 0.1]])
    found = said(told(targets=hit))
    assert subjects(found, "unclear-target") == [("regime 0",)]
    assert found.named("unclear-target")[0].numbers == pytest.approx({"X0": 0.5, "X1": 0.4, "no target": 0.1})
    assert subjects(found, "nothing-done") == [("regime 1",)]
    assert found.named("nothing-done")[0] in found.remarks
    known = said(told(targets=torch.eye(5)[[4, 4, 3]]), targets=[(), (), ("X3",)])
    assert not subjects(known, "nothing-done") + subjects(known, "unclear-target")
    even = said(told(targets=torch.full((3, 5), 0.2)))
    assert len(subjects(even, "unclear-target")) == 3
    several = torch.tensor([[0.95, 0.9, 0.0, 0.0, 0.0]] * 3)  # two targets, both of them clear
    assert not subjects(said(told(targets=several)), "unclear-target")


def test_beside_a_target_that_is_certain_only_a_further_one_may_be_unclear():
    hit = torch.tensor([[1.0, 0.5, 0.1, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 0.95, 0.0, 0.0, 0.0]])
    found = said(told(targets=hit), targets=[AtLeast("X0")] * 3)
    assert subjects(found, "unclear-target") == [("regime 0",)]
    assert found.named("unclear-target")[0].numbers == pytest.approx({"X1": 0.5, "X2": 0.1})
    assert not subjects(found, "nothing-done")


def test_variables_that_are_hit_together_only():
    together = torch.tensor([[1.0, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]])
    found = said(told(targets=together, several=True)).named("hit-together")
    assert [each.subject for each in found] == [("X0", "X1")]
    assert "X0 in regimes 'regime 0', 'regime 1' is a target beside X1" in found[0].message
    once, apart = together.clone(), together.clone()
    once[1, :2], apart[2, 0] = 0, 1  # one regime only; and X0 without X1 in another
    for other in (once, apart):
        assert not said(told(targets=other, several=True)).named("hit-together")


def test_pairs_that_are_undecided():
    found = said(told({(0, 1): 0.5, (1, 0): 0.45, (2, 3): 0.9, (1, 2): 0.7}))
    assert subjects(found, "undecided-edge") == [("X0", "X1"), ("X1", "X2")]
    assert found.named("undecided-edge")[0].numbers == pytest.approx({"forth": 0.5, "back": 0.45, "none": 0.05})
    strict = diagnose(CausalPosterior(small_data(), (told({(2, 3): 0.9}),), 0), sure=0.95)
    assert subjects(strict, "undecided-edge") == [("X2", "X3")]


def test_few_rows():
    found = said(told(), rows=40)
    assert len(found.named("few-rows")) == 1
    assert found.named("few-rows")[0].numbers["correlation"] > 0.2
    assert not said(told(), rows=2000).named("few-rows")
    settings = {"settling": {"price": 0.1}, "algorithm": {"fitting": {"held_out": 0.2}}}
    cheap = CausalPosterior(small_data(rows=100), (told(),), 0, settings)
    assert not diagnose(cheap).named("few-rows")
    assert diagnose(replace(cheap, settings=None)).named("few-rows")


def test_beliefs_that_go_in_circles():
    around = {(0, 1): 0.9, (1, 2): 0.9, (2, 0): 0.9, (2, 3): 1.0}
    found = said(told(around))
    assert subjects(found, "cycles") == [("X0", "X1", "X2")]
    assert found.named("cycles")[0].numbers["share"] == pytest.approx(0.9**3, abs=0.05)
    settled = told(around, rounds=pd.DataFrame({"evidence": [1.0], "edges": [3], "moves": [0], "switched": [0]}))
    assert not said(settled).named("cycles")  # their beliefs were but a proposal
    assert not said(told({(0, 1): 0.9, (1, 2): 0.9})).named("cycles")


def test_words():
    assert str(Diagnosis()).startswith("Nothing was found that speaks against this fit, which does not show that")
    many = Diagnosis(tuple(Finding("undecided-edge", ("a", str(k)), f"pair {k}") for k in range(7)))
    text = str(many)
    assert text.startswith("7 findings\n\nPairs of variables that the data do not decide:\n- pair 0\n")
    assert "- pair 5" not in text
    assert "- and 2 more\nWhat to do: Take neither answer for granted." in text
    with pytest.raises(ValueError, match=r"name must be one of .*not-converged.*got 'hidden'"):
        many.named("hidden")


def test_errors():
    result = CausalPosterior(small_data(), (told(),), 0)
    with pytest.raises(TypeError, match="result must be a CausalPosterior, got int"):
        diagnose(3)
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 0"):
        diagnose(result, level=0)
    with pytest.raises(ValueError, match=r"sure must be in \(0.5, 1\), got 0.4"):
        diagnose(result, sure=0.4)


# ------------------------------------------------------------------ programs held against rows
def world(seed=0, *, hidden=0.0, edge=0.0, also=0.0, noise=None, far=0.0, acted=("A", "B", "C"), rows=2000):
    """C -> A and C -> B; A -> B if there is an edge, and something unknown acts on both; a regime per name in `acted`.

    A is moved along with C in regime "C" by `also`. C ends up `far` away there, and acts no further than 2.5.
    """
    rng = np.random.default_rng(seed)

    def table(n, hit=None):
        u = rng.normal(size=n)
        c = rng.normal(size=n) if hit != "C" else rng.normal(1.0 + far, 1.0, n)
        acts = 0.5 * c.clip(-2.5, 2.5)
        a = acts + hidden * u + rng.normal(size=n) if hit != "A" else rng.normal(0.0, 1.5, n)
        a = a + also * (hit == "C")
        left = rng.normal(size=n) if noise is None else noise(rng, n)
        b = acts + edge * a + hidden * u + left if hit != "B" else rng.normal(0.0, 1.5, n)
        return torch.tensor(np.stack([a, b, c], 1)).float()

    regimes = tuple(Regime(name, table(400, name)) for name in acted)
    return InterventionalData(("A", "B", "C"), (UNIT,) * 3, table(rows), regimes)


class Regressions(Mechanisms):
    """A normal distribution around a linear function of the parents, for every set of three of its own."""

    def __init__(self, kinds, rows):
        super().__init__()
        self.weight, self.bias, self.scale = torch.zeros(3, 8, 3), torch.zeros(3, 8), torch.ones(3, 8)
        for i, code in itertools.product(range(3), range(8)):
            parents = [j for j in range(3) if code >> j & 1 and j != i]
            x = torch.cat([torch.ones(len(rows), 1), rows[:, parents]], 1)
            found = torch.linalg.lstsq(x, rows[:, i, None]).solution
            self.bias[i, code], self.weight[i, code, parents] = found[0, 0], found[1:, 0]
            self.scale[i, code] = (rows[:, i] - (x @ found)[:, 0]).std()

    def conditional(self, i, values, parents):
        code = (parents @ torch.tensor([1.0, 2.0, 4.0])).long()
        return dist.Normal((values * self.weight[i, code]).sum(-1) + self.bias[i, code], self.scale[i, code])


def fitted(data, edges, mechanisms=Regressions) -> CausalPosterior:
    """Who was hit is known, the graph is given, and mechanisms are fitted to the observational rows."""
    names = data.names
    dag = torch.zeros(3, 3)
    for cause, effect in edges:
        dag[names.index(effect), names.index(cause)] = 1.0
    hit = torch.eye(4)[[names.index(regime.name) for regime in data.regimes]]
    beliefs = IndependentBeliefs(fixed_edges(names))
    model = CausalModel(names, data.kinds, mechanisms(data.kinds, data.observational), beliefs)
    chain = make_chain(model, dag, hit)
    return CausalPosterior(data, (chain, chain), 0)


BOTH = [("C", "A"), ("C", "B")]
DRAWN = [*BOTH, ("A", "B")]


@pytest.mark.parametrize("seed", range(5))
def test_a_good_fit_leaves_nothing_to_say(seed):
    assert diagnose(fitted(world(seed, edge=SLOPE), DRAWN)).findings == ()


@pytest.mark.parametrize("edges", [DRAWN, [*BOTH, ("B", "A")], BOTH])
def test_a_common_cause_that_was_not_measured(edges):
    found = diagnose(fitted(world(hidden=0.7), edges))
    assert subjects(found, "hidden-cause") == [("A", "B")]
    assert found.named("hidden-cause")[0].numbers["p_value"] < 0.01
    assert not found.named("changed-mechanism")  # that is said with it
    assert "Measure what may act on both" in str(found)


def test_a_common_cause_is_seen_beside_an_edge():
    assert subjects(diagnose(fitted(world(hidden=1.0, edge=0.3), DRAWN)), "hidden-cause") == [("A", "B")]


def test_an_edge_that_was_reversed_is_no_common_cause():
    found = diagnose(fitted(world(edge=SLOPE), [*BOTH, ("B", "A")]))
    assert not found.named("hidden-cause")
    assert ("B", "A") in subjects(found, "changed-mechanism")


def test_without_an_experiment_on_both_nothing_is_said_of_a_common_cause():
    found = diagnose(fitted(world(hidden=0.7, acted=("B", "C")), BOTH))
    assert not found.named("hidden-cause")
    assert subjects(found, "unexplained-dependence") == [("A", "B")]


def test_an_edge_that_is_missing():
    found = diagnose(fitted(world(edge=SLOPE), BOTH))
    assert subjects(found, "unexplained-dependence") == [("A", "B")]
    assert ("A", "B") in subjects(found, "changed-mechanism")
    assert not found.named("hidden-cause")


@pytest.mark.parametrize("also", [1.0, 4.0])
def test_a_regime_that_acts_on_two(also):
    found = diagnose(fitted(world(also=also, edge=SLOPE), DRAWN))
    assert subjects(found, "changed-mechanism") == [("C", "A")]
    assert "which is said to act on C" in found.named("changed-mechanism")[0].message


def test_where_a_mechanism_extrapolates_nothing_is_compared():
    result = fitted(world(far=2.0), BOTH)
    assert not diagnose(result).named("changed-mechanism")
    left = ProgramResiduals(result.data, result.best, torch.ones(3, dtype=torch.bool))
    names = result.data.names
    (inside,) = left.changed(names.index("A"), [result.data.regime_names.index("C")])
    assert 10 < inside.rows < 100


def test_rows_that_are_compared():
    data = world()
    data.observational[:100, 0] = data.regimes[1].rows[:50, 0] = torch.nan
    gaps = (replace(UNIT, missing=True), UNIT, UNIT)
    result = fitted(
        replace(data, kinds=gaps), [("A", "B")], mechanisms=lambda kinds, rows: Regressions(kinds, rows[100:])
    )
    left = ProgramResiduals(result.data, result.best, torch.tensor([True, True, False]))
    a, b, c = range(3)
    assert left.together(a, b).rows == 2000 - 100  # neither those acted on, nor the regime that is not compared
    assert left.together(b, c).rows == 2000 + 400
    assert [found.rows for found in left.changed(c, [0, 1])] == [400, 400]
    assert left.changed(a, [1])[0].rows == 400 - 50
    assert 300 < left.parted(a, b).rows < 400 - 50  # some lie outside the observational range
    assert (left.acted_on(a, b), left.acted_on(c, b)) == (True, False)


def test_regimes_that_are_tested_together_are_tested_as_each_alone():
    result = fitted(world(), BOTH)
    clear = torch.ones(len(result.data.regimes), dtype=torch.bool)
    left = ProgramResiduals(result.data, result.best, clear)
    for i in range(3):
        regimes = list(range(len(result.data.regimes)))
        for one, alone in zip(left.changed(i, regimes), (left.changed(i, [r])[0] for r in regimes), strict=True):
            assert one == pytest.approx(alone)


def test_large_tables_are_looked_at_in_part(monkeypatch):
    result = fitted(world(edge=SLOPE), BOTH)
    whole = diagnose(result)
    assert not any("fixed seed" in each.message for each in whole.remarks)
    monkeypatch.setattr("pyrocausal.checks.diagnose.WORK", 100)
    monkeypatch.setattr("pyrocausal.checks.diagnose.FEWEST_ROWS", 900)
    monkeypatch.setattr("pyrocausal.checks.diagnose.FEWEST_IN_REGIME", 350)
    part = diagnose(result)
    rows = 900 + 350 * len(result.data.regimes)
    (said,) = [each for each in part.named("not-checked") if "fixed seed" in each.message]
    assert said.message.startswith(f"all rows against the fitted mechanisms, but {rows:,} of ")
    assert subjects(part, "unexplained-dependence") == subjects(whole, "unexplained-dependence")
    assert diagnose(result) == part  # the same rows each time


def test_a_mechanism_of_another_shape():
    def humps(rng, n):
        return rng.choice([-1.0, 1.0], n) + 0.2 * rng.normal(size=n)

    assert subjects(diagnose(fitted(world(noise=humps), BOTH)), "rough-mechanism") == [("B",)]


def test_regimes_whose_target_is_unclear_are_left_alone():
    result = fitted(world(also=1.0, edge=SLOPE), DRAWN)
    chain = replace(result.best, target_probability=torch.eye(4)[[0, 1, 2]] * 0.7 + 0.075)
    found = diagnose(replace(result, chains=(chain, chain)))
    assert len(found.named("unclear-target")) == 3
    assert not found.named("changed-mechanism")


class StudentT(Regressions):
    """It has no cdf."""

    def conditional(self, i, values, parents):
        normal = super().conditional(i, values, parents)
        return dist.StudentT(5.0, normal.loc, normal.scale)


def test_mechanisms_without_a_cdf_are_not_looked_at():
    found = diagnose(fitted(world(hidden=0.7), DRAWN, mechanisms=StudentT))
    assert found.findings == ()
    assert subjects(found, "not-checked") == [("A", "B", "C")]


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 100))
def test_the_order_of_rows_and_variables_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    data = world(seed, hidden=0.6, also=1.0)
    found = diagnose(fitted(data, DRAWN))
    order = rng.permutation(3).tolist()
    shuffled = [
        replace(regime, rows=regime.rows[rng.permutation(len(regime.rows))][:, order]) for regime in data.regimes
    ]
    other = InterventionalData(
        tuple(data.names[i] for i in order),
        data.kinds,
        data.observational[rng.permutation(data.n)][:, order],
        tuple(shuffled),
    )
    same = diagnose(fitted(other, DRAWN))
    numbers = {(each.name, each.subject): dict(each.numbers) for each in found.findings}
    assert {(each.name, each.subject): pytest.approx(dict(each.numbers), rel=1e-2) for each in same.findings} == numbers


def test_a_weight_is_as_many_rows():
    data = world(hidden=0.5)
    twice = replace(
        data,
        observational=data.observational.repeat(2, 1),
        regimes=tuple(replace(regime, rows=regime.rows.repeat(2, 1)) for regime in data.regimes),
    )
    weighed = replace(
        data,
        observational_weights=torch.full((data.n,), 2.0),
        regimes=tuple(replace(regime, weights=torch.full((len(regime.rows),), 2.0)) for regime in data.regimes),
    )
    one, other = (diagnose(fitted(each, DRAWN)).named("hidden-cause") for each in (twice, weighed))
    assert one
    assert [each.numbers for each in one] == [pytest.approx(each.numbers, rel=1e-3) for each in other]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_variable(kind):
    data = small_data(KINDS[kind], rows=300)
    edges = torch.tril(torch.ones(4, 4), -1)
    if data.exposures:
        edges[:, 0] = 0.0
    hit = torch.eye(5)[[1, 2, 3]]
    chain = make_chain(make_model(data.kinds), edges, hit)
    found = diagnose(CausalPosterior(data, (chain,), 0))
    assert {each.name for each in found.findings} <= set(NAMES)
    assert not found.named("hidden-cause")  # columns are independent
    left = ProgramResiduals(data, chain, torch.ones(3, dtype=torch.bool))
    for i, each in enumerate(data.kinds):
        residual = left.residual(i, left.parents(i))
        assert residual is not None
        assert residual.shape == (sum(len(r.rows) for r in data.regimes) + data.n, max(each.cardinality, 2))
        assert bool(residual.isfinite().all())
