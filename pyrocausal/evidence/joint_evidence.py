"""Joint evidence of a graph: everything the rows say of it, with the unknown target of every regime summed out.

    log E(G) = sum over held-out observational rows of log p(x | G)
             + sum_r log sum_t p(t) exp( sum_{i != t} L_ri(G) + A_rt(G) )
             - the price of every edge

L_ri is the log-likelihood of X_i's rows in regime r under its observational mechanism given its parents in G; A_rt the
evidence of a *new* mechanism for target t (see `pyrocausal.model.new_mechanisms`), half of it given those parents, so
that hard and soft interventions are both covered; t runs over none and the d variables, by default all equally likely,
or is known. Every hypothesis pays for all d variables in every row. Where a regime may have several targets, each
variable is hit or not for itself, and the sum over all sets of targets is a product over variables.

The observational mechanism of a variable given some parents is estimated by a copy of the variable's mechanism fitted
to that parent set (`pyrocausal.evidence.refitting`) and in closed form (`pyrocausal.evidence.closed_form`); estimates
count by how well they predict. No row scores an estimate that it has fitted: rows of regimes come in two folds, and
each fold scores what the other and the observational rows have fitted (`pyrocausal.sdi.row_split`).

Where rows have weights (`pyrocausal.data.weights`), all sums over rows are weighted.

The terms of a variable depend on its parents alone, and are kept. So is what the residuals of a mechanism say of
parents that might be added, which spares fits that can gain nothing (`pyrocausal.evidence.screening`).

Vocabulary: d variables, R regimes, S parent sets of one variable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from copy import copy
from typing import TypeAlias

import pyro.distributions as dist
import torch

from pyrocausal.data.missing import filled, present
from pyrocausal.evidence.closed_form import ClosedForm
from pyrocausal.evidence.fitted_families import CopyFit, FittedFamilies, batches, fit_families
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.refitting import Refitting
from pyrocausal.evidence.screening import Residuals, Screen
from pyrocausal.evidence.terms import IMPOSSIBLE, Terms, parents_of
from pyrocausal.model.mechanisms import Family
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.sdi.row_split import Fold
from pyrocausal.sdi.targets import posterior_of

__all__ = ["JointEvidence", "prepare_together"]

Request: TypeAlias = "tuple[JointEvidence, Family]"


class JointEvidence:
    """log E(G) of any graph, and who was hit given a graph.

    Parameters
    ----------
    rows
        What fits, what scores, and whose mechanism it tells of.
    targets
        What is known and believed of targets beforehand.
    estimators
        How mechanisms are estimated.
    price
        Price of an edge in nats, one for all or shape [d, d] (effect, cause); what is known beforehand makes an edge
        cheaper or dearer.
    """

    together = 64  # copies that are fitted at a time

    def __init__(
        self, rows: RowsOfEvidence, targets: TargetKnowledge, estimators: Estimators, price: float | torch.Tensor
    ) -> None:
        kinds, self.folds = tuple(rows.kinds), tuple(rows.folds)
        self.kinds, self.mechanisms, self.new_mechanisms = kinds, estimators.mechanisms, estimators.new_mechanisms
        self.known, self.hit, self.prior = targets.known.cpu(), targets.hit.cpu(), targets.prior
        self.telling = _telling(rows.natural)
        self.refitting, self.decay = estimators.refitting, _first_decay(estimators.refitting)
        self.closed = [ClosedForm(kinds, self.mechanisms, fold) for fold in self.folds if estimators.closed_form]
        self.screen = Screen(kinds, [fold.scoring for fold in self.folds])
        self.price = torch.as_tensor(price, dtype=torch.double).cpu().expand(len(kinds), len(kinds))
        self._kept: list[dict[tuple[int, ...], Terms]] = [{} for _ in kinds]
        self._rough: list[dict[tuple[int, ...], Terms]] = [{} for _ in kinds]
        self._promising: list[dict[tuple[int, ...], torch.Tensor]] = [{} for _ in kinds]

    def after(self, folds: Sequence[Fold], natural: torch.Tensor) -> JointEvidence:
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
        for name in ("_kept", "_rough", "_promising"):
            kept = zip(getattr(self, name), same, strict=True)
            setattr(made, name, [known if stays else {} for known, stays in kept])
        return made

    def refitted(self, refitting: Refitting | None) -> JointEvidence:
        """The same where copies are fitted in another way; only what the closed form says is kept."""
        made = copy(self)
        made.refitting, made.decay = refitting, _first_decay(refitting)
        made._kept = self._rough if refitting is None else [{} for _ in self.kinds]
        made._promising = [{} for _ in self.kinds]
        return made

    def priced(self, price: float | torch.Tensor) -> JointEvidence:
        """The same at another price of edges; all terms are kept, for none depends on it."""
        made = copy(self)
        made.price = torch.as_tensor(price, dtype=torch.double).cpu().expand_as(self.price)
        return made

    def choose_decay(self, graph: torch.Tensor) -> None:
        """Take the weight decay under which mechanisms refitted to a graph [d, d] predict best.

        Decays are tried in their order, until one is worse than the one before.
        """
        families = [family for i, row in enumerate(graph) if self._wants_copy(family := (i, parents_of(row)))]
        if self.refitting is None or not families:
            return
        best, chosen = -math.inf, self
        for decay in self.refitting.decays:
            tried = self.refitted(self.refitting)
            tried.decay = decay
            tried.prepare(families)
            terms = [(self.telling[:-1, i], tried._kept[i][pa]) for i, pa in families]
            predicted = sum(float(told @ each.old + each.observational) for told, each in terms)
            if predicted <= best:
                break
            best, chosen = predicted, tried
        self.decay, self._kept, self._promising = chosen.decay, chosen._kept, chosen._promising

    def terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """Terms of one variable under several parent sets: 0/1 or boolean [S, d] -> leading shape [S]."""
        sets = [parents_of(row) for row in parents]
        self.prepare((effect, pa) for pa in sets)
        return Terms.stack([self._kept[effect][pa] for pa in sets])

    def prepare(self, families: Iterable[Family]) -> None:
        """Find the terms of families that are not known yet, as many together as fit."""
        prepare_together((self, family) for family in families)

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
        if pa not in self._promising[effect] and self.kinds[effect].closed_form == "table":
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

    def _wants_copy(self, family: Family) -> bool:
        """Whether a fitted copy may tell more than the closed form."""
        return self.refitting is not None and (
            not self.closed or self.closed[0].regret(*family) > self.refitting.least_regret
        )

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
        return Terms.stack([kept[pa] for pa in sets])

    def of(self, graph: torch.Tensor) -> float:
        """log E(G) up to a constant of the data: graph [d, d] (effect, cause), 0/1 or boolean -> nats."""
        terms = self._each(graph)
        total = terms.observational.sum() + terms.old.sum() + self.mixture(terms.new - terms.old).sum()
        return float(total - (self.price * graph).sum())

    def targets(self, graph: torch.Tensor) -> torch.Tensor:
        """Posterior over the targets of every regime given a graph [d, d]: shape [R, d + 1], the last column is none.

        A regime whose targets are known has 1 at each of them, or at none.
        """
        found = posterior_of(self._each(graph).odds.t(), self.prior.several)
        certain = torch.cat([self.hit, ~self.hit.any(1, keepdim=True)], 1).to(found.dtype)
        return torch.where(self.known[:, None], certain, found)

    def mixture(self, gain: torch.Tensor) -> torch.Tensor:
        """log sum_t p(t) exp(what a new mechanism of t gains): gains [d, R] -> [R]; none gains nothing.

        Prior odds are in the gains and p(t) is even, which differs from a normalised prior by a constant per regime. So
        evidence under different priors cannot be compared.
        """
        return torch.nn.functional.pad(gain, (0, 0, 0, 1)).logsumexp(0) - math.log(len(gain) + 1)

    def _each(self, graph: torch.Tensor) -> Terms:
        self.prepare((i, parents_of(row)) for i, row in enumerate(graph))
        found = [self.terms(i, graph[i : i + 1]) for i in range(len(graph))]
        return Terms.cat(found)

    def _closed(self, effect: int, parents: tuple[int, ...]) -> list[torch.Tensor]:
        """Log-likelihoods of one family under each estimate in closed form: [folds, R + 1], the last held out."""
        per_fold = [
            [fold.per_table(each[None])[0] for each in closed.log_probs(effect, parents)]
            for closed, fold in zip(self.closed, self.folds, strict=False)  # none where closed forms do not count
        ]
        return [torch.stack(estimate) for estimate in zip(*per_fold, strict=True)]

    def _terms(self, effect: int, parents: tuple[int, ...], found: Sequence[torch.Tensor]) -> Terms:
        """Terms from estimates of the old mechanism, [folds, R + 1] each."""
        if found:
            estimates = torch.stack(list(found))
        else:
            estimates = torch.full((1, len(self.folds), len(self.known) + 1), IMPOSSIBLE, dtype=torch.double)
        weight = (estimates @ self.telling[:, effect]).log_softmax(0)  # [estimates, folds]
        mixed = (estimates + weight[..., None]).logsumexp(0).sum(0)  # [R + 1]
        new, hit, old = self.new_mechanisms.of(effect, parents), self.hit[:, effect], mixed[:-1]
        believed = self.prior.log_odds[:, effect].double().cpu()
        odds = new + believed - old
        # A variable that is known to be hit has its new mechanism under every hypothesis; where targets are known, no
        # other one has. Where each variable may be hit for itself, that is summed out here.
        if self.prior.several:
            either = torch.logaddexp(old, new + believed) - torch.nn.functional.softplus(believed)
            old = torch.where(self.known, torch.where(hit, new, old), either)
            return Terms(old, torch.full_like(new, -torch.inf), mixed[-1], odds)
        old = torch.where(hit, new, old)
        return Terms(old, torch.where(self.known, -torch.inf, new + believed), mixed[-1], odds)


def prepare_together(requests: Iterable[Request]) -> None:
    """Find the terms of families that are not known yet, under evidences that differ in who was hit alone (`after`)."""
    distinct = {(id(evidence), family): (evidence, family) for evidence, family in requests}.values()
    missing = [(evidence, (i, pa)) for evidence, (i, pa) in distinct if pa not in evidence._kept[i]]
    found: dict[tuple[int, Family], list[torch.Tensor]] = {}
    wanted = [(evidence, family) for evidence, family in missing if evidence._wants_copy(family)]
    for batch in batches(wanted, missing[0][0].kinds, missing[0][0].together) if wanted else []:
        if (fitted := _fitted(batch)) is None:
            continue
        for m, (evidence, (i, pa)) in enumerate(batch):
            found[id(evidence), (i, pa)] = [fitted.sums[m]]
            evidence._promising[i][pa] = fitted.promising[m]
    for evidence, (i, pa) in missing:
        checkpoint()
        estimates = found.get((id(evidence), (i, pa)), []) + evidence._closed(i, pa)
        evidence._kept[i][pa] = evidence._terms(i, pa, estimates)


def _fitted(batch: Sequence[Request]) -> FittedFamilies | None:
    """What copies say that are fitted to each family, rows counting as each evidence has it."""
    first, families = batch[0][0], [family for _, family in batch]
    assert first.refitting is not None
    how = CopyFit(first.mechanisms, first.kinds, first.refitting, first.decay)
    telling = torch.stack([evidence.telling[:, i] for evidence, (i, _) in batch])  # [M, R + 1]
    counts = [
        torch.stack([evidence.folds[k].counts[:, i] for evidence, (i, _) in batch], 1) for k in range(len(first.folds))
    ]  # [N, M] each
    return fit_families(how, families, first.folds, counts, telling, first.screen)


def _telling(natural: torch.Tensor) -> torch.Tensor:
    """Which rows tell of a variable's observational mechanism: those of regimes [R, d], and observational ones."""
    return torch.cat([natural, torch.ones_like(natural[:1])]).cpu().double()  # [R + 1, d]


def _first_decay(refitting: Refitting | None) -> float:
    return refitting.decays[0] if refitting else 0.0
