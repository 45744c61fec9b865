"""Copies that are fitted exactly, in predictive evidence: which rows, which starts, what is forgotten and taken up."""

from __future__ import annotations

import math

import pytest
import torch

from pyrocausal.copies.exact_copies import ExactCopies
from pyrocausal.copies.refitting import Refitting
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.journal import Journal, journal_kept
from pyrocausal.sdi.row_split import cross_fit, split_rows

NUMBER = Continuous(shift=0.0, scale=1.0)
KINDS = (NUMBER, Categorical(("no", "yes")), Continuous(shift=0.0, scale=1.0, missing=True), NUMBER)
NAMES = "a", "b", "c", "d"


def rows(n, seed, hit=None):
    """`c` is a curve of the other two, `d` of nothing; some values of `c` are missing."""
    generator = torch.Generator().manual_seed(seed)
    a, noise, d, chosen = torch.randn(4, n, generator=generator)
    b = (chosen > 0).float()
    c = (a.abs() - 1) * (0.3 + b) + 0.2 * noise if hit != 2 else 3 + noise
    c[::7] = torch.nan
    return torch.stack([a, b, c, d], 1)


@pytest.fixture(scope="module")
def data():
    regimes = Regime("r0", rows(120, 1), None), Regime("r1", rows(120, 2, hit=2), None)
    return InterventionalData(NAMES, KINDS, rows(400, 0), regimes)


def made(data, natural=((True,) * 4, (True, True, False, True)), closed_form=False):
    torch.manual_seed(0)  # networks of the category
    natural = torch.tensor(natural)
    folds = cross_fit(data, split_rows(data, share_regimes=True, held_out=0.3), natural)
    new = NewMechanisms(KINDS, [regime.rows for regime in data.regimes])
    evidence = PredictiveEvidence(
        RowsOfEvidence(KINDS, folds, natural, torch.zeros(2, 4, dtype=torch.bool)),
        TargetKnowledge.nothing(2, 4),
        Estimators(NeuralMechanisms(KINDS, hidden=4), new, Refitting(), closed_form),
        3.0,
    )
    return evidence, folds, natural


def held_out(evidence, i, parents):
    return float(evidence.family(i, parents).observational)


def told(evidence, i, parents):
    """Nats of all rows that tell of a variable's own mechanism."""
    found = evidence.family(i, parents)
    return float(evidence.telling[:-1, i] @ found.old + found.observational)


def row(*parents):
    return torch.tensor([j in parents for j in range(4)])


def test_a_curve_of_a_number_and_a_category_is_found(data):
    evidence, _, _ = made(data)
    evidence.prepare([(2, ()), (2, (0,)), (2, (0, 1)), (2, (0, 1, 3))])
    seen = [held_out(evidence, 2, pa) for pa in ((), (0,), (0, 1), (0, 1, 3))]
    n = sum(int((~fold.scoring.rows[fold.table == 2][:, 2].isnan()).sum()) for fold in evidence.folds)
    truth = -n * (0.5 + math.log(0.2) + 0.5 * math.log(2 * math.pi))
    assert seen[2] > seen[1] + 20 > seen[0] + 20 and abs(seen[2] - truth) < 0.3 * n
    assert seen[3] < seen[2] + 3.0
    assert evidence.promising(2, row(0)).tolist() == [True, True, True, False]  # c itself is out of the question
    assert evidence.promising(2, row(0, 1))[3].item() is False


def test_what_promises_nothing_gains_little(data):
    evidence, _, _ = made(data)
    left_out = 0
    for i, pa in [(2, ()), (2, (0,)), (2, (0, 1)), (0, ()), (3, ()), (3, (2,))]:
        more = {j: tuple(sorted((*pa, j))) for j in range(4) if j != i and j not in pa}
        evidence.prepare([(i, pa), *((i, each) for each in more.values())])
        worth = [told(evidence, i, each) for each in (pa, *more.values())]
        found = evidence.promising(i, row(*pa))
        for (j, _), nats in zip(more.items(), worth[1:], strict=True):
            assert found[j] or nats - worth[0] < 10.0  # another fit of the same may differ by some nats
            left_out += not found[j]
    assert left_out > 4


def test_rows_that_do_not_tell_fit_nothing(data):
    evidence, _, _ = made(data)
    evidence.prepare([(2, (0, 1))])
    before = held_out(evidence, 2, (0, 1))
    elsewhere = rows(120, 9, hit=2)
    elsewhere[:, [0, 2, 3]] += 5
    moved = InterventionalData(NAMES, KINDS, data.observational, (data.regimes[0], Regime("r1", elsewhere, None)))
    again, _, _ = made(moved)
    again.prepare([(2, (0, 1))])
    assert held_out(again, 2, (0, 1)) == pytest.approx(before, abs=1e-6)
    told, _, _ = made(data, natural=((True,) * 4, (True,) * 4))
    told.prepare([(2, (0, 1))])
    assert held_out(told, 2, (0, 1)) < before - 5


def test_after_other_targets_fits_begin_where_they_were(data):
    evidence, _, _ = made(data)
    evidence.prepare([(2, (0, 1)), (3, (0,))])
    natural = torch.ones(2, 4, dtype=torch.bool)
    folds = cross_fit(data, split_rows(data, share_regimes=True, held_out=0.3), natural)
    after = evidence.after(folds, natural)
    after.prepare([(2, (0, 1)), (3, (0,))])
    fresh, _, _ = made(data, natural=natural.tolist())
    fresh.prepare([(2, (0, 1))])
    assert after.family(3, (0,)) is evidence.family(3, (0,))
    assert held_out(after, 2, (0, 1)) == pytest.approx(held_out(fresh, 2, (0, 1)), abs=15)
    assert evidence.exact is not after.exact and len(evidence.exact._known[0, 2]) == 1 < len(after.exact._known[0, 2])


