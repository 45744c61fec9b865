"""Predictions of rows that were not fitted: by hand for small tables, and through the Pyro program and its handlers."""

from __future__ import annotations

import itertools
import math

import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, LinearGaussian, make_rows, small_data

from pyrocausal.checks.row_predictions import WEIGHING, RowPredictor, Table
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.regime import Regime
from pyrocausal.data.weights import Part
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.table_prior import STRENGTHS
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.conjugate import CONCENTRATIONS
from pyrocausal.model.edge_beliefs import IndependentBeliefs
from pyrocausal.model.log_likelihood import score_graphs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.sdi.row_split import split_rows
from pyrocausal.sdi.target_prior import TargetOdds, TargetPrior

NAMES = ("A", "B", "C")
CHAIN = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=torch.bool)  # A -> B -> C, row = effect


def binary_rows(n, seed, hit=None) -> torch.Tensor:
    """A -> B -> C, each a copy of its cause in four rows of five; the variable that is hit is 1 in nine of ten."""
    generator = torch.Generator().manual_seed(seed)
    noise = (torch.rand(n, 3, generator=generator) < 0.2).float()
    new = (torch.rand(n, generator=generator) < 0.9).float()
    columns = []
    for i in range(3):
        natural = (noise[:, i] - columns[-1]).abs() if columns else (noise[:, i] > 0).float()
        columns.append(new if i == hit else natural)
    return torch.stack(columns, 1)


def binary_data(targets=None) -> InterventionalData:
    kinds = (Categorical((0, 1)),) * 3
    regimes = tuple(Regime(f"hit {NAMES[i]}", binary_rows(60, 1 + i, i), targets) for i in range(3))
    return InterventionalData(NAMES, kinds, binary_rows(200, 0), regimes)


def table_of(name, adapting, scored, targets) -> Table:
    return Table(name, Part(adapting), Part(scored), targets)


def trial(data, tables, natural=None, several=False, **changes) -> RowPredictor:
    natural = torch.ones(len(data.regimes), data.d, dtype=torch.bool) if natural is None else natural
    odds = TargetOdds(torch.zeros(len(tables), data.d), several)
    return RowPredictor(data, natural, tables, odds, **({"refitting": None} | changes))


def urn(values, cells, concentration, marginal) -> float:
    """Log-probability of values drawn one after the other, each cell an urn that begins with `concentration` balls."""
    total, seen = 0.0, {}
    for value, cell in zip(values, cells, strict=True):
        drawn = seen.setdefault(cell, [])
        total += math.log((concentration * marginal[value] + drawn.count(value)) / (concentration + len(drawn)))
        drawn.append(value)
    return total


class ByHand(Mechanisms):
    """Tables of binary variables that count rows, those of the regime in which a variable was hit left out."""

    def __init__(self, kinds, fitting, counts) -> None:
        super().__init__()
        self.fitting, self.counts = fitting, counts

    def table(self, i, parents) -> dict[tuple[int, ...], float]:
        rows = self.fitting[self.counts[:, i]]
        values = [int(value) for value in rows[:, i]]
        cells = [tuple(int(row[j]) for j in parents) for row in rows]
        even, one = (0.5, 0.5), [()] * len(values)
        spread = max(STRENGTHS, key=lambda s: urn(values, one, s, even))
        marginal = [(values.count(v) + spread / 2) / (len(values) + spread) for v in (0, 1)]
        cost = sum(math.log(marginal[v]) for v in values) - urn(values, one, spread, even)
        tried = [(urn(values, cells, s, even), s, even) for s in STRENGTHS]
        if parents:  # around what is read from the rows, which costs what it costs by itself
            tried += [(urn(values, cells, s, marginal) - cost, s, marginal) for s in STRENGTHS]
        _, best, around = max(tried)
        made = {}
        for cell in itertools.product((0, 1), repeat=len(parents)):
            inside = [v for v, c in zip(values, cells, strict=True) if c == cell]
            made[cell] = (sum(inside) + best * around[1]) / (len(inside) + best)
        return made

    def conditional(self, i, values, parents):
        chosen = [j for j, on in enumerate(parents.flatten().tolist()) if on]
        table = self.table(i, chosen)
        high = torch.tensor([table[tuple(int(row[j]) for j in chosen)] for row in values])
        return dist.Categorical(torch.stack([1 - high, high], -1).expand(*parents.shape[:-2], len(values), 2))


