"""Predictive evidence against a sum over every target written out, on problems small enough for it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import partial

import pyro.distributions as dist
import pytest
import torch
from conftest import LinearGaussian, every_dag, make_model, make_rows

from pyrocausal.copies import fitted_families
from pyrocausal.copies.refitting import Descent, Refitting, fit_copies, judge_rows
from pyrocausal.copies.screening import Residuals, Screen
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.data.weights import Part
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import parents_of
from pyrocausal.model.conjugate import CONCENTRATIONS
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.row_split import cross_fit, split_rows
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.sdi.targets import known_targets
from pyrocausal.search.hill_climb import climb
from pyrocausal.search.moves import look, terms_around, weigh

KINDS = {
    "categorical": (Categorical((0, 1)), Categorical((0, 1, 2)), Categorical((0, 1))),
    "continuous": (Continuous(0.0, 1.0),) * 2,
    "mixed": (Categorical((0, 1)), Continuous(0.0, 1.0), Categorical((0, 1, 2))),
    "gaps": (Categorical((0, 1), missing=True), Continuous(0.0, 1.0, missing=True), Categorical((0, 1, 2))),
}
DESCENT = Descent(4, 16, 1e-2)
BRIEF = Refitting(DESCENT, DESCENT, decays=(0.1,), least_regret=0.0)
TARGETS = {
    "unknown": (None, None, None),
    "known": (("X1",), (), ("X0", "X1")),
    "some": (None, ("X0",), None),
}
PARTLY = {"partly": (AtLeast("X1"), None, AtLeast("X0", "X1"))}
PRICE = 1.7


class Gradual(NeuralMechanisms):
    """Networks that are all fitted by gradient steps, as those of mixtures are."""

    def exact(self, i: int) -> bool:
        return False


class Problem:
    """A small data set, cut into folds, and everything that joint evidence wants to know."""

    def __init__(self, kind="categorical", targets="unknown", seed=0, mechanisms=None):
        torch.manual_seed(seed)
        self.kinds = KINDS[kind]
        d = len(self.kinds)
        names = tuple(f"X{i}" for i in range(d))
        told = (TARGETS | PARTLY)[targets]
        regimes = tuple(Regime(f"r{r}", make_rows(self.kinds, 9 + r), hit) for r, hit in enumerate(told))
        self.data = InterventionalData(names, self.kinds, make_rows(self.kinds, 30), regimes)
        self.natural = torch.rand(len(regimes), d) < 0.6
        self.split = split_rows(self.data, share_regimes=True, held_out=0.4)
        self.folds = cross_fit(self.data, self.split, self.natural)
        self.new_mechanisms = NewMechanisms(self.kinds, [regime.rows for regime in regimes])
        self.known, self.hit = known_targets(names, told)
        drawn = make_model(self.kinds, hidden=4).mechanisms.state_dict()
        self.mechanisms = (mechanisms or partial(Gradual, hidden=4))(self.kinds)
        if mechanisms is None:
            self.mechanisms.load_state_dict(drawn)

    def evidence(self, refitting=None, closed_form=True, **changes) -> PredictiveEvidence:
        def of(name):
            return changes.get(name, getattr(self, name, None))

        prior = changes.get("prior", TargetOdds(torch.zeros(self.hit.shape), several=False))
        return PredictiveEvidence(
            RowsOfEvidence(self.kinds, of("folds"), of("natural"), changes.get("away", torch.zeros_like(self.hit))),
            TargetKnowledge(of("known"), of("hit"), prior),
            Estimators(of("mechanisms"), of("new_mechanisms"), refitting, closed_form),
            changes.get("price", PRICE),
        )

    # ------------------------------------------------------------ the same, written out
    def estimates(self, i, parents, refitting, closed_form):
        """Log-densities of the rows that each fold scores under every estimate of variable i's own mechanism."""
        found = []
        for fold in self.folds:
            fitting, counts, scoring, table, _ = fold
            each = []
            if refitting is not None:
                one = [(i, parents)]
                copies = fit_copies(self.mechanisms, self.kinds, one, fitting, counts[:, [i]], refitting, 0.1)
                each.append(judge_rows(copies, self.kinds, one, scoring)[0][0].tolist())
            if closed_form:
                closed = ClosedForm(self.kinds, fold)
                each += [terms.tolist() for terms in closed.log_probs(i, parents)]
            found.append((each, table.tolist()))
        return found

    def old(self, i, parents, refitting, closed_form) -> list[float]:
        """Log-likelihood of variable i's rows in every regime, and of the held-out rows, under its own mechanism."""
        R = len(self.data.regimes)
        total = [0.0] * (R + 1)
        for estimates, table in self.estimates(i, parents, refitting, closed_form):
            sums = [
                [sum(x for x, r in zip(terms, table, strict=True) if r == k) for k in range(R + 1)]
                for terms in estimates
            ]
            # An estimate counts by how well it predicts where the variable kept its own mechanism.
            telling = [k for k in range(R + 1) if k == R or self.natural[k, i]]
            weight = log_normalised([sum(each[k] for k in telling) for each in sums])
            for k in range(R + 1):
                total[k] += log_sum_exp([w + each[k] for w, each in zip(weight, sums, strict=True)])
        return total

    def hypotheses(self, graph, refitting, closed_form) -> list[list[float]]:
        """Log-likelihood of every regime under every target, none last, or under the targets that are known."""
        d = len(self.kinds)
        parents = [tuple(j for j in range(d) if graph[i, j]) for i in range(d)]
        old = [self.old(i, parents[i], refitting, closed_form) for i in range(d)]
        new = [self.new_mechanisms.of(i, parents[i]).tolist() for i in range(d)]
        self.held_out = sum(each[-1] for each in old)
        found = []
        for r in range(len(self.data.regimes)):
            sets = [set(self.hit[r].nonzero()[:, 0].tolist())] if self.known[r] else [{t} for t in range(d)] + [set()]
            found.append([sum(new[i][r] if i in hit else old[i][r] for i in range(d)) for hit in sets])
        return found

    def of(self, graph, refitting=None, closed_form=True) -> float:
        total = 0.0
        for hypotheses in self.hypotheses(graph, refitting, closed_form):
            total += log_sum_exp(hypotheses) - math.log(len(hypotheses))
        return total + self.held_out - PRICE * int(graph.sum())


