"""Rounds of settling: closed forms first, and then networks where they predict better.

The first round searches the graph with the most evidence in closed form (`pyrocausal.search.closed_form_rounds`). It
is the last one unless networks fitted to that graph predict rows, which neither has fitted, notably better than closed
forms do. Then further rounds climb on predictive evidence, in which both compete. Networks cannot be fitted with and
without every regime's rows, so there a round asks for the targets, which decide whose rows fit in the next round; where
they stay as they were, the series of rounds ends. After its first two rounds a series takes rows away only, so that it
ends. That regimes may have several targets, which closed forms have found, may be withdrawn once in any round.

A series fits copies of mechanisms in one way; the next one, more thorough, goes on where it ended.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch

from pyrocausal.copies.refitting import Refitting
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.outliers import moved_away
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import IMPOSSIBLE
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.interruption import Interrupted, now_doing, time_limit
from pyrocausal.runtime.journal import current_journal
from pyrocausal.sdi.row_split import cross_fit
from pyrocausal.sdi.state import State
from pyrocausal.search.closed_form_rounds import ClosedFormRounds
from pyrocausal.search.graph_of_order import graph_of_order
from pyrocausal.search.hill_climb import Summit, climb
from pyrocausal.search.pooled_search import SEVERAL, several_evidence
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled
from pyrocausal.search.so_far import SoFar
from pyrocausal.search.sparse_rounds import climb_sparsely

__all__ = ["Rounds"]

MISFIT = 10.0  # nats by which rows speak against a mechanism that they fit
POLISHED = 3  # times that a series looks for better fits, before it climbs again and where it has come to rest
FREE = 2  # rounds of a series in which rows may come back
NOTABLY = 0.01  # nats a row that networks predict better, of a number or count
ASKED = 200  # variables at the most whose networks are asked for: to climb with them takes as long as d^2 R
IN_ALL = 5.0  # nats that they do in all rows, of a category: a table misfits nothing, it has too many cells


class Rounds(ClosedFormRounds):
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
        self._as_told: tuple[PredictiveEvidence, torch.Tensor] | None = None  # as regimes tell, once that was asked for
        self._near: torch.Tensor | None = None  # variables that networks are fitted to, [d]; None: all of them

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

    def _begun_with_networks(self, refitting: Refitting) -> PredictiveEvidence | None:
        """Evidence in which networks compete, of where they begin; None where closed forms suffice.

        They are not asked where the tables drift, which they do not allow for.
        """
        while True:
            asked = None
            if self._steady():
                evidence = self._evidence(refitting)
                asked = self._asked_networks(evidence)
                if begun := self._begun_as_regimes_tell(evidence, asked):
                    return begun
            if self._simple is None or not self._search_richer():
                return asked
            self._fit()

    def _asked_networks(self, evidence: PredictiveEvidence) -> PredictiveEvidence | None:
        """Predictive evidence, where networks tell notably more of the graph's mechanisms; else None.

        Where variables are many, networks are fitted from here on to those they tell more of and their neighbours
        alone: time would grow with d^2, and the rest is told well enough.
        """
        notably = self._notably()
        gaining = evidence.networks_gain(self.dag, notably) > notably
        if not bool(gaining.any()):
            return None
        if are_many(self.state.data.kinds):
            self._near = gaining | self.dag[gaining].any(0) | self.dag[:, gaining].any(1)
            evidence = evidence.fitting(self._near)
        return self._asked_for_several(evidence, self.dag, climbed=False)

    def _asked_for_several(
        self, evidence: PredictiveEvidence, dag: torch.Tensor, *, climbed: bool
    ) -> PredictiveEvidence:
        """The same evidence, or where regimes may have several targets and need not, that of one at the most.

        A closed form that misfits a mechanism takes it for hit wherever its parents are elsewhere. Once regimes may
        have several targets for that, one more of them excuses any edge that is reversed. Under either belief networks
        are fitted to the rows that it calls natural.

        Where rows that would come back speak against the mechanisms that they would fit, the graph may be wrong, and
        with them its targets: these are asked after a climb.
        """
        one, data, split = self.state.prior, self.state.data, self.state.split
        if self.prior.several == one.several:
            return evidence
        doubting = evidence.believing(one)
        kept = self._natural(doubting.targets(dag), one)
        if not climbed and bool((kept & ~self.natural & self._misfits(doubting, dag)).any()):
            return evidence
        doubting = doubting.after(cross_fit(data, split, kept), kept)
        gain = several_evidence(evidence, dag) - doubting.of(dag) - SEVERAL
        if gain > 0:
            return evidence
        self.prior, self.several, self.natural = one, gain, kept
        return doubting

    def _begun_as_regimes_tell(
        self, evidence: PredictiveEvidence, asked: PredictiveEvidence | None
    ) -> PredictiveEvidence | None:
        """Evidence and graph of the order that regimes tell, where these have more evidence; else None.

        Closed forms that misfit invent edges to mend that, and several targets to excuse them; among enough invented
        ones networks have nothing to mend. That is looked at where others are taken for hit than regimes tell, most
        variables being hit, by networks if these tell more. Both are weighed as they are, before a climb.
        """
        if self._told is None:
            return None
        (order, hit), one, judge = self._told, self.state.prior, asked or self.pooled
        assert judge is not None
        if torch.equal(hit, (judge.targets(self.dag)[:, :-1] > 0.5).cpu()):
            return None
        evidence = asked or evidence
        now_doing("networks, as regimes tell")
        kept = ~hit.to(self.natural)
        if self._as_told is None:  # the second time it is the same
            other = self._fitted_by(evidence.believing(one), kept)
            self._as_told = other, graph_of_order(other, order, self._given, self.free.cpu(), self.max_parents)
        other, dag = self._as_told
        if other.of(dag) < evidence.of(self.dag):
            return None
        self._changed = int((dag ^ self.dag).sum())
        self.dag, self.natural, self.prior = dag, kept, one
        self._allow_richer()
        return other

    def _notably(self) -> torch.Tensor:
        """How many nats a row networks have to predict better for it to be notable, of every variable."""
        assert self.pooled is not None
        rows = float(self.pooled.rows.sum())
        return torch.tensor([IN_ALL / rows if kind.closed_form == "table" else NOTABLY for kind in self.pooled.kinds])

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

    def _misfits(self, evidence: PredictiveEvidence, dag: torch.Tensor) -> torch.Tensor:
        """Whether rows speak against a mechanism, [R, d]; what is not fitted to the end misfits by itself."""
        asked = [evidence.fits_copies(i) and evidence.mechanisms.exact(i) for i in range(len(dag))]
        return ((evidence.each(dag).odds.t() > MISFIT) & torch.tensor(asked)).to(self.natural)

    def _fitted_by(self, evidence: PredictiveEvidence, kept: torch.Tensor) -> PredictiveEvidence:
        """The same where other rows fit, [R, d]."""
        return evidence.after(cross_fit(self.state.data, self.state.split, kept), kept)

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

    def _evidence(self, refitting: Refitting | None) -> PredictiveEvidence:
        """Predictive evidence under the present beliefs."""
        state, settling = self.state, self.settling
        kinds, (first, *parts) = state.data.kinds, state.data.parts
        folds = cross_fit(state.data, state.split, self.natural)
        made = PredictiveEvidence(
            RowsOfEvidence(kinds, folds, self.natural, moved_away(kinds, [*parts, first])),
            TargetKnowledge(state.known, state.hit, self.prior),
            Estimators(
                deepcopy(state.model.mechanisms),  # the last fit changes the model's own
                NewMechanisms(kinds, *zip(*parts, strict=True), common=first),
                refitting,
                settling.closed_form,
            ),
            price=edge_prices(state, settling.price),
        )
        return made if self._near is None else made.fitting(self._near)
