"""Joint evidence from rows that estimates have not fitted, and what a search asks of it.

Its terms are those of `pyrocausal.evidence.predictive_terms`. What the residuals of a mechanism say of parents that
might be added is kept, which spares fits that can gain nothing (`pyrocausal.copies.screening`). Where fits scatter an
edge has to gain more (`pyrocausal.copies.fit_scatter`).

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Self

import pyro.distributions as dist
import torch

from pyrocausal.copies.fit_scatter import FitScatter
from pyrocausal.copies.further_attempts import GAIN
from pyrocausal.copies.screening import Residuals
from pyrocausal.data.missing import filled, present
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.predictive_terms import PredictiveTerms
from pyrocausal.evidence.terms import parents_of
from pyrocausal.model.mechanisms import Family
from pyrocausal.runtime.journal import recorded
from pyrocausal.sdi.row_split import Fold

__all__ = ["PredictiveEvidence"]


class PredictiveEvidence(PredictiveTerms):
    """Joint evidence from rows that estimates have not fitted, to be climbed on.

    Parameters
    ----------
    rows, targets, estimators
        As for `PredictiveTerms`.
    price
        Price of an edge in nats, one for all or shape [d, d] (effect, cause); what is known beforehand makes an edge
        cheaper or dearer.
    """

    def __init__(
        self, rows: RowsOfEvidence, targets: TargetKnowledge, estimators: Estimators, price: float | torch.Tensor
    ) -> None:
        super().__init__(rows, targets, estimators, price)
        self._least = torch.zeros(len(self.kinds), dtype=torch.double)  # what an edge into a variable has to gain
        self._scatter, self._asked = FitScatter(), self.price  # but for what an edge has to gain where fits scatter

    def after(self, folds: Sequence[Fold], natural: torch.Tensor) -> Self:
        """See `PredictiveTerms.after`; how fits scatter where rows change is forgotten."""
        made = super().after(folds, natural)
        changed = (made.telling != self.telling).any(0).nonzero()[:, 0].tolist()
        made._scatter = self._scatter.where_rows_changed(changed)
        return made

    def may_gain(self, graph: torch.Tensor) -> torch.Tensor:
        """Nats a row that copies may gain over straight lines, of every variable given its parents in a graph [d, d].

        Shape [d]; 0 where no copy is wanted, infinite where only a fit can tell. Nothing is fitted.
        """
        copied = self._copied(graph)
        exactly = [family for family in copied if self.mechanisms.exact(family[0])]
        gains = torch.zeros(len(graph), dtype=torch.double)
        gains[[i for i, _ in copied]] = torch.inf
        if exactly:
            ask = partial(self.exact.may_gain, exactly, self.folds)
            gains[[i for i, _ in exactly]] = recorded(f"what copies of {exactly} may gain", ask)
        return gains

    def networks_gain(self, graph: torch.Tensor, some: torch.Tensor) -> torch.Tensor:
        """What copies predict better than closed forms alone, of some variables given their parents in a graph [d, d].

        Tables that are searched before networks may lean on smooth models, and so do these here.

        Nats per row that tells of its mechanism, shape [d]; 0 where no copy is wanted, infinite where nothing else is.
        """
        copied = [family for family in self._copied(graph) if some[family[0]]]
        self.prepare(copied)
        gains = torch.zeros(len(graph), dtype=torch.double)
        for i, pa in copied:
            rough = self._terms(i, pa, self._closed(i, pa, smooth=True))
            kept, tells = self._kept[i][pa], self.telling[:-1, i]
            seen = [present(fold.scoring.rows[None, :, i]) for fold in self.folds]
            rows = sum(
                float(fold.telling(self.telling[None, :, i], each).sum())
                for fold, each in zip(self.folds, seen, strict=True)
            )
            gains[i] = (tells @ (kept.old - rough.old) + kept.observational - rough.observational) / max(rows, 1.0)
        return gains

    def choose_decay(self, graph: torch.Tensor) -> None:
        """Take the weight decay under which mechanisms refitted to a graph [d, d] predict best.

        Decays are tried in their order, until one is worse than the one before. What is fitted exactly has none.
        """
        families = [family for family in self._copied(graph) if not self.mechanisms.exact(family[0])]
        if self.refitting is None or not families:
            return
        best, chosen = -math.inf, self
        for decay in self.refitting.decays:
            tried = self.refitted(self.refitting)
            tried.decay = decay
            tried.prepare(families)
            predicted = sum(tried.predicted(family) for family in families)
            if predicted <= best:
                break
            best, chosen = predicted, tried
        self.decay, self._kept, self._promising = chosen.decay, chosen._kept, chosen._promising

    def promises(self, family: Family) -> torch.Tensor:
        """About how many nats each variable gains as one more parent of a family like those of `needed`, [d]."""
        return recorded(f"what {family} is promised", partial(self.exact.promises, family, self.folds))

    def needed(self, family: Family) -> torch.Tensor:
        """About how many nats the parents of a family are worth that was prepared and is fitted exactly, [parents]."""
        return recorded(f"what parents of {family} are worth", partial(self.exact.needed, family, self.folds))

    @property
    def proposes(self) -> bool:
        """Whether there are closed forms, see `JointEvidence.proposes`."""
        return bool(self.closed)

    def promising(self, effect: int, parents: torch.Tensor) -> torch.Tensor:
        """Which variables may be worth a place among the parents [d] of one: boolean [d].

        Those whose addition takes no fit, those that tell something of the residuals (see `Screen`), and those whose
        edge is cheaper than none, for a climb may add them on their price alone.
        """
        d, pa = len(self.kinds), parents_of(parents)
        dear = [j for j in range(d) if j != effect and j not in pa and self._wants_copy((effect, (*pa, j)))]
        found = torch.ones(d, dtype=torch.bool)
        if not dear:
            return found
        if pa not in self._promising[effect] and self.mechanisms.exact(effect):
            ask = partial(self.exact.promising, (effect, pa), self.folds, float(self._least[effect]))
            self._promising[effect][pa] = recorded(f"parents beside {(effect, pa)}", ask)
        elif pa not in self._promising[effect] and self.kinds[effect].closed_form == "table":
            residuals = [
                Residuals.of(
                    dist.Categorical(table[None]), filled(fold.scoring.rows[None, :, effect]), fold.scoring.weights
                )
                for closed, fold in zip(self.closed, self.folds, strict=False)  # none where closed forms do not count
                if (table := closed.probabilities(effect, pa)) is not None
            ]
            if known := [each for each in residuals if each is not None]:
                counts = [
                    fold.telling(self.telling[None, :, effect], present(fold.scoring.rows[None, :, effect]))
                    for fold in self.folds
                ]
                self._promising[effect][pa] = self.screen.promising(known, counts)[0].cpu()
        if pa in self._promising[effect]:
            found[dear] = self._promising[effect][pa][dear] | (self.price[effect, dear] < 0)
        return found

    def polish(self, graph: torch.Tensor) -> bool:
        """Look for better solutions of a graph's mechanisms [d, d]; whether a climb may go on for it.

        What was said of variables with better ones is forgotten then, and comes of fits that begin with them. How much
        better they are is `spread`, the nats that may lie between fits of one family, for all that is known, and half
        of it is what an edge has to gain (`pyrocausal.copies.fit_scatter`), which may have become more or less. It is
        looked once a family, unless other rows tell of it later.
        """
        fitted = [family for family in self._copied(graph) if self.mechanisms.exact(family[0])]
        families = self._scatter.to_be_tried(fitted)
        found, gains = recorded(f"better networks of {families}", partial(self.exact.better, families, self.folds))
        self._scatter = self._scatter.with_gains(dict(zip(families, gains, strict=True)))
        self.exact.know(found)
        self.spread = self.spread.clone()
        for family in fitted:
            self.spread[family[0]] = self._scatter.gained[family]
        for i in {i for _, i, _ in found}:
            self._kept[i] = {}
        before, self._least = self._least, self._scatter.least(graph.sum(1).tolist())
        self.price = self._raised(self._asked)
        for i in {i for _, i, _ in found}.union((before != self._least).nonzero()[:, 0].tolist()):
            self._promising[i] = {}
        return bool(found) or bool(((before - self._least).abs() > GAIN).any())

    def priced(self, price: float | torch.Tensor) -> Self:
        """See `JointEvidence.priced`; an edge has to outdo the scatter of fits, too."""
        made = super().priced(price)
        made._asked, made.price = made.price, self._raised(made.price)
        return made

    def as_asked(self) -> Self:
        """See `JointEvidence.as_asked`."""
        made = copy(self)
        made.price = self._asked
        return made

    def _raised(self, price: torch.Tensor) -> torch.Tensor:
        """A price [d, d] where fits scatter; what is believed of edges beforehand makes the same difference there."""
        usual = price.median().clamp(min=0.0)
        return price + (self._least - usual).clamp(min=0.0)[:, None]

    def _copied(self, graph: torch.Tensor) -> list[Family]:
        """Families of a graph [d, d] that copies may tell more of than the closed form."""
        return [family for i, row in enumerate(graph) if self._wants_copy(family := (i, parents_of(row)))]
