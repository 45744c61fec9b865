"""Whether networks are to follow closed forms, and where they begin.

Networks fitted to the graph of closed forms are asked whether they predict rows, which neither has fitted, notably
better than closed forms do. They begin with that graph, or with one of the order that regimes tell where that has more
evidence. That regimes may have several targets, which closed forms have found, may be withdrawn once, in any round.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch

from pyrocausal.copies.refitting import Refitting
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.outliers import moved_away
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.interruption import now_doing
from pyrocausal.sdi.row_split import cross_fit
from pyrocausal.sdi.state import State
from pyrocausal.search.closed_form_rounds import ClosedFormRounds
from pyrocausal.search.graph_of_order import graph_of_order
from pyrocausal.search.pooled_search import SEVERAL, several_evidence
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled

__all__ = ["AskedNetworks"]

MISFIT = 10.0  # nats by which rows speak against a mechanism that they fit
NOTABLY = 0.01  # nats a row that networks predict better, of a number or count
SHARE = 0.3  # of that, which units at random find if networks do
IN_ALL = 5.0  # nats that they do in all rows, of a category: a table misfits nothing, it has too many cells


class AskedNetworks(ClosedFormRounds):
    """Rounds in closed form, and evidence in which networks compete with them.

    Parameters
    ----------
    state, settling, tell
        As for `ClosedFormRounds`.
    """

    def __init__(self, state: State, settling: Settling, tell: Callable[[Settled], None]) -> None:
        super().__init__(state, settling, tell)
        self._as_told: tuple[PredictiveEvidence, torch.Tensor] | None = None  # as regimes tell, once that was asked for
        self._near: torch.Tensor | None = None  # variables that networks are fitted to, [d]; None: all of them

    def _begun_with_networks(self, refitting: Refitting) -> PredictiveEvidence | None:
        """Evidence in which networks compete, of where they begin; None where closed forms suffice.

        Networks are not asked where the tables drift, which they do not allow for, nor of mechanisms in which a
        straight line leaves nothing.
        """
        while True:
            asked = None
            if self._steady():
                evidence = self._evidence(refitting)
                bent = evidence.may_gain(self.dag) > SHARE * self._notably()
                if bool(bent.any()):
                    asked = self._asked_networks(evidence, bent)
                    if begun := self._begun_as_regimes_tell(evidence, asked):
                        return begun
            if self._simple is None or not self._search_richer():
                return asked
            self._fit()

    def _asked_networks(self, evidence: PredictiveEvidence, bent: torch.Tensor) -> PredictiveEvidence | None:
        """Predictive evidence, where networks tell notably more of some of the graph's mechanisms, [d]; else None.

        Where variables are many, networks are fitted from here on to those they tell more of and their neighbours
        alone: time would grow with d^2, and the rest is told well enough.
        """
        gaining = evidence.networks_gain(self.dag, bent) > self._notably()
        if not bool(gaining.any()):
            return None
        if are_many(self.state.data.kinds):
            self._near = gaining | self.dag[gaining].any(0) | self.dag[:, gaining].any(1)
            evidence = evidence.fitting(self._near)
        return self._asked_for_several(evidence, self.dag, climbed=False)

    def _notably(self) -> torch.Tensor:
        """How many nats a row networks have to predict better for it to be notable, of every variable."""
        assert self.pooled is not None
        rows = float(self.pooled.rows.sum())
        return torch.tensor([IN_ALL / rows if kind.closed_form == "table" else NOTABLY for kind in self.pooled.kinds])

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
        variables being hit, by networks if these tell more. Both are weighed as they are, before a climb. Networks
        that are needed for nothing else have to be needed for this.
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
        least = 0.0 if asked else NOTABLY * float(other.rows.sum())
        if other.of(dag) - evidence.of(self.dag) < least:
            return None
        if self.prior.several != one.several:
            self.several = several_evidence(evidence, self.dag) - other.of(dag) - SEVERAL
        self._changed = int((dag ^ self.dag).sum())
        self.dag, self.natural, self.prior = dag, kept, one
        self._allow_richer()
        return other

    def _misfits(self, evidence: PredictiveEvidence, dag: torch.Tensor) -> torch.Tensor:
        """Whether rows speak against a mechanism, [R, d]; what is not fitted to the end misfits by itself."""
        asked = [evidence.fits_copies(i) and evidence.mechanisms.exact(i) for i in range(len(dag))]
        return ((evidence.each(dag).odds.t() > MISFIT) & torch.tensor(asked)).to(self.natural)

    def _fitted_by(self, evidence: PredictiveEvidence, kept: torch.Tensor) -> PredictiveEvidence:
        """The same where other rows fit, [R, d]."""
        return evidence.after(cross_fit(self.state.data, self.state.split, kept), kept)

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