def log_sum_exp(terms):
    largest = max(terms)
    return largest + math.log(sum(math.exp(term - largest) for term in terms))


def log_normalised(terms):
    return [term - log_sum_exp(terms) for term in terms]


ESTIMATES = pytest.mark.parametrize(
    ("refitting", "closed_form"), [(None, True), (BRIEF, False), (BRIEF, True)], ids=["closed", "copies", "both"]
)


@ESTIMATES
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_evidence_is_the_sum_over_targets_written_out(kind, targets, refitting, closed_form):
    problem = Problem(kind, targets)
    evidence = problem.evidence(refitting, closed_form)
    d = len(problem.kinds)
    graphs = every_dag(d)[:: 1 if d == 2 else 5]
    found = [evidence.of(graph) for graph in graphs]
    expected = [problem.of(graph, refitting, closed_form) for graph in graphs]
    assert found == pytest.approx(expected, abs=2e-3)
    assert max(found) - min(found) > 1.0


@ESTIMATES
@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_the_posterior_of_a_regimes_hypotheses(kind, refitting, closed_form):
    problem = Problem(kind, "some")
    evidence = problem.evidence(refitting, closed_form)
    d = len(problem.kinds)
    for graph in (every_dag(d)[0], every_dag(d)[-1]):
        found = evidence.targets(graph)
        assert found.shape == (3, d + 1)
        torch.testing.assert_close(found.sum(1), torch.ones(3).double())
        for r, hypotheses in enumerate(problem.hypotheses(graph, refitting, closed_form)):
            posterior = [math.exp(term) for term in log_normalised(hypotheses)]
            expected = [1.0] + [0.0] * d if r == 1 else posterior  # the second was known
            assert found[r].tolist() == pytest.approx(expected, abs=1e-3)


def test_where_a_parent_was_moved_away_the_common_mechanism_may_as_well_be_new():
    problem = Problem("continuous")
    away = torch.tensor([[True, False], [False, True], [False, False]])
    usual, moved = problem.evidence(), problem.evidence(away=away)
    for family in ((1, (0,)), (0, ())):
        usual.prepare([family])
        moved.prepare([family])
    before, after = usual.family(1, (0,)), moved.family(1, (0,))
    assert float(after.old[0]) == pytest.approx(log_sum_exp([float(before.old[0]), float(before.new[0])]) - math.log(2))
    assert torch.equal(after.old[1:], before.old[1:])  # what counts are the parents
    assert all(torch.equal(*pair) for pair in zip(moved.family(0, ()), usual.family(0, ()), strict=True))


def test_known_targets_have_one_at_each_and_none_has_its_own_column():
    found = Problem("categorical", "known").evidence().targets(every_dag(3)[3])
    assert found.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("targets", TARGETS | PARTLY)
