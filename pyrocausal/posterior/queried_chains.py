"""What a result is asked: outcomes, effects, counterfactuals and explanations, of programs drawn from its posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from pyrocausal.data.missing import present
from pyrocausal.posterior.program_chains import DRAWS, ProgramChains
from pyrocausal.posterior.row_tables import Tables
from pyrocausal.queries import outcomes
from pyrocausal.queries.asked import check_do, check_variable, codes_of, with_values
from pyrocausal.queries.counterfactuals import counterfactual_rows
from pyrocausal.queries.drawn_programs import SAMPLED, along
from pyrocausal.queries.effect_table import effect_table
from pyrocausal.queries.explanations import Event, necessary_and_sufficient
from pyrocausal.queries.mediation import ways_of_effect
from pyrocausal.runtime.checked_settings import check, number, whole

__all__ = ["QueriedChains"]


class QueriedChains(ProgramChains):
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
                f"versus: it has to set what do sets, {', '.join(do)}; got {', '.join(versus) or 'nothing'}"
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
        data, codes = self.data, self._rows(rows)
        do = with_values("do", self._do("do", do), data, len(codes), seed)
        found = counterfactual_rows(self.programs(draws, seed=seed), codes, do, seed)
        number = self.programs(draws, seed=seed).number
        return xr.Dataset(
            Tables(data).columns(found, (*SAMPLED, "row")),
            coords=along(number, len(self.chains), row=range(len(rows))),
        )

    def explain(
        self,
        rows: pd.DataFrame,
        variable: str,
        *,
        versus: Mapping[str, Any],
        above: float | None = None,
        draws: int = DRAWS,
        drawn: int = 1024,
        seed: int = 0,
    ) -> xr.Dataset:
        """Which causes were necessary for what a variable is in some rows, and which sufficient.

        See `pyrocausal.queries.explanations`; like counterfactuals it rests on an assumption.

        Parameters
        ----------
        rows
            n rows, all variables as columns, nothing missing.
        variable
            What is explained: that it is in the state that it has, or on the same side of `above`.
        versus
            Causes, and the value that each is held against, such as `{"PKA": "low"}`.
        above
            A threshold, in the variable's units, of a number or a count.
        drawn
            Rows that are drawn to ask what is sufficient, the same for every draw.
        draws, seed
            See `outcome`.

        Returns
        -------
        xarray.Dataset
            `necessary` and `sufficient`, dims ("chain", "draw", "row", "cause"), whose means are probabilities; NaN in
            rows that have the other value already.

        Raises
        ------
        TypeError, ValueError
            As `counterfactual`; if `versus` has no cause or a value that is not one for all rows; if `above` is missing
            of a number, or given for a variable that has states.
        """
        codes = self._rows(rows)
        place = self.data.names.index(check_variable("variable", variable, self.data))
        against = codes_of(self._do("versus", versus), self.data)
        if not against:
            raise ValueError("versus: name causes and one value for each, such as {'PKA': 'low'}")
        self._check_apart(variable, versus, None)
        kind = self.data.kinds[place]
        check("above", above, number(optional=True))
        check("drawn", drawn, whole(1))
        if kind.discrete != (above is None):
            wanted = "has states, of which none is above" if kind.discrete else "is a number; say above which it is"
            raise ValueError(f"above: {variable!r} {wanted}")
        code = None if above is None else float(kind.in_codes(torch.tensor(float(above), dtype=torch.double)))
        other = {self.data.names[i]: value for i, value in against.items()}
        programs = self.programs(draws, seed=seed)
        found = necessary_and_sufficient(programs, self.data, codes, Event(place, code), other, int(drawn), int(seed))
        dims = (*SAMPLED, "row", "cause")
        return xr.Dataset(
            {name: (dims, found[:, :, k]) for k, name in enumerate(("necessary", "sufficient"))},
            coords=along(programs.number, len(self.chains), row=range(len(rows)), cause=list(other)),
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

    def _rows(self, rows: pd.DataFrame) -> torch.Tensor:
        """Encoded rows, none of them with gaps."""
        if not isinstance(rows, pd.DataFrame):
            raise TypeError(f"rows: expected a DataFrame, got {type(rows).__name__}")
        if not len(rows):
            raise ValueError("rows: there are none; give the rows that are asked about")
        codes = self.data.encode(rows).cpu()
        gaps = ~present(codes)
        if bool(gaps.any()):
            row, column = (int(each[0]) for each in gaps.nonzero(as_tuple=True))
            raise ValueError(f"rows: row {row} has no {self.data.names[column]!r}; ask about complete rows")
        return codes

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
