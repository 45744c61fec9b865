"""The posterior of all mechanisms of a fitted model, under any graph, and models whose mechanisms are drawn from it.

Of every variable and parent set there are several forms: tables or regressions, whose posteriors are closed, and the
model's own mechanism, whose posterior is a Bayesian bootstrap. The one that predicts best is used. A draw is an
ordinary `CausalModel` of one graph.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyro.distributions as dist
import torch

from pyrocausal.evidence.telling_rows import TellingRows
from pyrocausal.evidence.terms import parents_of
from pyrocausal.mechanism_posterior.bootstrapped import BootstrappedPosterior
from pyrocausal.mechanism_posterior.family_posterior import Conditional, FamilyPosterior
from pyrocausal.mechanism_posterior.logistic_posterior import LogisticPosterior
from pyrocausal.mechanism_posterior.regression_posterior import CountPosterior, RegressionPosterior, forms_of
from pyrocausal.mechanism_posterior.table_posterior import TablePosterior
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import IndependentBeliefs
from pyrocausal.model.mechanisms import Family, Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.program import Program

__all__ = ["DrawnMechanisms", "MechanismPosterior"]


class DrawnMechanisms(Mechanisms):
    """Mechanisms of one graph, one of each variable.

    Parameters
    ----------
    conditionals
        Of each variable, in their order: a function of values.
    """

    def __init__(self, conditionals: list[Conditional]) -> None:
        super().__init__()
        self.each = conditionals

    def conditional(self, i: int, values: torch.Tensor, parents: torch.Tensor) -> dist.TorchDistribution:
        """See `Mechanisms.conditional`; parents are those that the mechanism was drawn with."""
        return self.each[i](values)


class MechanismPosterior:
    """Posterior of the mechanisms of a fitted model.

    Parameters
    ----------
    model
        Fitted.
    telling
        Rows that tell of its mechanisms.
    networks
        Whether the networks of `NeuralMechanisms` are held against closed forms; not where a fit has found that they
        tell no more, for to draw them takes a fit of each. Mechanisms of yours always are.
    """

    def __init__(self, model: CausalModel, telling: TellingRows, *, networks: bool = True) -> None:
        self.model, self.telling = model, telling
        self.networks = networks or type(model.mechanisms) is not NeuralMechanisms
        self._kept: dict[Family, FamilyPosterior] = {}

    def of(self, effect: int, parents: tuple[int, ...]) -> FamilyPosterior:
        """The posterior of a variable given its parents, of the form that predicts best.

        Of closed forms it is the one with the most evidence. The model's mechanism has none, and is held against that
        form by what both predict (`FamilyPosterior.predictive`), where its fit leaves a chance.
        """
        family = effect, parents
        if family not in self._kept:
            self._kept[family] = self._best(effect, parents)
        return self._kept[family]

    def _best(self, effect: int, parents: tuple[int, ...]) -> FamilyPosterior:
        kinds, telling = self.model.kinds, self.telling
        closed = max(self._closed(effect, parents), key=lambda found: found.evidence, default=None)
        if closed is not None and not self.networks:
            return closed
        fitted = BootstrappedPosterior(self.model.mechanisms, kinds, telling, effect, parents)
        if closed is None:
            return fitted
        some = telling.weights[:, effect].nonzero()[:, 0]
        rows = kinds[effect], effect, telling.rows[some], telling.weights[some, effect]
        told = closed.predictive(*rows)
        return fitted if fitted.promise > told and fitted.predictive(*rows) > told else closed

    def program(self, graph: torch.Tensor, rng: np.random.Generator | None) -> Program:
        """A program of drawn mechanisms (`FamilyPosterior.draw`) under a graph, 0/1 or boolean [d, d]."""
        drawn = [self.of(i, parents_of(row)).draw(rng) for i, row in enumerate(graph)]
        beliefs = IndependentBeliefs(graph.to(self.model.beliefs.certain).cpu())
        model = CausalModel(self.model.names, self.model.kinds, DrawnMechanisms(drawn), beliefs)
        return Program(model, graph.cpu())

    def _closed(self, effect: int, parents: tuple[int, ...]) -> Iterator[FamilyPosterior]:
        kinds, telling, kind = self.model.kinds, self.telling, self.model.kinds[effect]
        if TablePosterior.fits(kinds, effect, parents):
            yield TablePosterior(kinds, telling, effect, parents)
        for form in LogisticPosterior.forms(kinds, effect, parents):
            yield LogisticPosterior(kinds, telling, effect, parents, *form)
        regression = {(1, "normal", 1): RegressionPosterior, (2, "count", 1): CountPosterior}.get(kind.form)
        if regression is not None:
            yield from (regression(kinds, telling, effect, parents, *form) for form in forms_of(kinds, parents))