@pytest.mark.parametrize("kind", KINDS)
def test_a_prior_of_targets_is_summed_over_written_out(kind, targets, several):
    problem = Problem(kind, targets)
    d, R = len(problem.kinds), 3
    told = problem.hit & ~problem.known[:, None]  # beside these there may be others
    log_odds = (3.0 * torch.randn(R, d)).masked_fill(told, -torch.inf)
    plain = Problem(kind, "unknown").evidence()  # the same rows
    evidence = problem.evidence(prior=TargetOdds(log_odds, several))

    def hypotheses(graph, r):
        """Log of prior and likelihood of every set of targets that is possible."""
        terms = [plain.terms(i, graph[i : i + 1]) for i in range(d)]
        for hit in itertools.product([False, True], repeat=d):
            if bool(problem.known[r]):
                possible, prior = list(hit) == problem.hit[r].tolist(), 0.0
            else:
                further = [i for i in range(d) if hit[i] and not told[r, i]]
                possible = all(hit[i] for i in range(d) if told[r, i]) and (several or len(further) <= 1)
                prior = sum(float(log_odds[r, i]) for i in further)
            if possible:
                likely = sum(float((t.new if h else t.old)[0, r]) for t, h in zip(terms, hit, strict=True))
                yield hit, prior - whole[r] + likely

    odds = log_odds.double()
    each_alone = torch.nn.functional.softplus(odds).sum(1) if several else (odds.exp().sum(1) + 1).log()
    whole = torch.where(problem.known, 0.0, each_alone).tolist()  # of prior odds against none
    graphs = every_dag(d)[:: 1 if d == 2 else 6]
    found, expected = [], []
    for graph in graphs:
        found.append(evidence.of(graph))
        observed = sum(float(plain.terms(i, graph[i : i + 1]).observational) for i in range(d))
        each = [log_sum_exp([value for _, value in hypotheses(graph, r)]) for r in range(R)]
        expected.append(observed + sum(each) - PRICE * int(graph.sum()))
        for r in range(R):
            posterior, who = zip(*((math.exp(v - each[r]), hit) for hit, v in hypotheses(graph, r)), strict=True)
            share = [sum(p for p, hit in zip(posterior, who, strict=True) if hit[i]) for i in range(d)]
            nobody = sum(p for p, hit in zip(posterior, who, strict=True) if not any(hit))
            assert evidence.targets(graph)[r].tolist() == pytest.approx([*share, nobody], abs=1e-5)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("targets", ["some", "partly"])
@pytest.mark.parametrize("several", [False, True])
def test_gains_of_moves_under_a_prior_are_differences_of_evidence(several, targets):
    problem = Problem("mixed", targets)
    told = problem.hit & ~problem.known[:, None]
    evidence = problem.evidence(prior=TargetOdds(torch.randn(3, 3).masked_fill(told, -torch.inf), several))
    free = ~torch.eye(3, dtype=torch.bool)
    for graph in every_dag(3)[::4]:
        dag = graph.bool()
        moves = weigh(evidence, dag, free, *terms_around(look(evidence, dag, free, range(3))))
        for i, j in itertools.permutations(range(3), 2):
            after = dag.clone()
            after[i, j] ^= True
            if math.isfinite(moves.toggle[i, j]):
                assert float(moves.toggle[i, j]) == pytest.approx(evidence.of(after) - evidence.of(dag), abs=1e-6)
            after[j, i] ^= True
            if math.isfinite(moves.reverse[i, j]):
                assert float(moves.reverse[i, j]) == pytest.approx(evidence.of(after) - evidence.of(dag), abs=1e-6)


def test_one_problem_by_hand():
    # Two rows of zeros fit, two of ones are held out; one regime of two rows of ones, whose target is unknown.
    kinds = (Categorical((0, 1)),) * 2
    natural = torch.zeros(1, 2, dtype=torch.bool)
    rows = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    data = InterventionalData(("X0", "X1"), kinds, rows, (Regime("r", torch.ones(2, 2)),))
    split = split_rows(data, share_regimes=False, held_out=0.5)
    assert split.held_out.rows.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    evidence = PredictiveEvidence(
        RowsOfEvidence(kinds, cross_fit(data, split, natural), natural, natural),
        TargetKnowledge.nothing(1, 2),
        Estimators(make_model(kinds).mechanisms, NewMechanisms(kinds, [data.regimes[0].rows])),
        price=3.0,
    )
    # Two zeros are likeliest under even probabilities that are worth 0.3 rows.
    one = 0.3 * 0.5 / 2.3
    # The urn of a new mechanism, with any of some prior counts.
    new = sum(0.5 * (prior + 1) / (2 * prior + 1) for prior in CONCENTRATIONS) / len(CONCENTRATIONS)
    either, none = new * one**2, one**4  # one variable was hit and the other is as always; or neither was
    empty = torch.zeros(2, 2)
    assert evidence.of(empty) == pytest.approx(4 * math.log(one) + math.log((2 * either + none) / 3), rel=1e-9)
    total = 2 * either + none
    assert evidence.targets(empty)[0].tolist() == pytest.approx([either / total, either / total, none / total])


def test_an_edge_has_its_price():
    problem, graph = Problem("categorical"), every_dag(3)[-1]
    cheap, dear = problem.evidence(price=0.0), problem.evidence(price=2.5)
    assert cheap.of(graph) - dear.of(graph) == pytest.approx(2.5 * int(graph.sum()))
    assert cheap.of(graph.float()) == pytest.approx(cheap.of(graph))
    price = torch.rand(3, 3)  # or each its own
    each = problem.evidence(price=price)
    assert cheap.of(graph) - each.of(graph) == pytest.approx(float(price[graph].sum()), abs=1e-6)


