"""Programs drawn from the posterior of a result, over graphs and mechanisms."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.evidence.imputation import impute
from pyrocausal.evidence.telling_rows import telling_rows
from pyrocausal.mechanism_posterior.drawn_mechanisms import MechanismPosterior
from pyrocausal.model.program import Program
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.graph_draws import graphs_of
from pyrocausal.posterior.labelled_chains import LabelledChains
from pyrocausal.queries.drawn_programs import SAMPLED, DrawnPrograms, along
from pyrocausal.runtime.checked_settings import check, whole
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.search.moves import closure

__all__ = ["DRAWS", "ProgramChains"]

DRAWS = 100  # of every chain


class ProgramChains(LabelledChains):
    """Programs of chains: fitted ones, and ones whose graph and mechanisms are drawn."""

    def program(
        self, *, chain: int | None = None, draw: int | None = None, draws: int = DRAWS, seed: int = 0
    ) -> Program:
        """A fitted program under one graph: a Pyro model to be called inside any other.

        Parameters
        ----------
        chain, draw
            A draw of a chain, among `draws` of them; mechanisms are then drawn as well. Without `draw`: the settled
            graph of a chain, or of the best one, with those that are expected where closed forms suffice, and else
            the fitted ones of `result.model`.
        draws, seed
            See `programs`.

        Returns
        -------
        Program

        Raises
        ------
        ValueError
            If there is no such chain or draw, or the graph has a cycle.

        Examples
        --------
        Going on from the example of `discover`:

        >>> result.program()
        Program(3 variables, 2 edges)
        >>> result.program(chain=0, draw=17)(5).shape
        torch.Size([5, 3])
        """
        check("chain", chain, whole(optional=True))
        check("draw", draw, whole(optional=True))
        if chain is not None and chain >= len(self.chains):
            raise ValueError(f"chain: there are {len(self.chains)}, counted from 0, got {chain}")
        which = self.best if chain is None else self.chains[chain]
        if draw is None:
            posterior = self._posterior(self.chains.index(which), which)
            return Program(which.model, which.dag) if posterior.networks else posterior.program(which.dag, None)
        found = self.programs(draws, seed=seed)
        if draw >= len(found.number):
            raise ValueError(f"draw: there are {len(found.number)}, counted from 0, got {draw}")
        return found.programs[self.chains.index(which)][draw]

    def programs(self, draws: int = DRAWS, *, seed: int = 0) -> DrawnPrograms:
        """Programs drawn from the posterior of graph and mechanisms.

        Parameters
        ----------
        draws
            Of every chain; of graphs that were drawn as many, evenly spread.
        seed
            Of mechanisms, and of graphs where none were drawn. Torch's random state is left as it was.

        Returns
        -------
        DrawnPrograms

        Raises
        ------
        ValueError
            If a number is out of range.
        """
        check("draws", draws, whole(1))
        check("seed", seed, whole())
        key = int(draws), int(seed)
        if key not in self._programs:
            self._programs[key] = self._draw_programs(*key)
        return self._programs[key]

    def ancestors(self, draws: int = DRAWS, *, seed: int = 0) -> xr.DataArray:
        """Whether a variable acts on another, directly or not, in every graph drawn.

        Parameters
        ----------
        draws, seed
            See `programs`.

        Returns
        -------
        xarray.DataArray
            0 or 1, dims ("chain", "draw", "effect", "cause"); its mean is the probability.
        """
        check("draws", draws, whole(1))
        check("seed", seed, whole())
        each = [graphs_of(chain, draws, seed + c) for c, chain in enumerate(self.chains)]
        graphs = torch.stack(each)[..., self.data.places, :][..., self.data.places]
        below = closure(graphs.flatten(0, 1)).view(graphs.shape)
        names = self.data.nodes
        return xr.DataArray(
            below.numpy().astype(np.int8),
            dims=(*SAMPLED, "effect", "cause"),
            coords=along(np.arange(draws), len(graphs), effect=names, cause=names),
            name="ancestor",
        )

    @cached_property
    def _programs(self) -> dict[tuple[int, int], DrawnPrograms]:
        return {}

    @cached_property
    def _posteriors(self) -> dict[int, MechanismPosterior]:
        return {}

    def _draw_programs(self, draws: int, seed: int) -> DrawnPrograms:
        found, number = [], np.arange(draws)
        for c, chain in enumerate(self.chains):
            graphs = graphs_of(chain, draws, seed + c)
            rng = np.random.default_rng(np.random.SeedSequence([seed, c]))
            posterior = self._posterior(c, chain)
            with reproducible_torch(), torch.random.fork_rng(devices=[]):
                found.append(tuple(posterior.program(graph, rng) for graph in graphs))
        return DrawnPrograms(number, tuple(found))

    def _posterior(self, c: int, chain: Chain) -> MechanismPosterior:
        if c not in self._posteriors:
            data: InterventionalData = impute(self.data, seed=chain.seed)
            telling = telling_rows(data.kinds, data.parts, chain.target_probability[:, :-1], chain.drift)
            self._posteriors[c] = MechanismPosterior(
                chain.model, telling, networks=chain.predictive or not len(chain.rounds)
            )
        return self._posteriors[c]
