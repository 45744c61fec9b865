"""What a result is asked of rows that were observed: counterfactuals and explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
import xarray as xr

from pyrocausal.data.missing import present
from pyrocausal.posterior.program_chains import DRAWS, ProgramChains
from pyrocausal.posterior.row_tables import Tables
from pyrocausal.queries.asked import check_apart, check_do, check_variable, codes_of, with_values
from pyrocausal.queries.counterfactuals import counterfactual_rows
from pyrocausal.queries.drawn_programs import SAMPLED, along
from pyrocausal.queries.explanations import Event, necessary_and_sufficient
from pyrocausal.queries.uncertain_edges import drawn_with
from pyrocausal.runtime.checked_settings import check, number, whole

__all__ = ["QueriedRows"]


class QueriedRows(ProgramChains):
    """Questions to the posterior about single rows; answers as those of `CausalPosterior.effect`."""

    def counterfactual(
        self, rows: pd.DataFrame, *, do: Mapping[str, Any], draws: int = DRAWS, seed: int = 0
    ) -> xr.Dataset:
        """What would have been in rows that were observed, had something been done.

        It depends on how noise and mechanism are joined, an assumption that no data can test; see
        `pyrocausal.model.couplings`.

        Parameters
        ----------
        rows
            n rows, all variables as columns, nothing missing; other columns are not looked at.
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
        do = with_values("do", check_do("do", do, data), data, len(codes), seed)
        programs = self.programs(draws, seed=seed)
        columns = Tables(data).columns(counterfactual_rows(programs, codes, do, seed), (*SAMPLED, "row"))
        return xr.Dataset(
            {
                safe: (dims, values, attributes | drawn_with(draws, seed, [name], do))
                for name, (safe, (dims, values, attributes)) in zip(data.names, columns.items(), strict=True)
            },
            coords=along(programs.number, len(self.chains), row=range(len(rows))),
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
            n rows, all variables as columns, nothing missing; other columns are not looked at.
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
        against = codes_of(check_do("versus", versus, self.data), self.data)
        if not against:
            raise ValueError("versus: name causes and one value for each, such as {'PKA': 'low'}")
        check_apart(variable, versus, None)
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
        dims, told = (*SAMPLED, "row", "cause"), drawn_with(draws, seed, [variable])
        return xr.Dataset(
            {name: (dims, found[:, :, k], told) for k, name in enumerate(("necessary", "sufficient"))},
            coords=along(programs.number, len(self.chains), row=range(len(rows)), cause=list(other)),
        )

    def _rows(self, rows: pd.DataFrame) -> torch.Tensor:
        """Encoded rows, none of them with gaps."""
        if not isinstance(rows, pd.DataFrame):
            raise TypeError(f"rows: expected a DataFrame, got {type(rows).__name__}")
        if not len(rows):
            raise ValueError("rows: there are none; give the rows that are asked about")
        names = list(self.data.names)
        if lacking := [name for name in names if name not in rows.columns]:
            raise ValueError(f"rows: there is no column {lacking[0]!r}; every variable is needed: {', '.join(names)}")
        codes = self.data.encode(rows[names]).cpu()
        gaps = ~present(codes)
        if bool(gaps.any()):
            row, column = (int(each[0]) for each in gaps.nonzero(as_tuple=True))
            raise ValueError(f"rows: row {row} has no {self.data.names[column]!r}; ask about complete rows")
        return codes
