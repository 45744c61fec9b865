"""Terms of families from the predictive density of rows, where fitted networks compete with closed forms.

The observational mechanism of a variable given some parents is estimated by a copy of the variable's mechanism fitted
to that parent set (`pyrocausal.copies.refitting`) and in closed form (`pyrocausal.evidence.closed_form`); estimates
count by how well they predict. No row scores an estimate that it has fitted: rows of regimes come in two folds, and
each fold scores what the other and the observational rows have fitted (`pyrocausal.sdi.row_split`). A new mechanism is
integrated out (`pyrocausal.model.new_mechanisms`), half of it given the parents, so that hard and soft interventions
are both covered.

Where rows have weights (`pyrocausal.data.weights`), all sums over rows are weighted.

Vocabulary: d variables, R regimes, S parent sets of one variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial
from typing import Self

import torch

from pyrocausal.copies.exact_copies import ExactCopies
from pyrocausal.copies.fitted_families import CopyFit, FittedFamilies, batches, fit_families
from pyrocausal.copies.refitting import Refitting
from pyrocausal.copies.screening import Screen
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import IMPOSSIBLE, FamilyEvidence, Terms, or_unseen, parents_of
from pyrocausal.model.mechanisms import Family
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.runtime.journal import recorded
from pyrocausal.runtime.side_by_side import side_by_side
from pyrocausal.sdi.row_split import Fold

__all__ = ["PredictiveTerms"]


class PredictiveTerms(JointEvidence):
    """Joint evidence from rows that estimates have not fitted.

    Parameters
    ----------
    rows
        What fits, what scores, and whose mechanism it tells of.
    targets
        What is known and believed of targets beforehand.
    estimators
        How mechanisms are estimated.
    price
        As for `JointEvidence`.
    """

    together = 64  # copies that are fitted at a time

    def __init__(
        self, rows: RowsOfEvidence, targets: TargetKnowledge, estimators: Estimators, price: float | torch.Tensor
    ) -> None:
        super().__init__(rows.kinds, targets, price)
        kinds, self.folds = self.kinds, tuple(rows.folds)
        self.mechanisms, self.new_mechanisms = estimators.mechanisms, estimators.new_mechanisms
        self.telling, self.away = _telling(rows.natural), rows.away
        self.refitting, self.decay = estimators.refitting, _first_decay(estimators.refitting)
        self.closed = [ClosedForm(kinds, fold) for fold in self.folds if estimators.closed_form]
        self.screen = Screen(kinds, [fold.scoring for fold in self.folds])
        self.exact = ExactCopies(kinds, self.folds)
        self._fitting = torch.ones(len(kinds), dtype=torch.bool)  # variables that copies are fitted to
        self._kept: list[dict[tuple[int, ...], FamilyEvidence]] = [{} for _ in kinds]
        self._rough: list[dict[tuple[int, ...], FamilyEvidence]] = [{} for _ in kinds]
        self._promising: list[dict[tuple[int, ...], torch.Tensor]] = [{} for _ in kinds]

    def after(self, folds: Sequence[Fold], natural: torch.Tensor) -> Self:
        """The same when other targets are believed: terms stay where the rows that fit a variable stay.

        Parameters
        ----------
        folds, natural
            As in `RowsOfEvidence`.
        """
        made = copy(self)
        made.folds = tuple(folds)
        made.telling = _telling(natural)
        made.closed = [closed.counting(fold.counts) for closed, fold in zip(self.closed, folds, strict=False)]
        same = (made.telling == self.telling).all(0).tolist()
        made.exact = self.exact.after([i for i, stays in enumerate(same) if not stays])
        for name in ("_kept", "_rough", "_promising"):
            kept = zip(getattr(self, name), same, strict=True)
            setattr(made, name, [dict(known) if stays else {} for known, stays in kept])
        return made

    def refitted(self, refitting: Refitting | None) -> Self:
        """The same where copies are fitted in another way; only what the closed form says is kept."""
        made = copy(self)
        made.refitting, made.decay = refitting, _first_decay(refitting)
        made._kept = self._rough if refitting is None else [{} for _ in self.kinds]
        made._promising = [{} for _ in self.kinds]
        return made

    def fitting(self, variables: torch.Tensor) -> Self:
        """The same where copies are fitted to some variables alone [d]; all others have their closed form alone."""
        made = copy(self)
        made._fitting = variables
        made._kept = [dict(kept) if some else {} for kept, some in zip(self._kept, variables.tolist(), strict=True)]
        return made

    def fits_copies(self, effect: int) -> bool:
        """Whether copies are fitted to a variable."""
        return self.refitting is not None and bool(self._fitting[effect])

    def _wants_copy(self, family: Family) -> bool:
        """Whether a fitted copy may tell more than the closed form."""
        if self.refitting is None or not self.fits_copies(family[0]):
            return False
        return not self.closed or self.closed[0].regret(*family) > self.refitting.least_regret

    def predicted(self, family: Family) -> float:
        """Nats of all rows that tell of a mechanism, of a family that was prepared."""
        i, parents = family
        kept = self._kept[i][parents]
        return float(self.telling[:-1, i] @ kept.old + kept.observational)

    def family(self, effect: int, parents: tuple[int, ...]) -> FamilyEvidence:
        """See `JointEvidence.family`."""
        return self._kept[effect][parents]

    @property
    def rows(self) -> torch.Tensor:
        """See `JointEvidence.rows`."""
        ones = [
            fold.per_table(torch.ones(1, len(fold.scoring.rows), device=fold.table.device))[0] for fold in self.folds
        ]
        return torch.stack(ones).sum(0)

    def prepare(self, families: Iterable[Family]) -> None:
        """Find the terms of families that are not known yet, as many together as fit."""
        missing = [(i, pa) for i, pa in dict.fromkeys(families) if pa not in self._kept[i]]
        found: dict[Family, list[torch.Tensor]] = {}
        wanted = [family for family in missing if self._wants_copy(family)]
        exactly = [family for family in wanted if self.mechanisms.exact(family[0])]
        for batch in batches(exactly, self.kinds, self.together):
            solve = partial(self.exact.solve, batch, self.folds)
            sums, solutions = recorded(f"small networks of {batch}", solve)
            self.exact.know(solutions)
            found |= {family: list(each) for family, each in zip(batch, sums, strict=True)}
        for batch in batches([family for family in wanted if family not in found], self.kinds, self.together):
            if (fitted := self._fitted(batch)) is None:
                continue
            for m, (i, pa) in enumerate(batch):
                found[i, pa] = [fitted.sums[m]]
                self._promising[i][pa] = fitted.promising[m]
        for i, pa in missing:
            checkpoint(1)
            self._kept[i][pa] = self._terms(i, pa, found.get((i, pa), []) + self._closed(i, pa))

    def _fitted(self, families: Sequence[Family]) -> FittedFamilies | None:
        """What copies say that are fitted to each family."""
        assert self.refitting is not None
        how, effects = CopyFit(self.mechanisms, self.kinds, self.refitting, self.decay), [i for i, _ in families]
        counts = [fold.counts[:, effects] for fold in self.folds]  # [N, M] each

        def fit() -> tuple[torch.Tensor, ...]:
            found = fit_families(how, families, self.folds, counts, self.telling[:, effects].t(), self.screen)
            return () if found is None else tuple(found)

        fitted = recorded(f"networks of {families} at decay {self.decay}", fit)
        return FittedFamilies(*fitted) if fitted else None

    def rough_terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """As `terms`, from the closed form alone: cheap, to look for what is worth a fit.

        Where a family has none its old mechanism is as good as impossible; where none counts, this is `terms`.
        """
        if not self.closed:
            return self.terms(effect, parents)
        kept = self._rough[effect]
        sets = [parents_of(row) for row in parents]
        for pa in sets:
            if pa not in kept:
                kept[pa] = self._terms(effect, pa, self._closed(effect, pa))
        return Terms.stack([self.summed_out(effect, kept[pa]) for pa in sets])

    def _closed(self, effect: int, parents: tuple[int, ...], *, smooth: bool = False) -> list[torch.Tensor]:
        """Log-likelihoods of one family under each estimate in closed form: [folds, R + 1], the last held out."""

        def one(closed: ClosedForm, fold: Fold) -> list[torch.Tensor]:
            return [fold.per_table(each[None])[0] for each in closed.log_probs(effect, parents, smooth=smooth)]

        pairs = zip(self.closed, self.folds, strict=False)  # none where closed forms do not count
        per_fold = side_by_side([partial(one, *each) for each in pairs])
        return [torch.stack(estimate) for estimate in zip(*per_fold, strict=True)]

    def _terms(self, effect: int, parents: tuple[int, ...], found: Sequence[torch.Tensor]) -> FamilyEvidence:
        """From estimates of the old mechanism, [folds, R + 1] each."""
        if found:
            estimates = torch.stack(list(found))
        else:
            estimates = torch.full((1, len(self.folds), len(self.known) + 1), IMPOSSIBLE, dtype=torch.double)
        weight = (estimates @ self.telling[:, effect]).log_softmax(0)  # [estimates, folds]
        mixed = (estimates + weight[..., None]).logsumexp(0).sum(0)  # [R + 1]
        new, away = self.new_mechanisms.of(effect, parents), self.away[: len(self.known), list(parents)].any(1)
        return FamilyEvidence(or_unseen(mixed[:-1], new, away), new, mixed[-1])


def _telling(natural: torch.Tensor) -> torch.Tensor:
    """Which rows tell of a variable's observational mechanism: those of regimes [R, d], and observational ones."""
    return torch.cat([natural, torch.ones_like(natural[:1])]).cpu().double()  # [R + 1, d]


def _first_decay(refitting: Refitting | None) -> float:
    return refitting.decays[0] if refitting else 0.0
