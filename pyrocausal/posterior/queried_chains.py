"""What a result is asked of a population: outcomes and effects, of programs drawn from its posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pyrocausal.posterior.program_chains import DRAWS
from pyrocausal.posterior.queried_rows import QueriedRows
from pyrocausal.queries import outcomes
from pyrocausal.queries.asked import check_apart, check_do, check_variable
from pyrocausal.queries.effect_table import effect_table
from pyrocausal.queries.mediation import ways_of_effect
from pyrocausal.queries.uncertain_edges import by_uncertain_edges, drawn_with
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["QueriedChains"]


class QueriedChains(QueriedRows):
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
        Going on from the example of `discover`:

        >>> result.outcome("X2", do={"X1": 1}).dims
        ('chain', 'draw', 'state')
        """
        asked, do = self._asked(variable, given, rows, seed), check_do("do", do, self.data)
        check_apart(variable, do, given)
        answer = outcomes.outcome(self.programs(draws, seed=seed), asked, do)
        return answer.assign_attrs(drawn_with(draws, seed, [variable, *asked.given], do))

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
            As `outcome`; also where neither `do` nor `versus` sets anything.

        Examples
        --------
        Going on from the example of `discover`:

        >>> float(abs(result.effect("X0", do={"X2": 1}, versus={"X2": 0})).max())
        0.0
        """
        asked = self._asked(variable, given, rows, seed)
        do, versus = check_do("do", do, self.data), check_do("versus", versus, self.data)
        if not do and not versus:
            raise ValueError("do: nothing is set, so there is no effect of anything; name a variable and its value")
        check_apart(variable, {**do, **versus}, given)
        answer = outcomes.contrast(self.programs(draws, seed=seed), asked, do, versus)
        return answer.assign_attrs(drawn_with(draws, seed, [variable, *asked.given], do, versus))

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
        do, versus = check_do("do", do, self.data), check_do("versus", versus, self.data)
        check_apart(variable, do, None)
        if set(do) != set(versus):
            raise ValueError(
                f"versus: it has to set what do sets, {', '.join(do)}; got {', '.join(versus) or 'nothing'}"
            )
        answer = ways_of_effect(self.programs(draws, seed=seed), asked, do, versus)
        return answer.assign_attrs(drawn_with(draws, seed, [variable], do, versus))

    def by_edge(self, answer: xr.DataArray) -> pd.DataFrame:
        """How an answer depends on edges that the data leave open: its mean in graphs that have one, and that lack it.

        Other edges may come and go together with it: a difference is what goes along with the edge, not what it does
        alone.

        Parameters
        ----------
        answer
            What `outcome`, `effect` or one way of `ways_of_effect` gave, a variable of a `counterfactual` in one row,
            or what `explain` says of a cause in one row. Its attributes lead back to the graphs; where arithmetic has
            dropped them, give them again with `assign_attrs`.

        Returns
        -------
        pandas.DataFrame
            A row for every edge that is in between 5 and 95 % of the graphs and, in some of them, on a path to the
            variable that was asked about or to one that was observed: columns cause, effect; share of the graphs that
            have it; state ("" where there is none), the one that differs most; with and without, means of the answer.
            The largest difference comes first.

        Raises
        ------
        TypeError, ValueError
            If the answer is no array, has other dims, or does not say of which draws it is.

        Examples
        --------
        >>> effect = result.effect("Erk", do={"PKA": "high"}, versus={"PKA": "low"})  # doctest: +SKIP
        >>> result.by_edge(effect)  # doctest: +SKIP
        """
        if not isinstance(answer, xr.DataArray):
            raise TypeError(f"answer: expected a DataArray, as effect gives it, got {type(answer).__name__}")
        if lacking := [name for name in drawn_with(1, 0, ()) if name not in answer.attrs]:
            raise ValueError(
                f"answer: it has lost its attribute {lacking[0]!r}, which leads back to the graphs; give it those of "
                "what effect, or another question, gave: answer.assign_attrs(effect.attrs)"
            )
        programs = self.programs(answer.attrs["draws"], seed=answer.attrs["seed"])
        return by_uncertain_edges(programs, self.data.names, answer)

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
        TypeError, ValueError
            If `causes` is a text, or a variable is none.
        """
        if isinstance(causes, str):
            raise TypeError(f"causes: expected several names, got the text {causes!r}; pass [{causes!r}]")
        if causes is None:
            hit = (self.target_probabilities.values > 0.5).any(0)
            nodes = np.array(self.data.nodes)
            causes = nodes[hit].tolist() if hit.any() else nodes.tolist()
        causes = [check_variable("causes", name, self.data) for name in causes]
        check("rows", rows, whole(1))
        return effect_table(self.programs(draws, seed=seed), self.data, causes, rows, seed)

    def _asked(self, variable: str, given: Mapping[str, Any] | None, rows: int, seed: int) -> outcomes.Asked:
        check("rows", rows, whole(1))
        check("seed", seed, whole())
        name = check_variable("variable", variable, self.data)
        return outcomes.Asked(self.data, name, check_do("given", given, self.data), int(rows), int(seed))