def test_work_is_taken_up_from_a_journal(data):
    def asked():
        evidence, _, _ = made(data)
        evidence.prepare([(2, (0,))])
        evidence.prepare([(2, (0, 1)), (0, (2, 3))])
        return evidence.of(torch.stack([row(), row(), row(0, 1), row()])), evidence.promising(2, row(0))

    kept = []
    with journal_kept(Journal([], None, lambda start, new, _: kept.extend(new))):
        expected = asked()
    for past in (kept[:1], kept):  # the second fit begins where the first one has ended
        with journal_kept(Journal(past, None, lambda start, new, _: None)):
            found = asked()
        assert found[0] == expected[0] and torch.equal(found[1], expected[1])
    assert asked()[0] == expected[0]


def test_polishing_forgets_what_was_said_of_variables_that_gain(data, monkeypatch):
    evidence, _, _ = made(data)
    graph = torch.stack([row(), row(), row(0, 1), row(0)])
    evidence.of(graph)
    kept = [evidence.family(i, pa) for i, pa in ((2, (0, 1)), (3, (0,)))]
    worse = {
        key: [
            each._replace(network=each.network._replace(outputs=0 * each.network.outputs), nats=each.nats + 1.0)
            for each in known
        ]
        if key[1] == 2
        else known
        for key, known in evidence.exact._known.items()
    }
    monkeypatch.setattr(evidence.exact, "_known", worse)
    assert evidence.polish(graph)
    assert evidence.spread[2] > 100  # nats, where fits were far from their best
    assert (evidence.spread[[0, 1, 3]] < 10).all()
    evidence.of(graph)
    again = [evidence.family(i, pa) for i, pa in ((2, (0, 1)), (3, (0,)))]
    assert again[0] is not kept[0] and again[1] is kept[1]
    assert float(again[0].observational) == pytest.approx(float(kept[0].observational), abs=10)


def test_what_was_polished_is_polished_again_once_other_rows_count(data, monkeypatch):
    evidence, _, natural = made(data)
    graph = torch.stack([row(), row(), row(0, 1), row(0)])
    evidence.of(graph)
    asked = []

    def better(families, folds):
        asked.append(list(families))
        return [], [10.0 for _ in families]

    monkeypatch.setattr(evidence.exact, "better", better)
    evidence.polish(graph)
    evidence.polish(torch.stack([row(), row(), row(0), row(0)]))
    assert {i for i, _ in asked[0]} == {0, 2, 3} and asked[1] == [(2, (0,))]
    changed = natural.clone()
    changed[0, 3] = ~changed[0, 3]
    after = evidence.after(evidence.folds, changed)
    monkeypatch.setattr(after.exact, "better", better)
    after.polish(graph)
    assert asked[2] == [(3, (0,))]


def test_an_edge_has_to_outdo_the_scatter_of_fits(data, monkeypatch):
    evidence, _, _ = made(data)
    graph = torch.stack([row(), row(), row(0, 1), row(0)])
    base = evidence.of(graph)
    gains = {(2, (0, 1)): 50.0, (3, (0,)): 4.0}
    monkeypatch.setattr(evidence.exact, "better", lambda families, _: ([], [gains.get(each, 0.0) for each in families]))
    assert evidence.polish(graph) and not evidence.polish(graph)  # what is dearer may go, and then nothing is new
    assert evidence.price.tolist() == [[3.0] * 4, [3.0] * 4, [25.0] * 4, [3.0] * 4]
    assert evidence.of(graph) == pytest.approx(base - 2 * 22.0)
    assert evidence.as_asked().of(graph) == pytest.approx(base)
    assert evidence.priced(30.0).price.tolist() == [[30.0] * 4] * 4
    believed = torch.tensor([[3.0, -1.0, 3.0, 5.0]]).repeat(4, 1)  # makes the same difference as before
    assert evidence.priced(believed).price[1:3].tolist() == [[3.0, -1.0, 3.0, 5.0], [25.0, 21.0, 25.0, 27.0]]
    assert evidence.spread.tolist() == [0.0, 0.0, 50.0, 4.0]
    changed = torch.stack([row(), row(), row(0), row(0)])
    evidence.polish(changed)
    evidence.polish(graph)
    assert evidence.spread[2] == 50.0  # of this graph's mechanism, though it was not tried again
    fewer = torch.stack([row(), row(), row(), row(0)])
    assert evidence.polish(fewer)  # it may come back, for it costs 3 nats again
    assert (evidence.price == 3.0).all()


def test_mixtures_and_own_conditionals_are_not_fitted_exactly():
    kinds = NUMBER, Continuous(shift=0.0, scale=1.0, components=2), Categorical(("no", "yes"))

    class Own(NeuralMechanisms):
        def conditional(self, i, values, parents):
            return super().conditional(i, values, parents)

    assert [NeuralMechanisms(kinds, hidden=4).exact(i) for i in range(3)] == [True, False, False]
    assert not any(Own(kinds, hidden=4).exact(i) for i in range(3))


def test_solutions_do_not_depend_on_what_was_asked_of_others(data):
    _, folds, _ = made(data)
    one, other = ExactCopies(KINDS, folds), ExactCopies(KINDS, folds)
    alone, _ = one.solve([(2, (0, 1))], folds)
    together, _ = other.solve([(0, ()), (3, (0, 1)), (2, (0, 1))], folds)
    assert torch.equal(alone[0], together[2])
