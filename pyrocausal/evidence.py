"""Joint evidence of a graph: everything the rows say of it, with the unknown target of every regime summed out.

    log E(G) = sum over held-out observational rows of log p(x | G)
             + sum_r log sum_t p(t) exp( sum_{i != t} L_ri(G) + A_rt(G) )
             - price x number of edges

L_ri is the log-likelihood of X_i's rows in regime r under its observational mechanism given its parents in G; A_rt the
evidence of a *new* mechanism for target t (see `pyrocausal.conjugate`), half of it given those parents, so that hard
and soft interventions are both covered; t runs over none and the d variables, all equally likely, or is known. Every
hypothesis pays for all d variables in every row.

The observational mechanism of a variable given some parents is estimated by a copy of the variable's mechanism
fitted to that parent set (`pyrocausal.refitting`) and in closed form (`pyrocausal.predictive`); estimates count by how
well they predict. No row scores an estimate that it has fitted: rows of regimes come in two folds, and each fold
scores what the other and the observational rows have fitted (`pyrocausal.split`).

The terms of a variable depend on its parents alone, and are kept.

Vocabulary: d variables, R regimes, S parent sets of one variable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from pyrocausal.conjugate import NewMechanisms
from pyrocausal.kinds import Kind
from pyrocausal.mechanisms import Family, Mechanisms
from pyrocausal.predictive import ClosedForm
from pyrocausal.refitting import Refitting, fit_copies, log_likelihoods
from pyrocausal.split import Fold

__all__ = ["JointEvidence", "Terms"]

IMPOSSIBLE = -1e9  # nats of a family that nothing can estimate


class Terms(NamedTuple):
    """What some parent sets of one variable, or one parent set of every variable, contribute; nats, double.

    Attributes
    ----------
    old
        Log-likelihood of the variable's rows in each regime under its observational mechanism; shape [..., R].
    new
        Log evidence of a new mechanism there; shape [..., R].
    observational
        Log-likelihood of its held-out observational rows; shape [...].
    """

    old: torch.Tensor
    new: torch.Tensor
    observational: torch.Tensor


class JointEvidence:
    """log E(G) of any graph, and who was hit given a graph.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    mechanisms
        Where the copies that are fitted to parent sets start from.
    folds
        Which rows fit and which score, see `pyrocausal.split.cross_fit`.
    new_mechanisms
        Evidence of new mechanisms on all rows of each regime.
    known, hit
        Known targets, shapes [R] and [R, d]; see `pyrocausal.targets.known_targets`.
    natural
        Where a variable is believed to have kept its observational mechanism, shape [R, d]: with the held-out rows,
        these tell which estimate of a mechanism is the better one.
    price
        Price of an edge in nats.
    refitting
        How copies are fitted; None leaves them out and takes the closed form alone.
    closed_form
        Whether the closed form counts too.

    Raises
    ------
    ValueError
        If neither estimate is wanted.
    """

    together = 64  # copies that are fitted at a time

    def __init__(
        self,
        kinds: Sequence[Kind],
        mechanisms: Mechanisms,
        folds: Sequence[Fold],
        new_mechanisms: NewMechanisms,
        known: torch.Tensor,
        hit: torch.Tensor,
        natural: torch.Tensor,
        price: float,
        refitting: Refitting | None = None,
        closed_form: bool = True,
    ) -> None:
        if refitting is None and not closed_form:
            raise ValueError("joint evidence needs refitting, closed_form or both")
        self.kinds, self.mechanisms, self.folds = tuple(kinds), mechanisms, tuple(folds)
        self.new_mechanisms, self.price, self.refitting = new_mechanisms, price, refitting
        self.known, self.hit = known.cpu(), hit.cpu()
        self.telling = torch.cat([natural, torch.ones_like(natural[:1])]).cpu().double()  # [R + 1, d]
        self.decay = refitting.decays[0] if refitting else 0.0
        self.closed = [ClosedForm(kinds, mechanisms, *fold[:3]) for fold in folds] if closed_form else []
        self._kept: list[dict[tuple[int, ...], Terms]] = [{} for _ in kinds]
        self._rough: list[dict[tuple[int, ...], Terms]] = [{} for _ in kinds]

    def after(self, folds: Sequence[Fold], natural: torch.Tensor) -> JointEvidence:
        """The same when more is known of the targets: terms stay where the rows that fit a variable stay."""
        told = torch.cat([natural, torch.ones_like(natural[:1])]).cpu().double()
        made = JointEvidence(
            kinds=self.kinds,
            mechanisms=self.mechanisms,
            folds=folds,
            new_mechanisms=self.new_mechanisms,
            known=self.known,
            hit=self.hit,
            natural=natural,
            price=self.price,
            refitting=self.refitting,
            closed_form=bool(self.closed),
        )
        made.decay = self.decay
        for i in range(len(self.kinds)):
            if torch.equal(told[:, i], self.telling[:, i]):
                made._kept[i], made._rough[i] = self._kept[i], self._rough[i]
        return made

    def choose_decay(self, graph: torch.Tensor) -> None:
        """Take the weight decay under which copies fitted to a graph [d, d] predict best."""
        families = [family for i, row in enumerate(graph.tolist()) if self._wants_copy(family := (i, _parents(row)))]
        if self.refitting is None or not families or len(self.refitting.decays) == 1:
            return
        found = {}
        for decay in self.refitting.decays:
            self.decay, found[decay] = decay, 0.0
            for batch in self._batches(families):
                if (sums := self._copies(batch)) is not None:
                    told = self.telling[:, [i for i, _ in batch]]  # [R + 1, M]
                    found[decay] += float(torch.einsum("mfr,rm->", sums, told))
        self.decay = max(found, key=lambda decay: found[decay])

    def terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """Terms of one variable under several parent sets: 0/1 or boolean [S, d] -> leading shape [S]."""
        sets = [_parents(row) for row in parents.tolist()]
        self.prepare((effect, pa) for pa in sets)
        return _stack([self._kept[effect][pa] for pa in sets])

    def prepare(self, families: Iterable[Family]) -> None:
        """Find the terms of families that are not known yet, as many together as fit."""
        missing = [(i, pa) for i, pa in dict.fromkeys(families) if pa not in self._kept[i]]
        fitted = [family for family in missing if self._wants_copy(family)]
        found: dict[Family, list[torch.Tensor]] = {}
        for batch in self._batches(fitted):
            copies = self._copies(batch)
            found |= {} if copies is None else {family: [copy] for family, copy in zip(batch, copies, strict=True)}
        for i, pa in missing:
            self._kept[i][pa] = self._terms(i, pa, found.get((i, pa), []) + self._closed(i, pa))

    def _wants_copy(self, family: Family) -> bool:
        """Whether a fitted copy may tell more than the closed form."""
        return self.refitting is not None and (
            not self.closed or self.closed[0].regret(*family) > self.refitting.least_regret
        )

    def rough_terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """As `terms`, from the closed form alone: cheap, to look for what is worth a fit.

        Where there is no closed form the old mechanism is as good as impossible.
        """
        kept = self._rough[effect]
        sets = [_parents(row) for row in parents.tolist()]
        for pa in sets:
            if pa not in kept:
                kept[pa] = self._terms(effect, pa, self._closed(effect, pa))
        return _stack([kept[pa] for pa in sets])

    def of(self, graph: torch.Tensor) -> float:
        """log E(G) up to a constant of the data: graph [d, d] (effect, cause), 0/1 or boolean -> nats."""
        terms = self._each(graph)
        total = terms.observational.sum() + terms.old.sum() + self.mixture(terms.new - terms.old).sum()
        return float(total) - self.price * int(graph.sum())

    def targets(self, graph: torch.Tensor) -> torch.Tensor:
        """Posterior over the target of every regime given a graph [d, d]: shape [R, d + 1], the last column is none.

        A regime whose targets are known has 1 at each of them, or at none.
        """
        terms = self._each(graph)
        found = torch.nn.functional.pad((terms.new - terms.old).t(), (0, 1)).softmax(1)
        certain = torch.cat([self.hit, ~self.hit.any(1, keepdim=True)], 1).to(found.dtype)
        return torch.where(self.known[:, None], certain, found)

    def mixture(self, gain: torch.Tensor) -> torch.Tensor:
        """log sum_t p(t) exp(what a new mechanism of t gains): gains [d, R] -> [R]; none gains nothing."""
        return torch.nn.functional.pad(gain, (0, 0, 0, 1)).logsumexp(0) - math.log(len(gain) + 1)

    def _each(self, graph: torch.Tensor) -> Terms:
        self.prepare((i, _parents(row)) for i, row in enumerate(graph.tolist()))
        found = [self.terms(i, graph[i : i + 1]) for i in range(len(graph))]
        return Terms(*(torch.cat(part) for part in zip(*found, strict=True)))

    def _batches(self, families: Sequence[Family]) -> list[list[Family]]:
        """Families that are fitted together: variables of one kind, with about as many parents."""
        ordered = sorted(families, key=lambda family: (type(self.kinds[family[0]]).__name__, len(family[1])))
        batches: list[list[Family]] = []
        for family in ordered:
            new = not batches or len(batches[-1]) == self.together
            if new or type(self.kinds[family[0]]) is not type(self.kinds[batches[-1][0][0]]):
                batches.append([])
            batches[-1].append(family)
        return batches

    def _copies(self, families: Sequence[Family]) -> torch.Tensor | None:
        """Log-likelihoods under copies fitted to each family, per fold and regime: [M, folds, R + 1], last held out."""
        assert self.refitting is not None
        sums = []
        for fitting, counts, scoring, table in self.folds:
            copies = fit_copies(self.mechanisms, self.kinds, families, fitting, counts, self.refitting, self.decay)
            if copies is None:
                return None
            sums.append(self._per_regime(log_likelihoods(copies, self.kinds, families, scoring), table))
        return torch.stack(sums, 1)

    def _closed(self, effect: int, parents: tuple[int, ...]) -> list[torch.Tensor]:
        """The same in closed form, for one family: [folds, R + 1] for every estimate there is."""
        per_fold = [
            [self._per_regime(each[None], fold.table)[0] for each in closed.log_probs(effect, parents)]
            for closed, fold in zip(self.closed, self.folds, strict=False)  # none where closed forms do not count
        ]
        return [torch.stack(estimate) for estimate in zip(*per_fold, strict=True)]

    def _per_regime(self, log_probs: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Sums over the rows of each regime: [M, n] -> [M, R + 1]."""
        sums = torch.zeros(len(log_probs), len(self.known) + 1, dtype=torch.double)
        return sums.index_add_(1, table.cpu(), log_probs.double().cpu())

    def _terms(self, effect: int, parents: tuple[int, ...], found: Sequence[torch.Tensor]) -> Terms:
        """Terms from estimates of the old mechanism, [folds, R + 1] each."""
        if found:
            estimates = torch.stack(list(found))
        else:
            estimates = torch.full((1, len(self.folds), len(self.known) + 1), IMPOSSIBLE, dtype=torch.double)
        weight = (estimates @ self.telling[:, effect]).log_softmax(0)  # [estimates, folds]
        mixed = (estimates + weight[..., None]).logsumexp(0).sum(0)  # [R + 1]
        new, hit = self.new_mechanisms.of(effect, parents), self.hit[:, effect]
        # A variable that is known to be hit has its new mechanism under every hypothesis; where targets are known, no
        # other one has.
        return Terms(torch.where(hit, new, mixed[:-1]), torch.where(self.known, -torch.inf, new), mixed[-1])


def _parents(row: Sequence[float]) -> tuple[int, ...]:
    return tuple(j for j, on in enumerate(row) if on)


def _stack(terms: Sequence[Terms]) -> Terms:
    return Terms(*(torch.stack(part) for part in zip(*terms, strict=True)))