def test_far_beyond_the_range_of_exp():
    # Every row of the regime contradicts the observational mechanism of one variable by about seven nats.
    kinds = (Categorical((0, 1)),) * 2
    natural = torch.zeros(1, 2, dtype=torch.bool)
    rows = make_rows(kinds, 4000)
    rows[:, 0] = 0.0
    forced = make_rows(kinds, 2000)
    forced[:, 0] = 1.0
    data = InterventionalData(("X0", "X1"), kinds, torch.cat([rows, torch.ones(1, 2)]), (Regime("r", forced),))
    evidence = PredictiveEvidence(
        RowsOfEvidence(kinds, cross_fit(data, split_rows(data, False, 0.2), natural), natural, natural),
        TargetKnowledge.nothing(1, 2),
        Estimators(make_model(kinds).mechanisms, NewMechanisms(kinds, [forced])),
        price=0.0,
    )
    empty = torch.zeros(2, 2)
    assert math.isfinite(evidence.of(empty))
    assert evidence.targets(empty)[0].tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_a_wrong_call():
    with pytest.raises(ValueError, match="joint evidence needs refitting, closed_form or both"):
        Problem().evidence(None, closed_form=False)


# ---------------------------------------------------------------- what is kept
@pytest.fixture(autouse=True)
def _few_rows_are_enough_to_screen(monkeypatch):
    monkeypatch.setattr(Screen, "enough", 0)


@pytest.fixture
def fitted(monkeypatch):
    """Every family that is fitted, in the order of the fits."""
    families = []

    def counting(mechanisms, kinds, asked, *rest):
        families.extend(asked)
        return fit_copies(mechanisms, kinds, asked, *rest)

    monkeypatch.setattr(fitted_families, "fit_copies", counting)
    return families


def family(graph, i):
    return i, tuple(graph[i].nonzero()[:, 0].tolist())


def test_a_family_is_fitted_once_in_every_fold(fitted):
    problem = Problem("mixed")
    evidence, graphs = problem.evidence(BRIEF), every_dag(3)
    graph = graphs[-1]
    evidence.of(graph)
    wanted = [family(graph, i) for i in range(3)]
    assert sorted(fitted) == sorted(2 * wanted)  # one for each fold
    del fitted[:]
    evidence.of(graph)
    evidence.targets(graph)
    evidence.prepare(wanted)
    evidence.terms(0, graph[:1])
    assert not fitted
    for other in graphs:
        evidence.of(other)
    every = {family(other, i) for other in graphs for i in range(3)}
    assert sorted(fitted) == sorted(2 * list(every - set(wanted)))


def test_a_table_that_nothing_can_beat_is_taken_alone(fitted):
    problem = Problem("mixed")
    closed = ClosedForm(problem.kinds, problem.folds[0])
    families = sorted({family(graph, i) for graph in every_dag(3) for i in range(3)})
    regrets = sorted({closed.regret(*each) for each in families if closed.regret(*each) < math.inf})
    limit = (regrets[0] + regrets[1]) / 2
    evidence = problem.evidence(replace(BRIEF, least_regret=limit))
    evidence.prepare(families)
    assert sorted(set(fitted)) == [each for each in families if closed.regret(*each) > limit]
    assert 0 < len(set(fitted)) < len(families)
    # Where there is no table, however good it would be, a copy is fitted.
    del fitted[:]
    alone = problem.evidence(replace(BRIEF, decays=(0.0, 0.3), least_regret=limit), closed_form=False)
    alone.prepare(families)
    assert sorted(set(fitted)) == families


def test_where_there_is_no_table_a_copy_is_fitted(monkeypatch, fitted):
    monkeypatch.setattr(ClosedForm, "max_cells", 11)  # X2 given X0 and X1 needs 2 x 3 x 2 = 12 entries
    evidence = Problem("categorical").evidence(replace(BRIEF, least_regret=1e9))
    terms = evidence.terms(2, torch.tensor([[True, False, False], [True, True, False]]))
    assert (terms.old > -1e3).all()
    assert set(fitted) == {(2, (0, 1))}


@ESTIMATES
@pytest.mark.parametrize("kind", KINDS)
def test_terms_do_not_depend_on_the_order_in_which_they_are_asked_for(kind, refitting, closed_form):
    problem = Problem(kind)
    d = len(problem.kinds)
    sets = torch.stack([graph for graph in every_dag(d)])
    batch, alone, small = (problem.evidence(refitting, closed_form) for _ in range(3))
    small.together = 2  # copies that are fitted at a time
    batch.prepare(family(graph, i) for graph in sets for i in range(d))
    small.prepare(family(graph, i) for graph in sets.flip(0) for i in range(d))
    for i in reversed(range(d)):
        asked = sets[:, i].unique(dim=0)
        found = batch.terms(i, asked)
        assert found.old.shape == found.new.shape == (len(asked), 3)
        assert found.observational.shape == (len(asked),)
        for k in reversed(range(len(asked))):
            one = alone.terms(i, asked[k : k + 1])
            for part, same in zip(one, found, strict=True):
                torch.testing.assert_close(part[0], same[k], rtol=1e-4, atol=1e-3)
        for part, same in zip(small.terms(i, asked), found, strict=True):
            torch.testing.assert_close(part, same, rtol=1e-4, atol=1e-3)


