"""A small problem and settings with which a chain takes a fraction of a second."""

from __future__ import annotations

import math
from functools import partial

import torch
from conftest import make_rows

from pyrocausal.copies.refitting import Descent, Refitting
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.regime import Regime
from pyrocausal.fit.discover import discover
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphFitting, GraphScoring, Stopping
from pyrocausal.search.settings import Settling

NAMES = ("A", "B", "C")
KINDS = (Categorical((0, 1)),) * 3
UNSETTLED = "ignore:.*chains have not settled:RuntimeWarning"


def small() -> InterventionalData:
    """A -> B, and C apart; A is hit in one regime, B in another."""
    torch.manual_seed(0)

    def table(n, hit=None):
        rows = make_rows(KINDS, n)
        copied = torch.where(torch.rand(n) < 0.9, rows[:, 0], rows[:, 1])
        rows[:, 1] = copied if hit != "B" else rows[:, 1]
        return rows

    return InterventionalData(
        NAMES, KINDS, table(300), (Regime("one", table(80, "A"), ("A",)), Regime("two", table(80, "B"), ("B",)))
    )


ALGORITHM = SDI(
    mechanisms=partial(NeuralMechanisms, hidden=4),
    fitting=GraphFitting(rows=64, warm_up=30, steps=2, every=2, regime_rows=False),
    scoring=GraphScoring(graphs=10, rows=80, work=10**9, target_graphs=4),
    stopping=Stopping(tolerance=0.02, patience=5, max_steps=4),
)
ALONE = Settling(rounds=0)  # the three phases alone
BRIEF = Refitting(Descent(5, 256, 1e-2), decays=(0.1,), least_regret=0.0)
SETTLING = Settling(proposal=4, refitting=BRIEF, final_steps=5)
quick = partial(discover, algorithm=ALGORITHM, settling=ALONE, progress=False, cores=1)
settled = partial(quick, settling=SETTLING)


def assert_same(one: CausalPosterior, other: CausalPosterior) -> None:
    assert one.seed == other.seed
    assert len(one.chains) == len(other.chains)
    for a, b in zip(one.chains, other.chains, strict=True):
        assert a.seed == b.seed
        for name in ("edge_probability", "beliefs", "target_probability", "dag"):
            assert torch.equal(getattr(a, name), getattr(b, name)), name
        assert a.evidence == b.evidence or (math.isnan(a.evidence) and math.isnan(b.evidence))
        assert a.trace.equals(b.trace)
        assert a.rounds.equals(b.rounds)
        state, again = a.model.state_dict(), b.model.state_dict()
        assert all(torch.equal(state[name], again[name]) for name in state)
