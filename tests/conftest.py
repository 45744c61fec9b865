"""Small data and models that many tests share."""

from __future__ import annotations

import itertools
import math
import signal

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import settings

from pyrocausal.data.continuous import LOG_SCALE, LOG_SCALE_OF_COMPONENT
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.negative_binomial import LOG_MEAN, LOG_SIZE
from pyrocausal.data.regime import Regime
from pyrocausal.data.weights import Part
from pyrocausal.evidence.terms import Terms, parents_of
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import IndependentBeliefs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.posterior.chain import ROUNDS, Chain
from pyrocausal.sdi.row_split import Fold

# The same cases in every run, so that a change is judged by what it changes; `--hypothesis-profile search` tries more.
settings.register_profile("same cases", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile("same cases")


@pytest.fixture(autouse=True)
def ctrl_c():
    """Ctrl-C raises, here and in processes that a test starts, even where whoever started pytest ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


MIXED: tuple[Kind, ...] = (Categorical((0, 1)), Continuous(0.0, 1.0), Categorical((0, 1, 2)), Continuous(0.0, 1.0))
KINDS: dict[str, tuple[Kind, ...]] = {
    "categorical": (Categorical((0, 1)), Categorical((0, 1, 2)), Categorical((0, 1, 2, 3)), Categorical((0, 1))),
    "continuous": (Continuous(0.0, 1.0),) * 4,
    "mixed": MIXED,
    "mixture": (
        Continuous(0.0, 1.0, components=3), Continuous(0.0, 1.0), Continuous(0.0, 1.0, components=2),
        Categorical((0, 1, 2)),
    ),
    "gaps": (
        Categorical((0, 1), missing=True), Continuous(0.0, 1.0), Categorical((0, 1, 2)),
        Continuous(0.0, 1.0, missing=True),
    ),
    "counts": (Count(None, 1.5, 0.8), Count(None, 2.0, 1.0), Count(None, 1.0, 1.0), Count(None, 1.5, 0.8)),
    "count mixture": (
        Count(None, 1.5, 0.8, components=2), Count(None, 2.0, 1.0), Count(None, 1.0, 1.0, components=3),
        Categorical((0, 1)),
    ),
    "all": (
        Exposure(4.0), Count("X0", 1.5, 0.8, place=0), Categorical((0, 1, 2)), Count(None, 2.0, 1.0, missing=True),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _repeatable():
    """Same random numbers in every test, and proof that no test leaves parameters in Pyro's global store."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    pyro.clear_param_store()
    yield
    assert not pyro.get_param_store(), "a test left parameters in Pyro's global store"


class LinearGaussian(Mechanisms):
    """What a user may write: X_i ~ Normal(bias_i + sum over parents of weight_ij x_j, exp(log_scale_i))."""

    def __init__(self, kinds) -> None:
        super().__init__()
        d = len(kinds)
        self.weight = torch.nn.Parameter(torch.zeros(d, d))
        self.bias = torch.nn.Parameter(torch.zeros(d))
        self.log_scale = torch.nn.Parameter(torch.zeros(d))

    def conditional(self, i, values, parents):
        mean = (values * parents * self.weight[i]).sum(-1) + self.bias[i]
        return dist.Normal(mean, self.log_scale[i].exp())


def make_model(kinds=MIXED, hidden=8, beliefs=IndependentBeliefs, **known) -> CausalModel:
    names = [f"X{i}" for i in range(len(kinds))]
    mechanisms = NeuralMechanisms(kinds, hidden=hidden)
    with torch.no_grad():
        for parameter in mechanisms.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return CausalModel(names, kinds, mechanisms, beliefs(fixed_edges(names, **known)))


def make_rows(kinds, n, generator=None) -> torch.Tensor:
    """Random rows; a variable that can have gaps has one in every fifth row, at random, but for the first."""
    columns = []
    for kind in kinds:
        most = 30 if isinstance(kind, Count) else kind.cardinality
        column = torch.randint(most, (n,), generator=generator).float() if most else torch.randn(n, generator=generator)
        columns.append(column)
    rows = torch.stack(columns, 1)
    for j, kind in enumerate(kinds):
        if kind.missing:
            rows[1:, j][torch.rand(n - 1, generator=generator) < 0.2] = math.nan
    return rows


def random_graphs(d, count, probability=0.5) -> torch.Tensor:
    return torch.bernoulli(torch.full((count, d, d), probability)) * (1 - torch.eye(d))


def every_graph(d) -> torch.Tensor:
    """All directed graphs without self-loops, cyclic ones too: [2 ** (d (d - 1)), d, d]."""
    places = [(i, j) for i in range(d) for j in range(d) if i != j]
    graphs = torch.zeros(2 ** len(places), d, d)
    for k in range(len(graphs)):
        for bit, (i, j) in enumerate(places):
            graphs[k, i, j] = (k >> bit) & 1
    return graphs


def small_data(kinds=KINDS["categorical"], rows=40, regimes=3, targets=None) -> InterventionalData:
    names = tuple(f"X{i}" for i in range(len(kinds)))
    made = tuple(
        Regime(f"regime {r}", make_rows(kinds, rows + r), None if targets is None else targets[r])
        for r in range(regimes)
    )
    return InterventionalData(names, tuple(kinds), make_rows(kinds, rows), made)


def far_out(seed=0, far=10.0) -> InterventionalData:
    """X0 -> X1 -> X2; X0 is hit in regime "X0" and X2 in "X2", far outside the observational range.

    X1 bends where X0 is zero, and X2 bends too: observational rows do not tell what X1 is to be where X0 is that large.
    """

    def sample(n, hit=None):
        x = torch.randn(n, 3, generator=generator)
        x[:, 0] += far * (hit == 0)
        x[:, 1] = torch.where(x[:, 0] > 0, 1.5, 0.3) * x[:, 0] + 0.4 * x[:, 1]
        x[:, 2] = far + x[:, 2] if hit == 2 else x[:, 1].tanh() + 0.5 * x[:, 2]
        return x

    generator = torch.Generator().manual_seed(seed)
    regimes = tuple(Regime(f"X{i}", sample(100, i)) for i in (0, 2))
    return InterventionalData(("X0", "X1", "X2"), (Continuous(0.0, 1.0),) * 3, sample(400), regimes)


def make_chain(model, edges, targets, **changes) -> Chain:
    """A restart that ended with these probabilities, by the three phases alone."""
    made = {
        "seed": 0,
        "model": model,
        "edge_probability": edges,
        "beliefs": edges,
        "target_probability": targets,
        "dag": edges > 0.5,
        "evidence": math.nan,
        "trace": pd.DataFrame({"step": [1, 2], "loss": [3.0, 2.0], "confidence": [0.5, 0.9]}).set_index("step"),
        "rounds": pd.DataFrame(columns=ROUNDS).set_index("round"),
        "settled": True,
        "cpu_seconds": 0.25,
    }
    return Chain(**(made | changes))


def is_acyclic(graph) -> bool:
    """Whether no walk of d steps exists."""
    walks = torch.linalg.matrix_power(graph.double(), len(graph))
    return not walks.any()


def every_dag(d) -> list[torch.Tensor]:
    return [graph.bool() for graph in every_graph(d) if is_acyclic(graph)]


def acyclic_graphs(d, count) -> torch.Tensor:
    """Random DAGs, each in a random order of its own."""
    lower = torch.tril(torch.bernoulli(torch.full((count, d, d), 0.6)), -1)
    orders = [torch.as_tensor(np.random.default_rng(k).permutation(d)) for k in range(count)]
    return torch.stack([g[o][:, o] for g, o in zip(lower, orders, strict=True)])


def exp_of(bounds) -> tuple[float, float]:
    """Bounds of a number from those of its logarithm."""
    return math.exp(bounds[0]), math.exp(bounds[1])


def naive_log_prob(mechanisms, i, row, parents, value) -> torch.Tensor:
    """log p(X_i = value | parents at their values in `row`): one masked input vector, one network, by explicit loops.

    Parameters: row [d] and parents [d] (0/1), all of one row and one graph.
    """
    inputs = []
    for j, kind in enumerate(mechanisms.kinds):
        present = float(parents[j])
        gap = bool(row[j].isnan())
        if isinstance(kind, Categorical):
            inputs += [present * float(row[j] == state) for state in range(kind.cardinality)]
        else:
            number = row[j]
            if isinstance(kind, Count):
                exposure = 1.0 if kind.place is None else row[kind.place].exp()
                number = ((1 + number / exposure).log() - kind.shift) / kind.scale
            inputs += [present, 0.0 if gap else present * float(number)]
        inputs += [present * gap] if kind.missing else []
    h = mechanisms.bias_in[i].clone()
    for entry, weights in zip(inputs, mechanisms.weight_in[i], strict=True):
        if entry:
            h = h + entry * weights
    units = []
    for u, unit in enumerate(h):
        if u < mechanisms.leaky:
            units.append(unit if unit >= 0 else mechanisms.negative_slope * unit)
        else:
            units.append(unit.tanh() if u < mechanisms.leaky + mechanisms.saturating else unit)
    out = mechanisms.bias_out[i] + torch.stack(units) @ mechanisms.weight_out[i]
    kind = mechanisms.kinds[i]
    if isinstance(kind, Categorical):
        return torch.distributions.Categorical(logits=out[: kind.cardinality]).log_prob(value.long())
    if isinstance(kind, Count):
        typical = math.expm1(kind.shift) * (1.0 if kind.place is None else row[kind.place].exp())
        if kind.components == 1:
            mean, size = (typical * out[0].exp()).clamp(*exp_of(LOG_MEAN)), out[1].clamp(*LOG_SIZE).exp()
            return dist.GammaPoisson(size, size / mean).log_prob(value)
        weights, total = out[: kind.components].softmax(0), torch.zeros(())
        for c in range(kind.components):
            mean = (typical * out[kind.components + c].exp()).clamp(*exp_of(LOG_MEAN))
            size = out[2 * kind.components + c].clamp(*LOG_SIZE).exp()
            total = total + weights[c] * dist.GammaPoisson(size, size / mean).log_prob(value).exp()
        return total.log()
    if isinstance(kind, Continuous) and kind.components > 1:
        weights = out[: kind.components].softmax(0)
        total = torch.zeros(())
        for c in range(kind.components):
            mean, log_scale = out[kind.components + c], out[2 * kind.components + c].clamp(*LOG_SCALE_OF_COMPONENT)
            total = total + weights[c] * torch.distributions.Normal(mean, log_scale.exp()).log_prob(value).exp()
        return total.log()
    return torch.distributions.Normal(out[0], out[1].clamp(*LOG_SCALE).exp()).log_prob(value)


def make_fold(fitting, counts, scoring, table=None, weights=None, scoring_weights=None) -> Fold:
    """Rows [N, d] that fit, where counts [N, d] says, and rows [n, d] that score, by default of one table."""
    table = torch.zeros(len(scoring), dtype=torch.long) if table is None else table
    tables = int(table.max()) + 1 if len(table) else 1
    return Fold(Part(fitting, weights), counts, Part(scoring, scoring_weights), table, tables)


class Tables:
    """Joint evidence whose terms are looked up: for every variable and parent set old [R], new [R] and observational.

    `rough` is what the closed form would say; it is the truth unless told otherwise. `dull` [d, d] is what does not
    look promising; nothing unless told otherwise.
    """

    def __init__(self, d, regimes=2, seed=0, spread=4.0, price=1.3, known=()):
        generator = torch.Generator().manual_seed(seed)
        self.price = torch.as_tensor(price, dtype=torch.double).expand(d, d)
        self.proposes = True
        self.spread = torch.zeros(d, dtype=torch.double)  # between fits
        self.table, self.asked = {}, []
        for i in range(d):
            for size in range(d):
                for parents in itertools.combinations([j for j in range(d) if j != i], size):
                    old, new = spread * torch.randn(2, regimes, generator=generator, dtype=torch.double)
                    for r in known:
                        new[r] = -math.inf
                    observational = spread * torch.randn((), generator=generator, dtype=torch.double)
                    self.table[i, parents] = Terms(old, new, observational, new - old)
        self.rough, self.dull = self.table, torch.zeros(d, d, dtype=torch.bool)

    @classmethod
    def of_parents(cls, d, score, price=0.0):
        """Evidence that observational rows alone decide: a number for every variable and parent set."""
        made = cls(d, price=price)
        zero = torch.zeros(2, dtype=torch.double)
        for i, parents in made.table:
            worth = torch.tensor(float(score(i, parents)), dtype=torch.double)
            made.table[i, parents] = Terms(zero, zero, worth, zero)
        return made

    def _look_up(self, table, effect, parents):
        found = [table[effect, parents_of(row)] for row in parents]
        return Terms(*(torch.stack(part) for part in zip(*found, strict=True)))

    def prepare(self, families):
        self.asked += families

    def promising(self, effect, parents):
        assert (effect, parents_of(parents)) in self.asked  # nothing is known of residuals before there is a fit
        return ~self.dull[effect] | (self.price[effect] < 0)

    def terms(self, effect, parents):
        return self._look_up(self.table, effect, parents)

    def rough_terms(self, effect, parents):
        return self._look_up(self.rough, effect, parents)

    def mixture(self, gain):
        return torch.cat([gain, torch.zeros_like(gain[:1])]).logsumexp(0) - math.log(len(gain) + 1)

    def total(self, terms):
        return float(terms.old.sum() + self.mixture(terms.new - terms.old).sum() + terms.observational.sum())

    def of(self, graph) -> float:
        """log E(G), every regime and hypothesis written out."""
        d, total = len(graph), -float((self.price * graph).sum())
        each = [self.table[i, parents_of(graph[i])] for i in range(d)]
        for r in range(len(each[0].old)):
            hypotheses = [sum(float((t.new if i == hit else t.old)[r]) for i, t in enumerate(each)) for hit in range(d)]
            hypotheses.append(sum(float(t.old[r]) for t in each))
            largest = max(hypotheses)
            total += largest + math.log(sum(math.exp(h - largest) for h in hypotheses) / (d + 1))
        return total + sum(float(t.observational) for t in each)