def test_copies_are_fitted_a_few_at_a_time_and_those_of_one_kind(monkeypatch):
    sizes = []

    def watch(mechanisms, kinds, asked, *rest):
        assert len({type(kinds[i]) for i, _ in asked}) == 1
        sizes.append(len(asked))
        return fit_copies(mechanisms, kinds, asked, *rest)

    monkeypatch.setattr(fitted_families, "fit_copies", watch)
    evidence = Problem("mixed").evidence(BRIEF)
    evidence.together = 3
    evidence.prepare(family(graph, i) for graph in every_dag(3) for i in range(3))
    assert sizes == 2 * [3] + 2 * [3] + 2 * [2] + 2 * [3] + 2 * [1]  # eight of two kinds, four of one; two folds


def test_rough_terms_are_those_of_the_closed_form(fitted):
    problem = Problem("mixed")
    both, closed, copies = problem.evidence(BRIEF), problem.evidence(), problem.evidence(BRIEF, closed_form=False)
    sets = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 1, 1]]).bool()
    for part, same in zip(both.rough_terms(0, sets), closed.terms(0, sets), strict=True):
        assert torch.equal(part, same)
    assert not fitted
    for part, same in zip(copies.rough_terms(0, sets), copies.terms(0, sets), strict=True):
        assert torch.equal(part, same)  # there is nothing else to go by
    exact = both.terms(0, sets)  # and they are not mistaken for the terms
    assert (exact.old - closed.terms(0, sets).old).abs().max() > 1e-3


# ---------------------------------------------------------------- when more is known of the targets
@pytest.mark.parametrize("kind", KINDS)
def test_after_more_is_known_only_what_it_concerns_is_found_anew(kind, fitted):
    problem, d = Problem(kind), len(KINDS[kind])
    first = problem.evidence(BRIEF)
    graphs = every_dag(d)
    for graph in graphs:
        first.of(graph)
    natural = problem.natural.clone()
    natural[1, 1] ^= True
    folds = cross_fit(problem.data, problem.split, natural)
    del fitted[:]
    second, fresh = first.after(folds, natural), problem.evidence(BRIEF, folds=folds, natural=natural)
    graph = graphs[-1]
    found = [second.of(graph) for graph in graphs]
    assert fitted and {i for i, _ in fitted} == {1}
    assert found == pytest.approx([fresh.of(graph) for graph in graphs], abs=1e-2)
    torch.testing.assert_close(second.targets(graph), fresh.targets(graph), rtol=0.0, atol=1e-2)
    assert [first.of(graph) for graph in graphs] != pytest.approx(found, abs=1e-2)
    # The first stays what it was.
    again = problem.evidence(BRIEF)
    assert first.of(graph) == pytest.approx(again.of(graph), abs=1e-2)


def test_another_price_changes_nothing_else():
    problem = Problem("categorical", "some")
    first, graph = problem.evidence(BRIEF, price=0.3), every_dag(3)[-1]
    dear = first.priced(2.0)
    edges = int(graph.sum())
    assert dear.of(graph) - first.of(graph) == pytest.approx(-1.7 * edges, abs=1e-9)
    assert (first.price == 0.3).all() and torch.equal(dear.targets(graph), first.targets(graph))
    assert dear._kept is first._kept  # no mechanism is fitted again


def test_what_comes_after_has_the_same_settings():
    problem = Problem("categorical", "some")
    first = problem.evidence(BRIEF, price=0.3)
    first.decay = 0.7
    second = first.after(problem.folds, problem.natural)
    assert (second.refitting, second.decay, bool(second.closed)) == (BRIEF, 0.7, True)
    assert (second.price == 0.3).all()
    assert torch.equal(second.known, first.known) and torch.equal(second.hit, first.hit)
    alone = problem.evidence(BRIEF, closed_form=False).after(problem.folds, problem.natural)
    assert not alone.closed


@ESTIMATES
@pytest.mark.parametrize("kind", KINDS)
def test_what_networks_gain_is_the_mean_of_rows_that_tell(kind, refitting, closed_form):
    problem = Problem(kind)
    d, R = len(problem.kinds), 3
    graph = every_dag(d)[-1]
    found = problem.evidence(refitting, closed_form).networks_gain(graph, torch.ones(d).bool())
    assert found.shape == (d,) and found.dtype == torch.double
    if refitting is None or not closed_form:
        # Nothing to compare with, or nothing else: then there is no gain or all there is.
        assert not found.any() if refitting is None else bool((found > 1e3).all())
        return
    for i in range(d):
        parents = tuple(j for j in range(d) if graph[i, j])
        both, closed = (problem.old(i, parents, each, True) for each in (refitting, None))
        tables = [*(regime.rows for regime in problem.data.regimes), problem.split.held_out.rows]
        telling = [k for k in range(R + 1) if k == R or problem.natural[k, i]]
        rows = sum(int((~tables[k][:, i].isnan()).sum()) for k in telling)
        expected = sum(both[k] - closed[k] for k in telling) / rows
        assert float(found[i]) == pytest.approx(expected, abs=1e-5)
    assert found.abs().max() > 1e-4


