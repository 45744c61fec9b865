"""Joint evidence of a graph: everything the rows say of it, with the unknown target of every regime summed out.

    log E(G) = sum over observational rows of log p(x | G)
             + sum_r log sum_t p(t) exp( sum_{i != t} L_ri(G) + A_rt(G) )
             - the price of every edge

L_ri is what X_i's rows in regime r say of its common mechanism given its parents in G; A_rt the evidence of a *new*
mechanism for target t; t runs over none and the d variables, by default all equally likely, or is known. Every
hypothesis pays for all d variables in every row. Where a regime may have several targets, each variable is hit or not
for itself, and the sum over all sets of targets is a product over variables. Where some targets are certain and there
may be others, these have a new mechanism under every hypothesis, and t runs over none and the other variables.

There are two currencies, which must not be mixed. `pyrocausal.evidence.pooled_evidence` has marginal likelihoods of all
rows, in closed form; `pyrocausal.evidence.predictive_evidence` the predictive density of rows that no estimate has
fitted, so that networks can compete.

The terms of a variable depend on its parents alone, and are kept.

Vocabulary: d variables, R regimes, S parent sets of one variable.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Self

import torch

from pyrocausal.data.kind import Kind
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.terms import FamilyEvidence, Terms, parents_of
from pyrocausal.model.mechanisms import Family
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.sdi.targets import posterior_of, with_known_targets

__all__ = ["JointEvidence"]


class JointEvidence(ABC):
    """log E(G) of any graph, and who was hit given a graph.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    targets
        What is known and believed of targets beforehand.
    price
        Price of an edge in nats, one for all or shape [d, d] (effect, cause); what is known beforehand makes an edge
        cheaper or dearer.

    Attributes
    ----------
    spread
        Nats that may lie between two fits of one variable's mechanism, shape [d]; 0 in closed form.

    Examples
    --------
    Going on from the example of `settle`:

    >>> evidence, dag = settled.joint, settled.dag
    >>> evidence.of(dag) > evidence.of(dag.t())  # nats; the other way round it is worse
    True
    """

    def __init__(self, kinds: Sequence[Kind], targets: TargetKnowledge, price: float | torch.Tensor) -> None:
        self.kinds = tuple(kinds)
        self.known, self.hit, self.prior = targets.known.cpu(), targets.hit.cpu(), targets.prior
        self.price = torch.as_tensor(price, dtype=torch.double).cpu().expand(len(kinds), len(kinds))
        self.spread = torch.zeros(len(kinds), dtype=torch.double)

    @abstractmethod
    def prepare(self, families: Iterable[Family]) -> None:
        """Find the terms of families that are not known yet, as many together as fit."""

    def prepare_wholly(self, families: Iterable[Family]) -> None:
        """The same, however little is to be hoped for: what is told by leaving an edge out is no search."""
        self.prepare(families)

    @abstractmethod
    def family(self, effect: int, parents: tuple[int, ...]) -> FamilyEvidence:
        """What is said of a family that was prepared."""

    @property
    @abstractmethod
    def rows(self) -> torch.Tensor:
        """How many rows of each table the evidence is of, or their total weight; the observational last, [R + 1]."""

    def terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """Terms of one variable under several parent sets: 0/1 or boolean [S, d] -> leading shape [S]."""
        sets = [parents_of(row) for row in parents]
        self.prepare((effect, pa) for pa in sets)
        return Terms.stack([self.summed_out(effect, self.family(effect, pa)) for pa in sets])

    def rough_terms(self, effect: int, parents: torch.Tensor) -> Terms:
        """As `terms`, perhaps less exactly: cheap, to look for what is worth a fit."""
        return self.terms(effect, parents)

    @property
    def proposes(self) -> bool:
        """Whether `rough_terms` are cheap."""
        return True

    def promising(self, effect: int, parents: torch.Tensor) -> torch.Tensor:
        """Which variables may be worth a place among the parents [d] of one: boolean [d]."""
        return torch.ones(len(self.kinds), dtype=torch.bool)

    def priced(self, price: float | torch.Tensor) -> Self:
        """The same at another price of edges; all terms are kept, for none depends on it."""
        made = copy(self)
        made.price = torch.as_tensor(price, dtype=torch.double).cpu().expand_as(self.price)
        return made

    def as_asked(self) -> Self:
        """The same at the price that was asked for, where an edge has to gain more than that for another reason."""
        return self

    def of(self, graph: torch.Tensor) -> float:
        """log E(G) up to a constant of the data: graph [d, d] (effect, cause), 0/1 or boolean -> nats."""
        return self.of_terms(self.each(graph), graph)

    def of_terms(self, terms: Terms, graph: torch.Tensor) -> float:
        """The same from the terms of every variable given its parents in the graph."""
        return self.total(terms) - float((self.price * graph).sum())

    def total(self, terms: Terms) -> float:
        """The same, prices left out."""
        return float(self._by_table(terms).sum())

    def by_table(self, graph: torch.Tensor) -> torch.Tensor:
        """What each table contributes to that, prices left out: graph [d, d] -> nats, the observational last, [R + 1].

        What a common mechanism costs beforehand, as it has more parameters or drifts, is with the observational table.
        """
        return self._by_table(self.each(graph))

    def _by_table(self, terms: Terms) -> torch.Tensor:
        of_regimes = terms.old.sum(0) + self.mixture(terms.new - terms.old)
        return torch.cat([of_regimes, terms.observational.sum()[None]])

    def targets(self, graph: torch.Tensor) -> torch.Tensor:
        """Posterior over the targets of every regime given a graph [d, d]: shape [R, d + 1], the last column is none.

        A regime has 1 at each target that is certain, and then 0 at none.
        """
        found = posterior_of(self.each(graph).odds.t(), self.prior.several)
        return with_known_targets(found, self.known, self.hit)

    def mixture(self, gain: torch.Tensor) -> torch.Tensor:
        """log sum_t p(t) exp(what a new mechanism of t gains): gains [d, R] -> [R]; none gains nothing.

        Prior odds are in the gains.
        """
        return torch.nn.functional.pad(gain, (0, 0, 0, 1)).logsumexp(0) - self._whole

    @property
    def _whole(self) -> torch.Tensor:
        """Logarithm of what prior odds against none add up to in every regime, [R]."""
        if self.prior.several:
            return torch.zeros(len(self.known), dtype=torch.double)
        odds = torch.where(self.known[:, None], -torch.inf, self.prior.log_odds.double().cpu())
        return torch.nn.functional.pad(odds, (0, 1)).logsumexp(1)

    def each(self, graph: torch.Tensor) -> Terms:
        """Terms of every variable given its parents in a graph [d, d]: leading shape [d]."""
        self.prepare((i, parents_of(row)) for i, row in enumerate(graph))
        return Terms.cat([self.terms(i, graph[i : i + 1]) for i in range(len(graph))])

    def summed_out(self, effect: int, family: FamilyEvidence) -> Terms:
        """Terms of a variable given some parents, with what is known and believed of targets.

        A variable that is certainly hit has its new mechanism under every hypothesis; where all targets are known, no
        other one has. Where each variable may be hit for itself, that is summed out here.
        """
        old, new, observational = family
        hit, believed = self.hit[:, effect], self.prior.log_odds[:, effect].double().cpu()
        odds = new + believed - old
        if self.prior.several:
            either = torch.logaddexp(old, new + believed) - torch.nn.functional.softplus(believed)
            old = torch.where(hit, new, torch.where(self.known, old, either))
            return Terms(old, torch.full_like(new, -torch.inf), observational, odds)
        old = torch.where(hit, new, old)
        return Terms(old, torch.where(self.known, -torch.inf, new + believed), observational, odds)

    def believing(self, prior: TargetOdds) -> Self:
        """The same where something else is believed of unknown targets beforehand."""
        made = copy(self)
        made.prior = prior
        return made
