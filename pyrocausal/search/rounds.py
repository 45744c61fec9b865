"""Rounds of settling: closed forms first, and then networks where they predict better.

The first round searches the graph with the most pooled evidence (`pyrocausal.search.pooled_search`), in closed form. It
is the last one unless networks fitted to that graph predict rows, which neither has fitted, notably better than closed
forms do. Then further rounds climb on predictive evidence, in which both compete. Networks cannot be fitted with and
without every regime's rows, so there a round asks for the targets, which decide whose rows fit in the next round; where
they stay as they were, the series of rounds ends. After its first two rounds a series takes rows away only, so that it
ends. That regimes may have several targets, which closed forms have found, may be withdrawn once in any round.

A series fits copies of mechanisms in one way; the next one, more thorough, goes on where it ended.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy

import torch

from pyrocausal.copies.refitting import Refitting
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.outliers import moved_away
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import IMPOSSIBLE
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.interruption import Interrupted, best_so_far, now_doing, time_limit
from pyrocausal.runtime.journal import current_journal
from pyrocausal.sdi.row_split import cross_fit
from pyrocausal.sdi.state import State, confidence, natural
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.search.hill_climb import Summit, climb, strongest_dag
from pyrocausal.search.pooled_search import SEVERAL, search_graph, several_evidence
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled, settled_so_far
from pyrocausal.search.settled_mechanisms import fit_settled
from pyrocausal.search.so_far import SoFar
from pyrocausal.search.sparse_rounds import climb_sparsely
from pyrocausal.search.told_order import graph_of_order, order_and_targets

__all__ = ["Rounds"]

MISFIT = 10.0  # nats by which rows speak against a mechanism that they fit
POLISHED = 3  # times that a series looks for better fits, before it climbs again and where it has come to rest
FREE = 2  # rounds of a series in which rows may come back
STEADY = 0.015  # mean drift at the most, as `PooledEvidence.drift` has it, of tables that networks are asked about
NOTABLY = 0.01  # nats a row that networks predict better, of a number or count
ASKED = 200  # variables at the most whose networks are asked for: to climb with them takes as long as d^2 R
IN_ALL = 5.0  # nats that they do in all rows, of a category: a table misfits nothing, it has too many cells


class Rounds:
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

    Attributes
    ----------
    dag
        Where the next round begins, boolean, shape [d, d] (effect, cause).
    natural
        Where a variable is believed to have kept its observational mechanism: rows that fit it, shape [R, d].
    """

    def __init__(
        self, state: State, settling: Settling, tell: Callable[[Settled], None], budget: float | None = None
    ) -> None:
        self.state, self.settling, self.tell, self.budget = state, settling, tell, budget
        self.free, self.max_parents = state.model.beliefs.free, state.constraints.max_parents
        self.dag = strongest_dag(state.model.beliefs.edge_probability.detach(), self.max_parents)
        self.prior, self.several = state.prior, math.nan
        self.pooled: PooledEvidence | None = None
        self.natural = natural(state.target_probability, settling.certainty, state.prior.several, state.told)
        self.so_far = SoFar()  # of the first round, in which nothing else is to be had
        self._near: torch.Tensor | None = None  # variables that networks are fitted to, [d]; None: all of them
        self._changed = 0  # edges that are others before the climb of a round
        self._done = 0
        self._last: Settled | None = None

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
            self.dag = self._last.dag
        if not enough and self._done > done:
            self._fit()

    def _networks_are_needless(self, stages: Sequence[Refitting | None]) -> bool:
        """Climb with networks, in a series for each way to fit them, unless closed forms suffice: whether they do."""
        asked: PredictiveEvidence | None = None
        if self.settling.closed_form:
            assert stages[0] is not None
            now_doing("asking networks")
            if (asked := self._asked_networks(stages[0])) is None:
                return True
            asked = self._begun_as_regimes_tell(asked)
        for refitting in stages:
            evidence = asked if asked is not None and refitting is stages[0] else self._evidence(refitting)
            if not self._series(evidence, last=refitting is stages[-1]):
                break
        return False

    def _pool(self, *, last: bool) -> None:
        """The first round, in closed form."""
        now_doing("searching in closed form")
        state = self.state
        targets = TargetKnowledge(state.known, state.hit, state.prior)
        price = edge_prices(state, self.settling.price)
        evidence = PooledEvidence(state.data, targets, price, drift=self.settling.drift)
        found = search_graph(evidence, self.dag, self.free, self.max_parents, self.so_far)
        self.pooled, self.prior, self.several = found.evidence, found.evidence.prior, found.several
        before, self.natural = self.natural, self._natural(found.evidence.targets(found.summit.dag))
        self._tell(found.evidence, found.summit, before, stable=last)

    def _asked_networks(self, refitting: Refitting) -> PredictiveEvidence | None:
        """Predictive evidence, where networks tell notably more of the graph's mechanisms.

        If they do not, None: that was the last round. Where variables are many, networks are fitted from here on to
        those they tell more of and their neighbours alone: time would grow with d^2, and the rest is told well enough.

        They are not asked where the tables drift, which they do not allow for.
        """
        if self._steady():
            evidence = self._evidence(refitting)
            if bool((gaining := evidence.networks_gain(self.dag) > self._notably()).any()):
                if are_many(self.state.data.kinds):
                    self._near = gaining | self.dag[gaining].any(0) | self.dag[:, gaining].any(1)
                    evidence = evidence.fitting(self._near)
                return self._asked_for_several(evidence, self.dag, climbed=False)
        assert self._last is not None
        self._done += 1
        self.tell(self._last._replace(round=self._done, moves=0, switched=0, stable=True))
        return None

    def _steady(self) -> bool:
        """Whether tables hardly drift.

        Variables without parents show it, for theirs is no misfit of a closed form; but where the graph is wrong they
        may have parents. So a table does not drift either of which most variables look the same in all regimes that
        have not hit them.
        """
        assert self.pooled is not None
        judged = torch.tensor([name not in self.state.data.aside for name in self.state.data.names])
        roots = ~self.dag[:, judged].any(1) & judged
        drift = self.pooled.drift(self.dag)[self.natural.cpu() & roots]
        if not len(drift) or float(drift.mean()) < STEADY:
            return True
        alike = (self.pooled.drift(torch.zeros_like(self.dag)) == 0).all(0)[judged]
        return bool(alike.double().mean() > 0.5)

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

    def _begun_as_regimes_tell(self, evidence: PredictiveEvidence) -> PredictiveEvidence:
        """The same evidence and graph, or those of the order that regimes tell, where these have more evidence.

        Closed forms that misfit invent edges to mend that, and several targets to excuse them. That is looked at where
        they take others for hit than those that change first, most variables being hit. Both are weighed as they are,
        before a climb.
        """
        data, free, d, one = self.state.data, self.free.cpu(), len(self.dag), self.state.prior
        exactly = all(evidence.fits_copies(i) and evidence.mechanisms.exact(i) for i in range(d))
        if one.several or not exactly:
            return evidence
        given, (first, *parts) = self.dag & ~free, data.parts
        targets = TargetKnowledge(self.state.known, self.state.hit, one)
        order, hit = order_and_targets(data.kinds, [*parts, first], targets, given)
        believed = evidence.targets(self.dag)[:, :-1] > 0.5
        if 2 * int(hit.any(0).sum()) < d or torch.equal(hit, believed.cpu()):
            return evidence
        now_doing("networks, as regimes tell")
        other = self._fitted_by(evidence.believing(one), kept := ~hit.to(self.natural))
        dag = graph_of_order(other, order, given, free, self.max_parents)
        if other.of(dag) < evidence.of(self.dag):
            return evidence
        self._changed = int((dag ^ self.dag).sum())
        self.dag, self.natural, self.prior = dag, kept, one
        return other

    def _notably(self) -> torch.Tensor:
        """How many nats a row networks have to predict better for it to be notable, of every variable."""
        assert self.pooled is not None
        rows = float(self.pooled.rows.sum())
        return torch.tensor([IN_ALL / rows if kind.closed_form == "table" else NOTABLY for kind in self.pooled.kinds])

    def _fit(self) -> None:
        """Fit the model's mechanisms to the graph."""
        now_doing("fitting the program")
        fit_settled(self.state, self.dag, self.natural, self.settling.final_steps)

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

    def _tell(self, evidence: JointEvidence, summit: Summit, before: torch.Tensor, *, stable: bool) -> None:
        self._done += 1
        self.dag = summit.dag
        self._last = Settled(
            round=self._done,
            dag=summit.dag,
            evidence=evidence.of(summit.dag),
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
        self._changed = 0
        best_so_far(self._last.evidence, int(self.dag.sum()))
        self.tell(self._last)

    def cut_short(self) -> Settled | None:
        """The best graph of a first round that was cut short, as round 0; None where there was none yet."""
        return settled_so_far(self.so_far, self.state)

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

    def _natural(self, targets: torch.Tensor, prior: TargetOdds | None = None) -> torch.Tensor:
        targets = targets.to(self.state.target_probability)
        return natural(targets, self.settling.certainty, (prior or self.prior).several, self.state.told)