def test_what_copies_may_gain_is_asked_of_the_fold_that_tells_most():
    problem, graph = Problem("mixed", mechanisms=partial(NeuralMechanisms, hidden=4)), every_dag(3)[-1]
    evidence = problem.evidence(BRIEF)
    found, exactly = evidence.may_gain(graph), [evidence.mechanisms.exact(i) for i in range(3)]
    for i, exact in enumerate(exactly):
        family = i, parents_of(graph[i])
        told = (
            [evidence.exact._may_gain(k, family, fold) for k, fold in enumerate(problem.folds)] if exact else [math.inf]
        )
        assert float(found[i]) == pytest.approx(max(told))
    assert any(exactly) and not all(exactly)
    assert not problem.evidence().may_gain(graph).any()  # no copy is wanted
    assert not any(evidence._kept)  # nothing was fitted


def test_only_some_variables_are_asked_what_they_gain(fitted):
    problem, graph = Problem("categorical"), every_dag(3)[-1]
    evidence = problem.evidence(BRIEF)
    gains = evidence.networks_gain(graph, torch.tensor([False, True, False]))
    assert gains[1] != 0.0 and not gains[[0, 2]].any() and {i for i, _ in fitted} == {1}


@pytest.mark.parametrize("into", ["after", "fitting"])
def test_what_comes_of_evidence_changes_nothing_of_it(into):
    """A family is asked of one that is given up; then the first has to fit it for itself."""
    problem = Problem("continuous", mechanisms=partial(NeuralMechanisms, hidden=4))
    evidence, graph = problem.evidence(BRIEF), torch.tensor([[0, 1], [0, 0]]).bool()
    made = evidence.fitting(torch.ones(2)) if into == "fitting" else evidence.after(problem.folds, problem.natural)
    made.prepare([(0, (1,)), (1, ())])
    assert not evidence._kept[0] and not evidence._kept[1]
    evidence.prepare([(0, (1,)), (1, ())])
    assert evidence.promising(0, graph[0]).shape == (2,) and evidence.needed((0, (1,))).shape == (1,)


def test_copies_may_be_fitted_to_some_variables_alone():
    problem = Problem("mixed")
    evidence, alone = problem.evidence(BRIEF), problem.evidence()
    graphs = [every_dag(3)[0], every_dag(3)[-1]]
    for graph in graphs:
        evidence.networks_gain(graph, torch.ones(3).bool())  # knows families of all variables
    some = torch.tensor([False, True, False])
    found = evidence.fitting(some)
    assert [found.fits_copies(i) for i in range(3)] == [evidence.fits_copies(i) and i == 1 for i in range(3)]
    for asked in (found, found.after(problem.folds, problem.natural)):
        for i, graph in itertools.product(range(3), graphs):
            terms, expected, other = (
                torch.stack([*each.terms(i, graph[i : i + 1])][:2])
                for each in (asked, *((evidence, alone) if some[i] else (alone, evidence)))
            )
            torch.testing.assert_close(terms, expected)
            assert not torch.allclose(terms, other)


def test_networks_gain_nothing_where_none_is_wanted():
    gains = (
        Problem("mixed").evidence(replace(BRIEF, least_regret=1e4)).networks_gain(every_dag(3)[0], torch.ones(3).bool())
    )
    assert gains[0] == gains[2] == 0.0 != gains[1]  # tables are good enough, and a regression never is


def test_parents_in_ascending_order():
    assert parents_of(torch.tensor([0.0, 1.0, 0.0, 1.0])) == (1, 3)
    assert parents_of(torch.zeros(3, dtype=torch.bool)) == ()


# ---------------------------------------------------------------- what may be worth a fit
def residuals_of(problem, i, parents, refitting):
    """Residuals and counts of every fold, of copies or, without refitting, of tables."""
    residuals, counts, one = [], [], [(i, parents)]
    telling = torch.cat([problem.natural, torch.ones_like(problem.natural[:1])])
    for fold in problem.folds:
        fitting, told, (scoring, _), table, _ = fold
        if refitting:
            copies = fit_copies(problem.mechanisms, problem.kinds, one, fitting, told[:, [i]], refitting, 0.1)
            residuals.append(judge_rows(copies, problem.kinds, one, fold.scoring)[1])
        else:
            probabilities = []  # of every state, were it there
            for state in range(problem.kinds[i].cardinality):
                changed = scoring.clone()
                changed[:, i] = state
                closed = ClosedForm(problem.kinds, fold._replace(scoring=Part(changed)))
                probabilities.append(closed.log_probs(i, parents)[0].exp())
            probs = torch.stack(probabilities, -1)[None].float()
            residuals.append(Residuals.of(dist.Categorical(probs), scoring[None, :, i]))
        counts.append((telling[table, i] & ~scoring[:, i].isnan())[None])  # a gap tells nothing
    return residuals, counts


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_promising_tells_something_of_residuals_where_the_mechanism_is_natural(monkeypatch, kind):
    problem, d, seen = Problem(kind), len(KINDS[kind]), []
    screen = Screen(problem.kinds, [fold.scoring for fold in problem.folds])
    for least, i in itertools.product((0.0, 2.0, 4.0), range(d)):
        monkeypatch.setattr(Screen, "least", least)
        evidence = problem.evidence(BRIEF)
        for row in torch.stack(every_dag(d))[:, i].unique(dim=0):
            evidence.terms(i, row[None])
            expected = screen.promising(*residuals_of(problem, i, parents_of(row), BRIEF))[0]
            others = [j for j in range(d) if j != i and not row[j]]
            found = evidence.promising(i, row)
            assert found[others].tolist() == expected[others].tolist()
            seen += found[others].tolist()
    assert set(seen) == {True, False}


