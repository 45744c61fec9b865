"""Rounds of settling in closed form, and what they leave to networks.

One round searches the graph with the most pooled evidence (`pyrocausal.search.pooled_search`). Where closed forms
with linear mechanisms believe in other targets than regimes tell, in most of them, that round leaves richer ones out.
They follow in a second round, unless networks begin as regimes tell.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch

from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.runtime.interruption import best_so_far, now_doing
from pyrocausal.sdi.state import State, confidence, natural
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search.hill_climb import Summit, strongest_dag
from pyrocausal.search.pooled_search import Found, search_graph, search_richer
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled, settled_so_far
from pyrocausal.search.settled_mechanisms import fit_settled
from pyrocausal.search.so_far import SoFar
from pyrocausal.search.told_order import order_and_targets

__all__ = ["ClosedFormRounds"]

STEADY = 0.015  # mean drift at the most, as `PooledEvidence.drift` has it, of tables that networks are asked about


class ClosedFormRounds:
    """Rounds in closed form.

    Parameters
    ----------
    state
        The end of the three phases.
    settling
        Settings.
    tell
        Called after every round.

    Attributes
    ----------
    dag
        Where the next round begins, boolean, shape [d, d] (effect, cause).
    natural
        Where a variable is believed to have kept its observational mechanism: rows that fit it, shape [R, d].
    pooled
        The evidence of the last round in closed form; None before.
    prior, several
        What is believed of targets beforehand, and nats for several targets against one at the most.
    so_far
        The best graph that the first round has met, in which nothing else is to be had.
    """

    def __init__(self, state: State, settling: Settling, tell: Callable[[Settled], None]) -> None:
        self.state, self.settling, self.tell = state, settling, tell
        self.free, self.max_parents = state.model.beliefs.free, state.constraints.max_parents
        self.dag = strongest_dag(state.model.beliefs.edge_probability.detach(), self.max_parents)
        self.prior, self.several = state.prior, math.nan
        self.pooled: PooledEvidence | None = None
        self.natural = natural(state.target_probability, settling.certainty, state.prior.several, state.told)
        self._natural_told = self.natural  # of the last round that was told
        self.so_far = SoFar()
        self._simple: Found | None = None  # the first search, where it has left out richer mechanisms
        self._changed = 0  # edges that are others before the climb of a round
        self._done = 0
        self._last: Settled | None = None

    def _pool(self, *, last: bool) -> None:
        """The first round, in closed form."""
        now_doing("searching in closed form")
        state = self.state
        targets = TargetKnowledge(state.known, state.hit, state.prior)
        price = edge_prices(state, self.settling.price)
        evidence = PooledEvidence(state.data, targets, price, drift=self.settling.drift)
        suffices = None if last else self._targets_look_wrong
        found = search_graph(evidence, self.dag, self.free, self.max_parents, self.so_far, suffices)
        self._take(found, last=last)

    def _search_richer(self) -> bool:
        """A further round in closed form, of the mechanisms that the first one has left out; whether it found others.

        If it is cut short, it is as if it had not begun.
        """
        assert self._simple is not None
        now_doing("searching in closed form")
        found = search_richer(self._simple, self.state.prior, self.free, self.max_parents, self.so_far)
        richer, self._changed = found is not self._simple, 0
        if richer:
            self._take(found, last=False)
        self._simple = None
        return richer

    def _take(self, found: Found, *, last: bool) -> None:
        self.pooled, self.prior, self.several = found.evidence, found.evidence.prior, found.several
        before, self.natural = self.natural, self._natural(found.evidence.targets(found.summit.dag))
        self._tell(found.evidence, found.summit, before, stable=last)

    def _allow_richer(self) -> None:
        """Let closed forms be rich when they are asked about drift, where the search has left that out."""
        assert self.pooled is not None
        for level in range(self.pooled.level + 1, self.pooled.levels + 1):
            self.pooled = self.pooled.at_level(level)

    def _targets_look_wrong(self, found: Found) -> bool:
        """Whether closed forms believe in other targets than regimes tell, in most of them.

        Richer ones seldom mend what misfits so much, and networks can begin as regimes tell.
        """
        if self._told is None:
            return False
        believed = found.evidence.targets(found.summit.dag)[:, :-1] > 0.5
        if 2 * int((self._told[1] == believed.cpu()).all(1).sum()) >= len(believed):
            return False
        self._simple = found
        return True

    @cached_property
    def _told(self) -> tuple[list[int], torch.Tensor] | None:
        """The order of variables and the targets [R, d] that regimes tell, where networks may begin with them."""
        state = self.state
        exactly = all(map(state.model.mechanisms.exact, range(len(self.dag))))
        if state.prior.several or are_many(state.data.kinds) or not exactly:
            return None
        first, *parts = state.data.parts
        targets = TargetKnowledge(state.known, state.hit, state.prior)
        order, hit = order_and_targets(state.data.kinds, [*parts, first], targets, self._given)
        return None if 2 * int(hit.any(0).sum()) < len(order) else (order, hit)

    @property
    def _given(self) -> torch.Tensor:
        return self.dag & ~self.free.cpu()

    def _steady(self) -> bool:
        """Whether tables hardly drift.

        Variables without parents show it, for theirs is no misfit of a closed form; but where the graph is wrong they
        may have parents, and where tables drift far all of them may count as hit. So a table does not drift either of
        which most variables look the same in all regimes that have not hit them, or half of them where no other tells.
        """
        assert self.pooled is not None
        judged = torch.tensor([name not in self.state.data.aside for name in self.state.data.names])
        roots = ~self.dag[:, judged].any(1) & judged
        drift = self.pooled.drift(self.dag)[self.natural.cpu() & roots]
        if len(drift) and float(drift.mean()) < STEADY:
            return True
        alike = (self.pooled.drift(torch.zeros_like(self.dag)) == 0).all(0)[judged].double().mean()
        return bool(alike > 0.5 if len(drift) else alike >= 0.5)

    def _fit(self) -> None:
        """Fit the model's mechanisms to the graph."""
        now_doing("fitting the program")
        fit_settled(self.state, self.dag, self.natural, self.settling.final_steps)

    def _tell(self, evidence: JointEvidence, summit: Summit, before: torch.Tensor, *, stable: bool) -> None:
        told = Settled(
            round=self._done + 1,
            dag=summit.dag,
            evidence=evidence.as_asked().of(summit.dag),
            edge_probability=summit.edge_probability,
            target_probability=evidence.targets(summit.dag).to(self.state.target_probability),
            confidence=confidence(summit.edge_probability, self.free.cpu()),
            moves=summit.moves + self._changed,
            switched=int((self.natural != before).any(1).sum()),
            stable=stable,
            joint=evidence,
            pooled=self.pooled,
            several=self.several,
        )
        self._done, self._changed, self._last = told.round, 0, told
        self.dag, self._natural_told = told.dag, self.natural
        best_so_far(told.evidence, int(told.dag.sum()))
        self.tell(told)

    def cut_short(self) -> Settled | None:
        """The best graph of a first round that was cut short, as round 0; None where there was none yet."""
        return settled_so_far(self.so_far, self.state)

    def _natural(self, targets: torch.Tensor, prior: TargetOdds | None = None) -> torch.Tensor:
        targets = targets.to(self.state.target_probability)
        return natural(targets, self.settling.certainty, (prior or self.prior).several, self.state.told)
