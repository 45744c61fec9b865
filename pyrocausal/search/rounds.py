"""Rounds of settling: closed forms first, and then networks where they predict better.

The first round searches the graph with the most evidence in closed form (`pyrocausal.search.closed_form_rounds`). It
is the last one unless networks are to follow (`pyrocausal.search.asked_networks`). Then further rounds climb on
predictive evidence, in which both compete. Networks cannot be fitted with and without every regime's rows, so there a
round asks for the targets, which decide whose rows fit in the next round; where they stay as they were, the series of
rounds ends. After its first two rounds a series takes rows away only, so that it ends.

A series fits copies of mechanisms in one way; the next one, more thorough, goes on where it ended.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pyrocausal.copies.refitting import Refitting
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import IMPOSSIBLE
from pyrocausal.runtime.interruption import Interrupted, now_doing, time_limit
from pyrocausal.runtime.journal import current_journal
from pyrocausal.sdi.state import State
from pyrocausal.search.asked_networks import AskedNetworks
from pyrocausal.search.hill_climb import Summit, climb
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled
from pyrocausal.search.so_far import SoFar
from pyrocausal.search.sparse_rounds import climb_sparsely

__all__ = ["Rounds"]

POLISHED = 3  # times that a series looks for better fits, before it climbs again and where it has come to rest
FREE = 2  # rounds of a series in which rows may come back
ASKED = 200  # variables at the most whose networks are asked for: to climb with them takes as long as d^2 R


class Rounds(AskedNetworks):
    """All rounds, one after the other.

    Parameters
    ----------
    state
        The end of the three phases.
    settling
        Settings.
    tell
        Called after every round.
    budget
        Seconds that networks may take at the most; None: as many as they need.
    """

    def __init__(
        self, state: State, settling: Settling, tell: Callable[[Settled], None], budget: float | None = None
    ) -> None:
        super().__init__(state, settling, tell)
        self.budget = budget

    def run(self) -> None:
        """Settle."""
        stages = self.settling.stages(self.state.data.kinds, self.state.model.mechanisms)
        if self.settling.closed_form and len(self.dag) > ASKED:
            stages = [None]
        if self.settling.closed_form:
            self._pool(last=stages[0] is None)
            self._fit()
            if stages[0] is None:
                return
        done, whole, enough = self._done, False, False
        with time_limit(self.budget):
            enough = self._networks_are_needless(stages)
            whole = True
        if not whole and (journal := current_journal()) is not None:
            journal.close()  # in more time more would follow here
        if not whole:
            if self._last is None:
                raise Interrupted("out of time before a graph was weighed to the end")
            self.dag, self.natural = self._last.dag, self._natural_told
            if self._simple is not None and self._last.joint is self._simple.evidence:
                self._search_richer()
        if not enough and self._done > done:
            self._fit()

    def _networks_are_needless(self, stages: Sequence[Refitting | None]) -> bool:
        """Climb with networks, in a series for each way to fit them, unless closed forms suffice: whether they do."""
        asked: PredictiveEvidence | None = None
        if self.settling.closed_form:
            assert stages[0] is not None
            now_doing("asking networks")
            if (asked := self._begun_with_networks(stages[0])) is None:
                assert self._last is not None
                self._done += 1
                self.tell(self._last._replace(round=self._done, moves=0, switched=0, stable=True))
                return True
        for refitting in stages:
            evidence = asked if asked is not None and refitting is stages[0] else self._evidence(refitting)
            if not self._series(evidence, last=refitting is stages[-1]):
                break
        return False

    def _series(self, evidence: PredictiveEvidence, *, last: bool) -> bool:
        """Rounds with copies of mechanisms fitted in one way, until one changes nothing; whether more are to follow.

        They are not where closed forms and drafts, which have nothing in common, agree on the graph and the targets.
        """
        agreed = self.pooled is not None
        now_doing(f"networks, round {self._done + 1}")
        evidence.choose_decay(self.dag)
        polished = 0
        for number in range(self.settling.rounds):
            now_doing(f"networks, round {self._done + 1}")
            so_far = None if self._last else self.so_far
            # A graph to begin anew with is polished at once: parents too many would mend what its fits have missed.
            if (number or self._changed) and polished < POLISHED:
                evidence.each(self.dag)  # what is to be polished has to be known
                polished += evidence.polish(self.dag)
            summit = self._climb(evidence, self.dag, so_far)
            if evidence.of(summit.dag) < IMPOSSIBLE / 2:
                raise ValueError(
                    "a variable has too many parents for a table, and nothing else may estimate its mechanism; "
                    "set Settling.refitting, or require fewer edges"
                )
            before, asked = self.natural, self._asked_for_several(evidence, summit.dag, climbed=True)
            doubted, evidence = asked is not evidence, asked
            found = self._natural(evidence.targets(summit.dag))
            self.natural = found if number < FREE or doubted else found & before
            standing = torch.equal(before, self.natural) and not doubted
            if standing and polished < POLISHED and evidence.polish(summit.dag):
                standing, polished = False, polished + 1
            better = self._without_misfits(evidence, summit.dag) if standing else None
            standing = standing and better is None
            agreed &= standing and not summit.moves
            self._tell(evidence, summit, before, stable=standing and (last or agreed))
            if standing:
                return not agreed
            if better is not None:
                self.dag, self.natural, evidence = better
                continue
            evidence = self._fitted_by(evidence, self.natural)
        return True

    def _without_misfits(
        self, evidence: PredictiveEvidence, dag: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, PredictiveEvidence] | None:
        """A graph with more evidence, where rows count, and that evidence; None where none was found.

        Two variables may be taken for each other's effects, and for the targets of each other's regimes. Then rows fit
        mechanisms that they speak against, which keeps the truth from being seen. So once a series has come to rest, it
        climbs on without such rows.
        """
        misfit = self._misfits(evidence, dag)
        if not bool((self.natural & misfit).any()):
            return None
        tried = self._fitted_by(evidence, self.natural & ~misfit)
        found = self._climb(tried, dag).dag
        if torch.equal(found, dag):
            return None
        kept = self._natural(tried.targets(found))
        again = self._fitted_by(tried, kept)
        return (found, kept, again) if again.of(found) > evidence.of(dag) else None

    def _climb(self, evidence: PredictiveEvidence, dag: torch.Tensor, so_far: SoFar | None = None) -> Summit:
        """Climb from a DAG, where variables are many over few parents of each, of what networks are fitted to."""
        kinds, (first, *regimes) = self.state.data.kinds, self.state.data.parts
        if not are_many(kinds):
            return climb(evidence, dag, self.free, self.max_parents, so_far)
        free = self.free.cpu()
        if self._near is not None:
            free = free & self._near & self._near[:, None]
        found = climb_sparsely(evidence, dag, free, self.max_parents, kinds, [*regimes, first])
        if self._last is None:
            return found
        belief = torch.where(free | free.t(), found.edge_probability, self._last.edge_probability)
        return found._replace(edge_probability=belief)