def test_what_takes_no_fit_is_always_promising(monkeypatch):
    monkeypatch.setattr(Screen, "least", 1e9)
    problem, none = Problem("mixed"), torch.zeros(3, dtype=torch.bool)
    evidence = problem.evidence(replace(BRIEF, least_regret=1e4))
    evidence.terms(0, none[None])
    # X0 and X2 are categorical, so that a table is good enough; given X1, which is not, there has to be a copy.
    assert evidence.promising(0, none)[[1, 2]].tolist() == [False, True]
    everything = problem.evidence()  # without copies
    everything.of(every_dag(3)[-1])
    assert all(everything.promising(i, row).all() for i in range(3) for row in every_dag(3)[-1])


def test_an_edge_that_is_cheaper_than_none_is_always_promising(monkeypatch):
    monkeypatch.setattr(Screen, "least", 1e9)
    problem, none = Problem("mixed"), torch.zeros(3, dtype=torch.bool)
    evidence = problem.evidence(BRIEF)
    evidence.terms(1, none[None])
    assert evidence.promising(1, none)[[0, 2]].tolist() == [False, False]
    evidence.price = torch.tensor([[-1.0, 0.0, 1.0]] * 3, dtype=torch.double)
    assert evidence.promising(1, none)[[0, 2]].tolist() == [True, False]


@pytest.mark.parametrize(("i", "pa"), [(0, ()), (1, ()), (0, (1,)), (1, (2,)), (2, (0,))])
def test_a_table_has_residuals_too(monkeypatch, fitted, i, pa):
    problem, asked = Problem("categorical"), []
    closed = ClosedForm(problem.kinds, problem.folds[0])
    # Good enough by itself, so that there is no copy; with any other parent there has to be one.
    evidence, row = problem.evidence(replace(BRIEF, least_regret=closed.regret(i, pa))), torch.zeros(3)
    row[list(pa)] = 1.0
    judge = Screen.promising

    def watch(self, *judged):
        asked.append(judged)
        return judge(self, *judged)

    monkeypatch.setattr(Screen, "promising", watch)
    monkeypatch.setattr(Screen, "least", 1e9)
    evidence.terms(i, row[None])
    for _ in range(2):
        assert evidence.promising(i, row).tolist() == [j == i or j in pa for j in range(3)]
    ((residuals, counts),) = asked  # once
    expected, told = residuals_of(problem, i, pa, None)
    for found, same in zip((*residuals, counts), (*expected, told), strict=True):
        for part, other in zip(found, same, strict=True):
            torch.testing.assert_close(part.float(), other.float(), rtol=1e-4, atol=1e-5)
    assert not fitted


def test_a_climb_fits_no_addition_that_is_not_promising(monkeypatch, fitted):
    empty, free = torch.zeros(2, 2, dtype=torch.bool), ~torch.eye(2, dtype=torch.bool)
    for least, wanted in ((1e9, {(0, ()), (1, ())}), (-1e9, {(0, ()), (1, ()), (0, (1,)), (1, (0,))})):
        monkeypatch.setattr(Screen, "least", least)
        del fitted[:]
        dag, _, moves = climb(Problem("continuous").evidence(BRIEF), empty, free)
        assert set(fitted) == wanted
        assert least < 0 or (moves == 0 and torch.equal(dag, empty))


def test_after_more_is_known_only_what_it_concerns_is_promising_anew(monkeypatch):
    monkeypatch.setattr(Screen, "least", 1e9)
    problem, none = Problem("continuous"), torch.zeros(2, dtype=torch.bool)
    first = problem.evidence(BRIEF)
    first.prepare([(0, ()), (1, ())])
    natural = problem.natural.clone()
    natural[1, 1] ^= True
    second = first.after(cross_fit(problem.data, problem.split, natural), natural)
    found = [each.promising(i, none)[1 - i].item() for each in (first, second) for i in (0, 1)]
    assert found == [False, False, False, True]  # nothing is known yet of X1's residuals


def test_residuals_count_as_each_evidence_has_it(monkeypatch):
    problem, found = Problem("continuous"), []

    def promising(self, residuals, counts):
        found.extend(zip(*counts, strict=True))  # a pair of folds for each copy
        return torch.ones(len(counts[0]), 2, dtype=torch.bool)

    monkeypatch.setattr(Screen, "promising", promising)
    other = ~problem.natural
    first = problem.evidence(BRIEF)
    second = first.after(cross_fit(problem.data, problem.split, other), other)
    first.prepare([(0, ())])
    second.prepare([(0, ()), (1, ())])
    for natural, i, counts in zip((problem.natural, other, other), (0, 0, 1), found, strict=True):
        told = torch.cat([natural, torch.ones(1, 2, dtype=torch.bool)])[:, i]
        for fold, count in zip(problem.folds, counts, strict=True):
            assert torch.equal(count.bool(), told[fold.table])