def test_tables_are_those_counted_by_hand_and_scored_by_the_program_with_its_handlers():
    data = binary_data()
    natural = ~torch.eye(3, dtype=torch.bool)
    tables = [
        table_of(f"new {i}", binary_rows(30, 10 + i, i), binary_rows(31, 20 + i, i), (NAMES[i],)) for i in range(3)
    ]
    tables.append(table_of("observational", data.observational, binary_rows(40, 30), ()))
    found = trial(data, tables, natural).predict(CHAIN)
    assert found.hit.tolist() == [*torch.eye(3).bool().tolist(), [False] * 3]

    split = split_rows(data, False, WEIGHING)
    assert len(split.held_out.rows) == 20
    fitting = torch.cat([*(regime.rows for regime in data.regimes), split.fitting.rows])
    origin = torch.arange(4).repeat_interleave(torch.tensor([60, 60, 60, 180]))
    counts = torch.cat([natural, torch.ones(1, 3, dtype=torch.bool)])[origin]
    model = CausalModel(NAMES, data.kinds, ByHand(data.kinds, fitting, counts), IndependentBeliefs(fixed_edges(NAMES)))
    scores = score_graphs(model, [table.scored.rows for table in tables], CHAIN.float()[None], found.hit)[0]  # [T, d]
    sizes = torch.tensor([[len(table.scored.rows)] for table in tables])
    torch.testing.assert_close(
        found.log_likelihood.masked_fill(found.hit, 0.0), (scores * sizes).double(), atol=1e-3, rtol=1e-5
    )


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_new_mechanism_predicts_as_two_urns_that_it_is_not_told_apart_from(i):
    data = binary_data()
    table = table_of("new", binary_rows(30, 11, i), binary_rows(31, 12, i), (NAMES[i],))
    found = float(trial(data, [table]).predict(CHAIN).log_likelihood[0, i])

    def evidence(rows) -> float:  # half free of parents, half given them; balls beforehand as any prior has them
        values, parents = [int(v) for v in rows[:, i]], CHAIN[i].nonzero()[:, 0].tolist()
        cells = [tuple(int(row[j]) for j in parents) for row in rows]
        urns = [urn(values, each, 2 * c, (0.5, 0.5)) for each in ([()] * len(values), cells) for c in CONCENTRATIONS]
        return math.log(math.fsum(map(math.exp, urns)) / len(urns))

    both = torch.cat([table.adapting.rows, table.scored.rows])
    assert found == pytest.approx(evidence(both) - evidence(table.adapting.rows), abs=1e-6)


@pytest.mark.parametrize("i", [0, 1, 2])
def test_unknown_targets_are_found_on_the_adapting_rows_alone(i):
    # The scored rows have another target, which nobody may look at.
    tables = [table_of("new", binary_rows(200, 1, i), binary_rows(50, 2, (i + 1) % 3), None)]
    tables.append(table_of("old", binary_rows(200, 3), binary_rows(50, 4, i), None))
    natural = ~torch.eye(3, dtype=torch.bool)
    assert trial(binary_data(), tables, natural).predict(CHAIN).hit.tolist() == [
        [j == i for j in range(3)],
        [False] * 3,
    ]


def test_several_targets():
    rows = torch.stack([binary_rows(400, 1, 0)[:, 0], *binary_rows(400, 2, 2).t()[1:]], 1)  # A and C are hit, B cut off
    natural = ~torch.eye(3, dtype=torch.bool)
    tables = [table_of("both", rows[::2], rows[1::2], None)]
    hit = trial(binary_data(), tables, natural, several=True).predict(CHAIN).hit[0]
    assert hit[0]
    assert hit[2]
    assert trial(binary_data(), tables, natural).predict(CHAIN).hit.sum() == 1


def test_a_wrong_target_may_be_believed_beforehand():
    tables = [table_of("new", binary_rows(100, 1, 0), binary_rows(50, 2, 0), None)]
    odds = TargetOdds(torch.tensor([[0.0, 1e4, 0.0]]), False)
    natural = ~torch.eye(3, dtype=torch.bool)
    made = RowPredictor(binary_data(), natural, tables, odds, refitting=None)
    assert made.predict(CHAIN).hit.tolist() == [[False, True, False]]


