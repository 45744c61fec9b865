"""Pooled evidence against a sum over every target written out, and what is kept of families."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from conftest import KINDS as EVERY
from conftest import every_dag, small_data

from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.pooled_tables import KAPPAS, PooledTables
from pyrocausal.evidence.regressors import ADDITIVE, LINEAR, PAIRS
from pyrocausal.evidence.table_prior import best_prior
from pyrocausal.evidence.terms import IMPOSSIBLE, parents_of
from pyrocausal.sdi.target_prior import TargetOdds, TargetPrior
from pyrocausal.sdi.targets import known_targets

KINDS = {
    "numbers": (Continuous(0.0, 1.0),) * 3,
    "categories": (Categorical((0, 1)), Categorical((0, 1, 2)), Categorical((0, 1))),
    "counts": (Count(None, 1.5, 0.8), Continuous(0.0, 1.0), Categorical((0, 1))),
}
PRICE, D, R = 1.7, 3, 2
kinds_of = pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)


def make(kinds, prior=None, targets=(None, None), rows=25) -> PooledEvidence:
    data = small_data(kinds, rows, len(targets))
    known, hit = known_targets(data.names, targets)
    odds = TargetOdds(torch.zeros(hit.shape), several=False) if prior is None else prior
    told = hit & ~known[:, None]  # beside these there may be others, of which they are none
    odds = odds._replace(log_odds=odds.log_odds.masked_fill(told, -torch.inf))
    return PooledEvidence(data, TargetKnowledge(known, hit, odds), PRICE)


def log_sum_exp(terms) -> float:
    return float(torch.tensor(terms, dtype=torch.double).logsumexp(0))


def hypotheses(evidence, graph, r) -> list[tuple[tuple[bool, ...], float]]:
    """Every set of targets of a regime that is possible, and the log of its prior and its likelihood."""
    d, odds = len(graph), evidence.prior.log_odds.double()
    families = [evidence.family(i, parents_of(graph[i])) for i in range(d)]
    found = []
    for hit in itertools.product([False, True], repeat=d):
        if bool(evidence.known[r]):
            if list(hit) != evidence.hit[r].tolist():
                continue
            prior = 0.0
        else:
            told = evidence.hit[r].tolist()
            if not all(h for h, certain in zip(hit, told, strict=True) if certain):
                continue
            open_ = [(o, h) for o, h, certain in zip(odds[r], hit, told, strict=True) if not certain]
            if evidence.prior.several:
                prior = sum(float(torch.nn.functional.logsigmoid(o if h else -o)) for o, h in open_)
            elif sum(h for _, h in open_) > 1:
                continue
            else:
                prior = sum(float(o) for o, h in open_ if h) - log_sum_exp([0.0, *(float(o) for o, _ in open_)])
        likely = sum(float((f.new if h else f.old)[r]) for f, h in zip(families, hit, strict=True))
        found.append((hit, prior + likely))
    return found


TOLD = {
    "no": (None, None),
    "one": (("X1",), None),
    "all": ((), ("X0", "X2")),
    "partly": (AtLeast("X1"), None),
    "much": (AtLeast("X0", "X2"), AtLeast("X0", "X1", "X2")),
}


@pytest.mark.parametrize("targets", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("several", [False, True])
@kinds_of
def test_evidence_is_the_sum_over_targets_written_out(kinds, several, targets):
    torch.manual_seed(1)
    evidence = make(kinds, TargetOdds(2.0 * torch.randn(R, D), several), targets)
    for graph in every_dag(D)[::6]:
        found = evidence.of(graph)
        posterior = evidence.targets(graph)
        observed = sum(float(evidence.family(i, parents_of(graph[i])).observational) for i in range(D))
        expected = observed - PRICE * int(graph.sum())
        for r in range(R):
            each = hypotheses(evidence, graph, r)
            whole = log_sum_exp([value for _, value in each])
            expected += whole
            share = [math.fsum(math.exp(v - whole) for hit, v in each if hit[i]) for i in range(D)]
            nobody = math.fsum(math.exp(v - whole) for hit, v in each if not any(hit))
            assert posterior[r].tolist() == pytest.approx([*share, nobody], abs=1e-6)
        assert found == pytest.approx(expected, abs=1e-6)


def test_targets_are_what_a_sum_over_those_of_all_regimes_says_of_few_rows():
    # Five regimes of 15 rows are two thirds of all, so that each has a part in what it is compared with.
    kinds, regimes, rows = KINDS["categories"], 5, 15
    generator, found, exact = torch.Generator().manual_seed(0), [], []
    graph = torch.zeros(D, D, dtype=torch.bool)
    graph[1, 0] = graph[2, 1] = True
    for _ in range(8):
        states = torch.tensor([kind.cardinality for kind in kinds])
        tables = [(torch.rand(40 if r == regimes else rows, D, generator=generator) * states).floor() for r in range(6)]
        for r, table in enumerate(tables[:3]):  # the first three have a target, the others none
            table[:, r] = (torch.rand(rows, generator=generator) < 0.2).float()
        told = tuple(Regime(name, table, None) for name, table in zip("abcde", tables, strict=False))
        data = InterventionalData(("X0", "X1", "X2"), kinds, tables[-1], told)
        unknown = torch.zeros(regimes, dtype=torch.bool), torch.zeros(regimes, D, dtype=torch.bool)
        targets = TargetKnowledge(*unknown, TargetOdds(torch.zeros(regimes, D), several=False))
        evidence = PooledEvidence(data, targets, PRICE, drift=False)
        found.append(evidence.targets(graph))
        exact.append(exact_targets(evidence, graph, regimes))
    apart = torch.stack(found) - torch.stack(exact)
    assert apart.abs().max() < 0.2 and apart.abs().mean() < 0.02
    assert apart[..., -1].mean().abs() < 0.02


def exact_targets(evidence, graph, regimes) -> torch.Tensor:
    """The posterior of one target at the most in every regime, from every combination: [R, d + 1]."""
    every = torch.tensor(list(itertools.product(range(D + 1), repeat=regimes)))
    total = torch.zeros(len(every)).double()
    for i in range(D):
        family = i, parents_of(graph[i])
        counts, new = evidence.tables._counted(*family), evidence.family(*family).new
        hit = every == i
        for some in hit.unique(dim=0):
            common = counts.common(counts.counted(torch.cat([~some, torch.tensor([True])]).double()))
            told = best_prior(common, counts.levels, cells=counts.cells).evidence + float(new[some].sum())
            total[(hit == some).all(1)] += told
    share = total.softmax(0)
    return torch.stack([torch.zeros(D + 1).double().index_add_(0, each, share) for each in every.t()])


@pytest.mark.parametrize("several", [False, True])
@kinds_of
def test_where_no_other_can_be_hit_targets_at_least_are_all_of_them(kinds, several):
    regimes = {"r0": ("X1",), "r1": None}
    whole = TargetPrior(several).compile(("X0", "X1", "X2"), regimes)
    nobody = TargetPrior(several, {"r0": {"X0": 0, "X2": 0}})
    part = nobody.compile(("X0", "X1", "X2"), {**regimes, "r0": AtLeast("X1")})
    torch.manual_seed(1)
    known = make(kinds, whole, tuple(regimes.values()))
    torch.manual_seed(1)
    partly = make(kinds, part, (AtLeast("X1"), None))
    for graph in every_dag(D)[::8]:
        assert partly.of(graph) == pytest.approx(known.of(graph), abs=1e-9)
        torch.testing.assert_close(partly.targets(graph), known.targets(graph))


def test_other_beliefs_share_the_families_that_are_weighed():
    evidence = make(KINDS["numbers"])
    graph = every_dag(D)[-1]
    evidence.of(graph)
    other = evidence.believing(TargetOdds(torch.full((R, D), -1.0), several=True))
    assert other._kept is evidence._kept and len(evidence._kept) == D
    found = other.of(graph)
    assert len(evidence._kept) == D  # none was weighed again
    expected = sum(
        float(each.evidence.observational)
        + float((torch.logaddexp(each.evidence.old, each.evidence.new - 1.0) - math.log1p(math.exp(-1.0))).sum())
        for each, _ in evidence._kept.values()
    )
    assert found == pytest.approx(expected - PRICE * int(graph.sum()), abs=1e-6)
    other.of(every_dag(D)[0])
    assert len(evidence._kept) > D  # and what one learns the other knows
    dear = evidence.priced(PRICE + 2.0)
    assert dear.of(graph) - evidence.of(graph) == pytest.approx(-2.0 * int(graph.sum()))


@pytest.mark.parametrize("kinds", EVERY.values(), ids=EVERY)
def test_terms_do_not_depend_on_the_order_in_which_families_are_asked_for(kinds):
    data = small_data(kinds, 20, 2, [None, ("X1",)])
    known, hit = known_targets(data.names, (None, ("X1",)))
    targets = TargetKnowledge(known, hit, TargetOdds(torch.zeros(hit.shape), several=False))
    batch, alone = (PooledEvidence(data, targets, PRICE) for _ in range(2))
    families = [(i, pa) for i in range(4) for pa in ((), ((i + 1) % 4,), tuple(j for j in range(4) if j != i))]
    families = [(i, tuple(sorted(pa))) for i, pa in families]
    batch.prepare(families)
    for family in reversed(families):
        alone.prepare([family])
        for one, other in zip(batch._kept[family], alone._kept[family], strict=True):  # drifting, and steady
            for part, same in zip((*one.evidence, one.drift), (*other.evidence, other.drift), strict=True):
                torch.testing.assert_close(part, same, rtol=1e-7, atol=1e-7)
            assert one.evidence.old.isfinite().all() and one.evidence.new.isfinite().all()


@pytest.mark.parametrize("kinds", EVERY.values(), ids=EVERY)
def test_a_row_of_weight_two_is_two_rows(kinds):
    data = small_data(kinds, 24, 2)
    weights = [torch.randint(1, 3, (len(rows),)).double() for rows, _ in data.parts]
    first, *others = zip(data.parts, weights, strict=True)

    def made(repeat):
        def rows(part, w):
            return part.rows.repeat_interleave(w.long(), 0) if repeat else part.rows

        regimes = tuple(
            Regime(f"r{r}", rows(*each), weights=None if repeat else each[1]) for r, each in enumerate(others)
        )
        told = InterventionalData(
            data.names, data.kinds, rows(*first), regimes, observational_weights=None if repeat else first[1]
        )
        return PooledEvidence(told, TargetKnowledge.nothing(2, 4), PRICE)

    one, other = made(False), made(True)
    graphs = [torch.zeros(4, 4, dtype=torch.bool), torch.ones(4, 4).tril(-1).bool()]
    for level in (LINEAR, ADDITIVE, PAIRS):
        one, other = (each if level == LINEAR else each.at_level(level) for each in (one, other))
        for graph in graphs:
            assert one.of(graph) == pytest.approx(other.of(graph), rel=1e-6, abs=1e-3)
            torch.testing.assert_close(one.targets(graph), other.targets(graph), rtol=1e-3, atol=1e-4)


def leaning() -> PooledEvidence:
    """Of a table of two causes of four states each, whose effects on the logits of X2 add up, in few rows a cell."""
    generator = torch.Generator().manual_seed(0)
    kinds = (*(Categorical(tuple(range(4))),) * 2, Categorical((0, 1)))

    def rows(n):
        causes = torch.randint(4, (n, 2), generator=generator)
        odds = 1.2 * (causes.sum(1) - 3.0)
        return torch.column_stack([causes, torch.rand(n, generator=generator) < odds.sigmoid()]).float()

    data = InterventionalData(("A", "B", "C"), kinds, rows(150), (Regime("r", rows(40)),))
    return PooledEvidence(data, TargetKnowledge.nothing(1, 3), PRICE)


def test_plain_tables_lean_on_no_smooth_models_and_are_what_is_roughly_so():
    evidence, sets = leaning(), torch.tensor([[True, True, False], [True, False, False]])
    plain = evidence.plain()
    assert plain is not None and plain.plain() is None and evidence.plain()._kept is plain._kept
    assert evidence.at_level(ADDITIVE).plain() is None
    both, one = evidence.terms(2, sets), plain.terms(2, sets)
    assert float(both.observational[0] + both.old[0].sum()) > float(one.observational[0] + one.old[0].sum()) + 5.0
    torch.testing.assert_close(both.observational[1], one.observational[1])  # of one cause there is nothing to smooth
    hit = evidence._hit([(2, (0, 1))], evidence._with_observational(evidence._new_of((2, (0, 1))))[None])[0]
    drifting, _ = evidence.tables.spared(2, (0, 1), hit, smooth=False)
    torch.testing.assert_close(plain.family(2, (0, 1)).old, drifting.log_prob[:-1])
    for part, same in zip(evidence.rough_terms(2, sets), one, strict=True):
        torch.testing.assert_close(part, same)
    assert evidence.of(torch.zeros(3, 3, dtype=torch.bool)) == plain.of(torch.zeros(3, 3, dtype=torch.bool))


def test_numbers_are_weighed_once_beside_plain_tables_and_others(monkeypatch):
    kinds = (Continuous(0.0, 1.0), Categorical((0, 1)), Continuous(0.0, 1.0))
    evidence, sets = make(kinds), torch.tensor([[False, True, True], [False, False, True]])
    weighed, regress = [], PooledEvidence._regress
    monkeypatch.setattr(PooledEvidence, "_regress", lambda self, some: weighed.extend(some) or regress(self, some))
    first = evidence.plain().terms(0, sets)
    both = evidence.terms(0, sets), evidence.plain().terms(0, sets)
    assert sorted(weighed) == [(0, (1, 2)), (0, (2,))]
    for terms in both:
        for part, same in zip(terms, first, strict=True):
            torch.testing.assert_close(part, same)


def test_without_tables_nothing_is_plainer():
    evidence, graph = make(KINDS["numbers"]), torch.tensor([[False, True, True]])
    assert evidence.plain() is None
    for part, same in zip(evidence.rough_terms(0, graph), evidence.terms(0, graph), strict=True):
        torch.testing.assert_close(part, same)


def test_a_table_too_large_is_impossible(monkeypatch):
    monkeypatch.setattr(PooledTables, "max_cells", 11)  # X2 given X0 and X1 needs 2 x 3 x 2 = 12 entries
    evidence = make(KINDS["categories"])
    terms = evidence.terms(2, torch.tensor([[True, False, False], [True, True, False]]))
    assert (terms.old[0] > -1e3).all() and (terms.old[1] <= IMPOSSIBLE).all()
    graph = torch.zeros(3, 3, dtype=torch.bool)
    graph[2, :2] = True
    assert evidence.of(graph) < IMPOSSIBLE / 2


def bent(rows=400, regimes=3) -> InterventionalData:
    """X1 is the square of X0, and X2 the product of both; nobody is hit."""

    def table(n):
        x = 4 * torch.rand(n, 3) - 2
        x[:, 1] = x[:, 0] ** 2 - 1.3 + 0.3 * torch.randn(n)
        x[:, 2] = 0.7 * x[:, 0] * x[:, 1] + 0.3 * torch.randn(n)
        return x

    told = tuple(Regime(f"r{r}", table(rows // 4)) for r in range(regimes))
    return InterventionalData(("X0", "X1", "X2"), (Continuous(0.0, 1.0),) * 3, table(rows), told)


def test_levels_have_more_evidence_where_mechanisms_bend_and_never_less():
    linear = PooledEvidence(bent(), TargetKnowledge.nothing(3, 3), PRICE)
    additive = linear.at_level(ADDITIVE)
    pairs = additive.at_level(PAIRS)
    families = [(1, (0,)), (2, (0, 1)), (0, ()), (0, (1,))]
    for each in (linear, additive, pairs):
        each.prepare(families)
    value = [{family: each._kept[family].drifting.value for family in families} for each in (linear, additive, pairs)]
    for family in families:
        assert value[0][family] <= value[1][family] <= value[2][family]
    assert value[1][1, (0,)] > value[0][1, (0,)] + 100
    assert value[2][2, (0, 1)] > value[1][2, (0, 1)] + 100
    assert value[0][0, ()] == value[2][0, ()]
    assert linear.levels == PAIRS and make(KINDS["categories"]).levels == LINEAR
    assert len(linear._kept) == len(families)  # a level does not change the one below


def test_drift_is_told_of_every_regime_and_variable():
    evidence = PooledEvidence(bent(), TargetKnowledge.nothing(3, 3), PRICE)
    graph = torch.zeros(3, 3, dtype=torch.bool)
    graph[1, 0] = True
    found = evidence.drift(graph)
    assert found.shape == (3, 3) and (found >= 0).all()
    assert torch.equal(found[:, 1], evidence._kept[1, (0,)].drifting.drift[:-1])


@kinds_of
def test_drift_can_be_switched_off(kinds):
    torch.manual_seed(2)
    data, nothing, graph = small_data(kinds, 60, 3), TargetKnowledge.nothing(3, 3), every_dag(D)[-1]
    steady, usual = PooledEvidence(data, nothing, PRICE, drift=False), PooledEvidence(data, nothing, PRICE)
    assert not steady.drift(graph).any()
    assert steady.steady() is None
    other = usual.steady() if kinds == KINDS["categories"] else None
    if other is not None:
        assert steady.of(graph) == other.of(graph)
    assert steady.of(graph) < usual.of(graph) + 3 * math.log(len(KAPPAS)) + 1e-6


def test_without_drift_a_regime_that_drifts_is_hit():
    torch.manual_seed(3)
    a = torch.randn(3, 1000)
    b = a + 0.3 * torch.randn(3, 1000) + torch.tensor([[0.0], [0.1], [-0.12]])
    first, *others = torch.stack([a, b], -1)
    regimes = tuple(Regime(f"r{r}", rows) for r, rows in enumerate(others))
    data = InterventionalData(("A", "B"), (Continuous(0.0, 1.0),) * 2, first, regimes)
    odds = TargetOdds(torch.zeros(2, 2), several=True)
    knowledge, graph = TargetKnowledge(*known_targets(data.names, (None, None)), odds), torch.zeros(2, 2).bool()
    graph[1, 0] = True
    hit = [PooledEvidence(data, knowledge, PRICE, drift=drift).targets(graph)[:, 1] for drift in (True, False)]
    assert hit[0].max() < 0.5 and hit[1].min() > 0.9


@kinds_of
def test_families_that_are_weighed_one_by_one_for_want_of_memory_say_the_same(kinds, monkeypatch):
    graphs, found = every_dag(D), []
    for memory in (2_000_000, 1):
        torch.manual_seed(0)  # the same tables
        monkeypatch.setattr("pyrocausal.evidence.pooled_terms.MEMORY", memory)
        evidence = make(kinds).at_level(ADDITIVE).at_level(PAIRS)
        evidence.prepare((i, parents_of(row)) for graph in graphs for i, row in enumerate(graph))
        found.append([evidence.of(graph) for graph in graphs])
    assert found[1] == pytest.approx(found[0], rel=1e-9)


def test_what_happens_far_from_all_that_was_seen_is_no_new_mechanism():
    def rows(n, mean, effect):
        x = mean + torch.randn(n)
        return torch.stack([x, effect(x) + 0.3 * torch.randn(n)], 1)

    kinds = (Continuous(0.0, 1.0),) * 2
    regimes = Regime("far", rows(100, 6.0, torch.cos)), Regime("near", rows(100, 0.5, lambda x: 2 - x))
    data = InterventionalData(("x", "y"), kinds, rows(1000, 0.0, torch.tanh), regimes)
    known, hit = known_targets(data.names, (None, None))
    line = PooledEvidence(data, TargetKnowledge(known, hit, TargetOdds(torch.zeros(2, 2), several=True)), PRICE)
    curve = line.at_level(ADDITIVE)
    families = [(1, ()), (1, (0,))]
    curve.prepare(families)
    line.prepare(families)
    straight, bent, alone = line.family(1, (0,)), curve.family(1, (0,)), curve.family(1, ())
    assert bent.observational > straight.observational + 10
    assert bent.old[0] > bent.new[0] - math.log(2) - 1e-9  # nothing is to be learned of it
    assert bent.new[1] > bent.old[1] + 20  # what is seen near others is
    assert straight.new[0] > straight.old[0] + 20  # a straight line is taken to go on
    assert alone.new[0] > alone.old[0] + 1  # and without the cause something has happened