def test_copies_may_be_fitted_in_another_way(fitted):
    problem, graph = Problem("mixed"), every_dag(3)[-1]
    other = replace(BRIEF, continuous=Descent(9, 16, 1e-2), decays=(0.7, 0.1))
    first = problem.evidence(BRIEF)
    before = first.of(graph)
    del fitted[:]
    second = first.refitted(other)
    found = second.of(graph)
    assert (second.refitting, second.decay) == (other, 0.7)
    assert sorted(fitted) == sorted(2 * [family(graph, i) for i in range(3)])
    assert found == pytest.approx(problem.evidence(other).of(graph), abs=1e-6) != before
    del fitted[:]
    assert first.of(graph) == before and not fitted
    assert first.refitted(None).of(graph) == pytest.approx(problem.evidence().of(graph))
    for part, same in zip(second.rough_terms(0, graph[:1]), first.rough_terms(0, graph[:1]), strict=True):
        assert torch.equal(part, same)


# ---------------------------------------------------------------- weight decay
@pytest.mark.parametrize("best", [0.0, 0.3, 1.0])
def test_the_decay_is_the_one_that_predicts_best_where_mechanisms_are_natural(monkeypatch, best):
    problem = Problem("categorical")
    R, asked = 3, []

    def fit(mechanisms, kinds, families, fitting, counts, refitting, decay):
        asked.append(decay)
        return decay

    def score(decay, kinds, families, scoring):
        # In the rows of a regime that hit it, a variable's own mechanism is not what is to be predicted.
        ((table,),) = [(fold.table,) for fold in problem.folds if fold.scoring is scoring]
        keep = torch.cat([problem.natural, torch.ones(1, 3, dtype=torch.bool)])[table]  # [n, d]
        good, misleading = -abs(decay - best), -100.0 * abs(decay - 2.0)
        found = torch.stack([torch.where(keep[:, i], good, misleading) for i, _ in families])  # [M, n]
        return found, Residuals(torch.randn(len(found), 1, len(scoring.rows)), torch.ones(len(found), 1))

    assert (problem.natural.sum(0) < R).any()
    monkeypatch.setattr(fitted_families, "fit_copies", fit)
    monkeypatch.setattr(fitted_families, "judge_rows", score)
    evidence = problem.evidence(Refitting(decays=(0.0, 0.3, 1.0, 2.0), least_regret=0.0))
    evidence.choose_decay(every_dag(3)[-1])
    decays = [0.0, 0.3, 1.0, 2.0]
    assert sorted(set(asked)) == decays[: decays.index(best) + 2]  # in order, until one is worse
    assert evidence.decay == best
    del asked[:]
    evidence.prepare([(0, (1, 2)), (1, ())])
    assert set(asked) == {best}


@pytest.mark.parametrize("decays", [(0.0, 5.0), (5.0, 0.0), (0.4,)])
def test_what_was_found_with_the_best_decay_is_kept(decays, fitted):
    problem, graph = Problem("mixed"), every_dag(3)[-1]
    descent = Descent(20, 16, 1e-2)
    refitting = Refitting(descent, descent, decays=decays, least_regret=0.0)
    evidence = problem.evidence(refitting)
    evidence.choose_decay(graph)
    wanted = [family(graph, i) for i in range(3)]
    assert sorted(fitted) == sorted(2 * len(decays) * wanted)
    del fitted[:]
    found = evidence.of(graph)
    assert not fitted
    each = {decay: problem.evidence(replace(refitting, decays=(decay,))).of(graph) for decay in decays}
    assert found == pytest.approx(each[evidence.decay], abs=1e-6)
    assert len(decays) == 1 or abs(each[decays[0]] - each[decays[1]]) > 1e-3
    evidence.of(every_dag(3)[0])  # and the rest is found with it
    other = problem.evidence(replace(refitting, decays=(evidence.decay,)))
    assert evidence.of(every_dag(3)[1]) == pytest.approx(other.of(every_dag(3)[1]), abs=1e-2)


def test_without_copies_there_is_no_decay_to_choose():
    evidence = Problem().evidence()
    evidence.choose_decay(every_dag(3)[-1])
    assert evidence.decay == 0.0


# ---------------------------------------------------------------- mechanisms of your own
def test_mechanisms_that_cannot_be_copied_are_judged_by_the_closed_form():
    problem = Problem("continuous", mechanisms=LinearGaussian)
    asked, closed = problem.evidence(BRIEF), problem.evidence()
    asked.choose_decay(every_dag(2)[-1])
    for graph in every_dag(2):
        assert asked.of(graph) == closed.of(graph)
        assert torch.equal(asked.targets(graph), closed.targets(graph))
