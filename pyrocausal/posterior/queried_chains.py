"""What a result is asked: programs drawn from its posterior, and outcomes, effects and counterfactuals of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.weights import Part
from pyrocausal.evidence.imputation import impute
from pyrocausal.mechanism_posterior.drawn_mechanisms import MechanismPosterior
from pyrocausal.mechanism_posterior.telling_rows import telling_rows
from pyrocausal.model.program import Program
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.graph_draws import graphs_of
from pyrocausal.posterior.labelled_chains import LabelledChains
from pyrocausal.posterior.row_tables import Tables
from pyrocausal.queries import outcomes
from pyrocausal.queries.asked import check_do, check_variable
from pyrocausal.queries.counterfactuals import counterfactual_rows
from pyrocausal.queries.drawn_programs import SAMPLED, DrawnPrograms, along
from pyrocausal.queries.effect_table import effect_table
from pyrocausal.queries.mediation import ways_of_effect
from pyrocausal.runtime.checked_settings import check, whole
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.search.moves import closure

__all__ = ["QueriedChains"]

DRAWS = 100  # of every chain


class QueriedChains(LabelledChains):
    """Questions to the posterior.

    Answers are `xarray.DataArray` with dims "chain" and "draw", as ArviZ has them: every draw is a graph and mechanisms
    of it, so that their spread is what the data leave open of both. Graphs are those that the chains have drawn, or
    without draws (`sampling=None`) of the local posterior, in which pairs of variables are independent. Noise is the
    same for all draws and interventions.

    What counts are in proportion to has its typical value in answers about populations, so that a count is that of a
    typical cell, and the value of the row in counterfactuals.

    `do` sets variables, in their labels and units, to one value (`{"PKA": "high"}`), to one a row, by a function, or
    from a distribution, see `pyrocausal.intervene`; `given` is what is then observed.
    """

    def program(
        self, *, chain: int | None = None, draw: int | None = None, draws: int = DRAWS, seed: int = 0
    ) -> Program:
        """A fitted program under one graph: a Pyro model to be called inside any other.

        Parameters
        ----------
        chain, draw
            A draw of a chain, among `draws` of them; mechanisms are then drawn as well. Without `draw`: the settled
            graph with the fitted mechanisms, of a chain, or of the best one.
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
        >>> import pyrocausal as pc
        >>> truth = pc.networks.load("chain3")
        >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
        >>> result = pc.discover(data, chains=1, seed=0, progress=False)
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
            return Program(which.model, which.dag)
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

    def outcome(
        self,
        variable: str,
        *,
        do: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
        draws: int = DRAWS,
        rows: int = 1024,
        seed: int = 0,
    ) -> xr.DataArray:
        """What a variable would be under an intervention: probabilities of its states, or its mean.

        Parameters
        ----------
        variable
            The variable.
        do
            What is set; default: nothing.
        given
            What is observed under that; default: nothing.
        draws
            Of every chain.
        rows
            That are drawn where sums are not exact.
        seed
            Of draws and noise.

        Returns
        -------
        xarray.DataArray
            Dims ("chain", "draw"), and "state" of a variable that has states; in the variable's units. Attributes say
            what was asked; where rows were weighed by what is given, "effective_rows" the fewest that were left.

        Raises
        ------
        TypeError, ValueError
            If a variable is none, a value is none of it or was never seen, or a variable is asked about that is set.

        Examples
        --------
        >>> import pyrocausal as pc
        >>> truth = pc.networks.load("chain3")
        >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
        >>> result = pc.discover(data, chains=1, seed=0, progress=False)
        >>> result.outcome("X2", do={"X1": 1}).dims
        ('chain', 'draw', 'state')
        """
        asked, do = self._asked(variable, given, rows, seed), self._do("do", do)
        self._check_apart(variable, do, given)
        return outcomes.outcome(self.programs(draws, seed=seed), asked, do)

    def effect(
        self,
        variable: str,
        *,
        do: Mapping[str, Any],
        versus: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
        draws: int = DRAWS,
        rows: int = 1024,
        seed: int = 0,
    ) -> xr.DataArray:
        """The difference that one intervention makes to a variable, against another.

        Parameters
        ----------
        versus
            The other one; default: nothing is done.
        variable, do, given, draws, rows, seed
            See `outcome`.

        Returns
        -------
        xarray.DataArray
            As `outcome`.

        Raises
        ------
        TypeError, ValueError
            As `outcome`.

        Examples
        --------
        >>> import pyrocausal as pc
        >>> truth = pc.networks.load("chain3")
        >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
        >>> result = pc.discover(data, chains=1, seed=0, progress=False)
        >>> float(abs(result.effect("X0", do={"X2": 1}, versus={"X2": 0})).max())
        0.0
        """
        asked = self._asked(variable, given, rows, seed)
        do, versus = self._do("do", do), self._do("versus", versus)
        self._check_apart(variable, {**do, **versus}, given)
        return outcomes.contrast(self.programs(draws, seed=seed), asked, do, versus)

    def ways_of_effect(
        self,
        variable: str,
        *,
        do: Mapping[str, Any],
        versus: Mapping[str, Any],
        draws: int = DRAWS,
        rows: int = 1024,
        seed: int = 0,
    ) -> xr.DataArray:
        """Total, natural direct and natural indirect effect on a variable (`pyrocausal.queries.mediation`).

        Parameters
        ----------
        variable, do, versus, draws, rows, seed
            See `effect`; `versus` sets the same variables as `do`.

        Returns
        -------
        xarray.DataArray
            As `effect`, with a dim "way" first.

        Raises
        ------
        TypeError, ValueError
            As `effect`, and if `versus` sets other variables.
        """
        asked = self._asked(variable, None, rows, seed)
        do, versus = self._do("do", do), self._do("versus", versus)
        self._check_apart(variable, do, None)
        if set(do) != set(versus):
            raise ValueError(
                f"versus: it has to set what do sets, {', '.join(do)}, got {', '.join(versus) or 'nothing'}"
            )
        return ways_of_effect(self.programs(draws, seed=seed), asked, do, versus)

    def counterfactual(
        self, rows: pd.DataFrame, *, do: Mapping[str, Any], draws: int = DRAWS, seed: int = 0
    ) -> xr.Dataset:
        """What would have been in rows that were observed, had something been done.

        It depends on how noise and mechanism are joined, an assumption that no data can test; see
        `pyrocausal.model.couplings`.

        Parameters
        ----------
        rows
            n rows, all variables as columns, nothing missing.
        do
            What is set.
        draws, seed
            See `outcome`.

        Returns
        -------
        xarray.Dataset
            A variable for each, dims ("chain", "draw", "row"): numbers in their units, codes of states, whose labels
            are the attribute "states".

        Raises
        ------
        TypeError, ValueError
            As `outcome`, and if a value is missing or none of its variable.
        """
        if not isinstance(rows, pd.DataFrame):
            raise TypeError(f"rows: expected a DataFrame, got {type(rows).__name__}")
        data, do = self.data, self._do("do", do)
        codes = data.encode(rows).cpu()
        found = counterfactual_rows(self.programs(draws, seed=seed), codes, do, seed)
        number = self.programs(draws, seed=seed).number
        return xr.Dataset(
            Tables(data).columns(found, (*SAMPLED, "row")),
            coords=along(number, len(self.chains), row=range(len(rows))),
        )

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
        graphs = torch.stack([graphs for _, graphs in each])[..., self.data.places, :][..., self.data.places]
        below = closure(graphs.flatten(0, 1)).view(graphs.shape)
        names = self.data.nodes
        return xr.DataArray(
            below.numpy().astype(np.int8),
            dims=(*SAMPLED, "effect", "cause"),
            coords=along(each[0][0], len(graphs), effect=names, cause=names),
            name="ancestor",
        )

    def effects(
        self, causes: Sequence[str] | None = None, *, draws: int = 50, rows: int = 512, seed: int = 0
    ) -> pd.DataFrame:
        """Effects of variables on all that is below them, with intervals, the largest first.

        Parameters
        ----------
        causes
            Whose effects; default: all variables that a regime is believed to act on, or all where there is none.
        draws, rows, seed
            See `effect`.

        Returns
        -------
        pandas.DataFrame
            See `pyrocausal.queries.effect_table`.

        Raises
        ------
        ValueError
            If a variable is none.
        """
        if causes is None:
            hit = (self.target_probabilities.values > 0.5).any(0)
            nodes = np.array(self.data.nodes)
            causes = nodes[hit].tolist() if hit.any() else nodes.tolist()
        causes = [check_variable("causes", name, self.data) for name in causes]
        check("rows", rows, whole(1))
        return effect_table(self.programs(draws, seed=seed), self.data, causes, rows, seed)

    @cached_property
    def _programs(self) -> dict[tuple[int, int], DrawnPrograms]:
        return {}

    @cached_property
    def _posteriors(self) -> dict[int, MechanismPosterior]:
        return {}

    def _draw_programs(self, draws: int, seed: int) -> DrawnPrograms:
        found, number = [], np.arange(draws)
        for c, chain in enumerate(self.chains):
            number, graphs = graphs_of(chain, draws, seed + c)
            rng = np.random.default_rng(np.random.SeedSequence([seed, c]))
            posterior = self._posterior(c, chain)
            with reproducible_torch(), torch.random.fork_rng(devices=[]):
                found.append(tuple(posterior.program(graph, rng) for graph in graphs))
        return DrawnPrograms(number, tuple(found))

    def _posterior(self, c: int, chain: Chain) -> MechanismPosterior:
        if c not in self._posteriors:
            data: InterventionalData = impute(self.data, seed=chain.seed)
            parts = [Part(part.rows, part.weights) for part in data.parts]
            telling = telling_rows(data.kinds, parts, chain.target_probability[:, :-1], chain.drift)
            self._posteriors[c] = MechanismPosterior(chain.model, telling)
        return self._posteriors[c]

    def _asked(self, variable: str, given: Mapping[str, Any] | None, rows: int, seed: int) -> outcomes.Asked:
        check("rows", rows, whole(1))
        check("seed", seed, whole())
        name = check_variable("variable", variable, self.data)
        return outcomes.Asked(self.data, name, self._do("given", given), int(rows), int(seed))

    def _do(self, argument: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
        return {} if values is None else check_do(argument, values, self.data)

    @staticmethod
    def _check_apart(variable: str, do: Mapping[str, Any], given: Mapping[str, Any] | None) -> None:
        if variable in do:
            raise ValueError(f"variable: {variable!r} is what is set; ask about another one")
        for name in given or ():
            if name == variable or name in do:
                what = "asked about" if name == variable else "set"
                raise ValueError(f"given: {name!r} is {what}, and cannot be observed as well")
