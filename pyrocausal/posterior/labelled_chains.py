"""What independent restarts believe, under the names of variables and regimes."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.named_beliefs import averaged

__all__ = ["LabelledChains"]


class LabelledChains:
    """Beliefs of chains as labelled arrays, averaged over chains or of the best one.

    Attributes
    ----------
    data
        What was fitted.
    chains
        The restarts, at least one.
    """

    data: InterventionalData
    chains: tuple[Chain, ...]

    @property
    def edge_probabilities(self) -> xr.DataArray:
        """Probability of every edge, averaged over chains; dims ("effect", "cause"), coordinates the variables' names.

        Of a chain that drew graphs: the share of them with the edge. Of one that only settled: each pair of variables
        has no edge, one or the other direction in proportion to the joint evidence while the rest of the settled graph
        stands still. Else: the beliefs of the three phases.
        """
        beliefs, names = [self._among(chain.edge_probability) for chain in self.chains], self.data.nodes
        return averaged(beliefs, "edge_probability", effect=names, cause=names)

    def _among(self, pairs: torch.Tensor) -> torch.Tensor:
        """Pairs of nodes from those of all variables: [d, d] -> [nodes, nodes]."""
        return pairs[self.data.places][:, self.data.places]

    @property
    def target_probabilities(self) -> xr.DataArray:
        """Belief in every target, averaged over chains; dims ("regime", "variable").

        Where a regime has one target at the most, what a row lacks to one is the probability that it has none (that can
        be seen), see `no_target_probability`. A target that is certain beforehand has 1; beside one the others add up
        to the probability of a further target.
        """
        beliefs = [chain.target_probability[:, self.data.places] for chain in self.chains]
        return averaged(beliefs, "target_probability", regime=self.data.regime_names, variable=self.data.nodes)

    @property
    def drift(self) -> xr.DataArray:
        """How far each mechanism was from the common one, averaged over chains; dims ("regime", "variable").

        Numbers: root mean square distance of the conditional mean, in observational standard deviations; counts: the
        same of its logarithm; categories: distance in total variation. NaN where every chain calls the variable a
        target, for then its mechanism is another one, and of a fit without closed forms. It is told by closed forms: of
        a chain that networks have decided (`Chain.predictive`), a mechanism that these misfit looks as if it drifted.
        """
        shape = len(self.data.regimes), len(self.data.names)
        nothing = torch.full(shape, torch.nan)
        found = [nothing if c.drift is None else c.drift for c in self.chains]
        hit = [chain.target_probability[:, :-1].cpu() > 0.5 for chain in self.chains]
        apart = [torch.where(here, torch.nan, each.cpu()) for each, here in zip(found, hit, strict=True)]
        mean = torch.stack(apart).nanmean(0)[:, self.data.places]
        return averaged([mean], "drift", regime=self.data.regime_names, variable=self.data.nodes)

    @property
    def edge_strengths(self) -> xr.DataArray:
        """Nats per row that the `best` chain's graph loses without each of its edges; dims ("effect", "cause").

        0 where there is no edge, NaN without settling. Probabilities grow with rows, strengths do not: an edge may be
        certain and weak.
        """
        names, found = self.data.names, self.best.edge_strength
        found = torch.full((len(names), len(names)), torch.nan) if found is None else found
        nodes = self.data.nodes
        return averaged([self._among(found)], "edge_strength", effect=nodes, cause=nodes)

    @property
    def target_strengths(self) -> xr.DataArray:
        """Nats per row by which a mechanism of its own fits better than the common one; dims ("regime", "variable").

        Of the rows of each regime, given the `best` chain's graph; below 0 where it fits worse, NaN without settling.
        """
        names, regimes, found = self.data.names, self.data.regime_names, self.best.target_strength
        found = torch.full((len(regimes), len(names)), torch.nan) if found is None else found
        return averaged([found[:, self.data.places]], "target_strength", regime=regimes, variable=self.data.nodes)

    @property
    def several_targets(self) -> bool:
        """Whether a regime may have several targets in the `best` chain, as told or as evidence has it.

        By how much evidence has it is `best.several_gain`, nats for several against one at the most, 3
        against it beforehand among them; NaN where told.
        """
        return self.best.several

    @property
    def no_target_probability(self) -> xr.DataArray:
        """Probability that a regime has no target (that can be seen), averaged over chains; dims ("regime",).

        0 where a target is certain beforehand.
        """
        beliefs = [chain.target_probability[:, -1] for chain in self.chains]
        return averaged(beliefs, "no_target_probability", regime=self.data.regime_names)

    @property
    def best(self) -> Chain:
        """The chain whose settled graph has the most evidence; without settling, the one closest to the average.

        Where networks were asked by some chains, it is one of these (see `Chain.predictive`).
        """
        asked = any(chain.predictive for chain in self.chains)
        evidence = [chain.evidence if chain.predictive == asked else np.nan for chain in self.chains]
        if not np.isnan(evidence).all():  # of a chain that was cut short before it settled there is none
            return self.chains[int(np.nanargmax(evidence))]
        mean = self.edge_probabilities.values
        distance = [float(np.abs(self._among(c.edge_probability).cpu().numpy() - mean).sum()) for c in self.chains]
        return self.chains[int(np.argmin(distance))]