@pytest.mark.parametrize("several", [False, True])
def test_beside_a_target_that_is_certain_a_further_one_is_found(several):
    both = binary_rows(120, 9, 0)
    both[:, 2] = (torch.rand(120, generator=torch.Generator().manual_seed(1)) < 0.9).float()
    only = binary_rows(120, 10, 2)
    told = {"both": AtLeast("C"), "only": AtLeast("C"), "by mistake": AtLeast("B")}
    rows = {"both": both, "only": only, "by mistake": only}
    tables = [table_of(name, rows[name][:60], rows[name][60:], targets) for name, targets in told.items()]
    odds = TargetPrior(several).compile(NAMES, told)
    natural = torch.ones(3, 3, dtype=torch.bool) ^ torch.eye(3, dtype=torch.bool)
    found = RowPredictor(binary_data(), natural, tables, odds, refitting=None).predict(CHAIN)
    assert found.hit.tolist() == [[True, False, True], [False, False, True], [False, True, True]]


def test_a_prediction_is_a_distribution():
    # Over all three binary rows that might come, the probabilities of any graph add up to one.
    data, adapting = binary_data(), binary_rows(20, 5, 1)
    for graph in (CHAIN, torch.zeros_like(CHAIN), CHAIN.t()):
        for targets in ((), ("B",), ("A", "C")):
            total = 0.0
            for row in itertools.product((0.0, 1.0), repeat=3):
                table = table_of("new", adapting, torch.tensor([row]), targets)
                total += math.exp(float(trial(data, [table]).predict(graph).log_likelihood.sum()))
            assert total == pytest.approx(1.0, abs=1e-6)


def test_a_linear_gaussian_is_predicted_almost_as_by_its_truth():
    generator = torch.Generator().manual_seed(0)

    def sample(n, hit=False):
        x = torch.randn(n, 3, generator=generator)
        x[:, 0] += 3.0 * hit
        x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
        x[:, 2] = 0.8 * x[:, 1] + 0.6 * x[:, 2]
        return x

    kinds = (Continuous(0.0, 1.0),) * 3
    data = InterventionalData(NAMES, kinds, sample(2000), (Regime("B", sample(100), ()),))
    table = table_of("A", sample(200, True), sample(300, True), None)
    made = trial(data, [table])
    found = made.predict(CHAIN)
    assert found.hit.tolist() == [[True, False, False]]
    # A as new, Normal(3, 1); its effects as ever.
    x = table.scored.rows
    truth = torch.stack(
        [
            dist.Normal(3.0, 1.0).log_prob(x[:, 0]),
            dist.Normal(0.8 * x[:, 0], 0.6).log_prob(x[:, 1]),
            dist.Normal(0.8 * x[:, 1], 0.6).log_prob(x[:, 2]),
        ],
        1,
    ).mean(0)
    torch.testing.assert_close(found.log_likelihood[0] / 300, truth.double(), atol=0.02, rtol=0)
    assert made.predict(torch.zeros(3, 3, dtype=torch.bool)).log_likelihood.sum() < found.log_likelihood.sum() - 100


def test_networks_join_in_where_a_table_is_too_large(monkeypatch):
    monkeypatch.setattr(ClosedForm, "max_cells", 3)
    data, table = binary_data(), table_of("new", binary_rows(30, 1, 0), binary_rows(30, 2, 0), None)
    with pytest.raises(ValueError, match="refitting: a table for 'B' given its 1 parents would be too large"):
        trial(data, [table]).predict(CHAIN)
    with pytest.raises(ValueError, match="refitting"):  # mechanisms of one's own that cannot be copied
        RowPredictor(
            data,
            torch.ones(3, 3, dtype=torch.bool),
            [table],
            TargetOdds(torch.zeros(1, 3), False),
            mechanisms=LinearGaussian,
        ).predict(CHAIN)
    monkeypatch.undo()
    closed = trial(data, [table]).predict(CHAIN).log_likelihood
    monkeypatch.setattr(ClosedForm, "max_cells", 3)
    before = torch.get_rng_state()
    made = RowPredictor(data, torch.ones(3, 3, dtype=torch.bool), [table], TargetOdds(torch.zeros(1, 3), False))
    found = made.predict(CHAIN).log_likelihood
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(found / 30, closed / 30, atol=0.05, rtol=0)


@pytest.mark.parametrize("kinds", KINDS)
def test_every_kind_of_variable(kinds):
    data = small_data(KINDS[kinds])
    table = table_of("new", make_rows(KINDS[kinds], 20), make_rows(KINDS[kinds], 20), None)
    graph = torch.tril(torch.ones(4, 4), -1).bool()
    made = trial(data, [table])
    made.prepare([graph, graph.t()])
    found = made.predict(graph)
    assert found.log_likelihood.shape == found.hit.shape == (1, 4)
    assert found.log_likelihood.isfinite().all()
