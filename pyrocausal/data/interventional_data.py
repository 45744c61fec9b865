"""Rows and regimes: what a causal graph is learned from.

Data are one observational table and several *regimes*: tables recorded after an intervention whose targets may be
unknown. Rows are kept encoded as float32: the code of a category, or ``(value - shift) / scale`` of a number, so that
models never meet a label or a unit; :meth:`InterventionalData.encode` and :meth:`InterventionalData.decode` translate.

Rows may have weights, kept beside them: a row of weight w counts as w rows (see `pyrocausal.data.weights`).

``d`` counts variables, ``n`` observational rows, ``R`` regimes and ``n_r`` the rows of regime r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import networkx as nx
import pandas as pd
import torch

from pyrocausal.data import tables
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.column_roles import check_covariates
from pyrocausal.data.encoding import encode_rows
from pyrocausal.data.from_files import FromFiles
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.regime import Regime, check_regimes
from pyrocausal.data.slips import Slip
from pyrocausal.data.table_findings import TableCheck
from pyrocausal.data.weights import Part, check_total, check_weights, join, of_total

__all__ = ["InterventionalData"]


@dataclass(frozen=True, eq=False, repr=False)
class InterventionalData(FromFiles):
    """Observational rows and named regimes over the same variables, encoded and checked.

    Usually built by :meth:`from_frame`, :meth:`from_frames`, :meth:`from_arrays`, :meth:`from_csv`,
    :meth:`from_parquet`, :meth:`from_anndata` or :meth:`from_npz`.
    Attach a known graph with ``dataclasses.replace(data, truth=graph)``.

    Parameters
    ----------
    names : tuple of str
        The d variables.
    kinds : tuple of Kind
        One per variable, with states, shift and scale settled.
    observational : Tensor [n, d], float32
        Encoded rows recorded without intervention.
    regimes : tuple of Regime
        At least one.
    truth : networkx.DiGraph, optional
        The true graph, cause -> effect, with the variables as its nodes.
    observational_weights : Tensor [n], optional
        How many rows each observational row counts as, positive; None, kept as such, if all count once.
    guessed : mapping of str to str
        Why the kind of a variable was guessed as it was, such as "whole numbers", of those that nobody told.
    covariates : tuple of str
        Those of the variables that are conditioned on: each may act on any other variable, nothing acts on it, and it
        is no node of the graph.
    slips : tuple of Slip
        Numbers and counts that were taken for slips or codes when the tables were read, which stand at their table's
        median in the rows; `check` names them.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If names, shapes, codes or targets disagree, a name is reserved, a table has fewer than two rows, or its weights
        are not positive or add up to less than two. The message names the variable and the table.

    Examples
    --------
    >>> rows = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> unit = Continuous(shift=0.0, scale=1.0)
    >>> InterventionalData(("A", "B"), (unit, unit), rows, (Regime("drug", rows),))
    InterventionalData(0 categorical, 2 continuous; 3 observational rows; 3 rows in regimes, targets unknown in 1 of 1)
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    observational: torch.Tensor
    regimes: tuple[Regime, ...]
    truth: nx.DiGraph | None = None
    observational_weights: torch.Tensor | None = None
    guessed: Mapping[str, str] = field(default_factory=dict)
    covariates: Sequence[str] = ()
    slips: tuple[Slip, ...] = ()

    def __post_init__(self) -> None:
        names = tables.check_names(self.names, "names")
        kinds = tables.check_kinds(self.kinds, names)
        for own, value in (("names", names), ("kinds", kinds), ("regimes", tuple(self.regimes))):
            object.__setattr__(self, own, value)
        where = "the observational rows"
        tables.check_rows(self.observational, names, kinds, where)
        weights = check_weights(self.observational_weights, self.n, where)
        object.__setattr__(self, "observational_weights", weights)
        check_total(weights, where)
        object.__setattr__(self, "covariates", check_covariates(self.covariates, names, kinds))
        check_regimes(self.regimes, names, kinds, self.covariates)
        if self.truth is not None:
            tables.check_truth(self.truth, names)

    @property
    def d(self) -> int:
        """Number of variables."""
        return len(self.names)

    @property
    def n(self) -> int:
        """Number of observational rows."""
        return len(self.observational)

    @cached_property
    def regime_names(self) -> tuple[str, ...]:
        """The R regimes in order."""
        return tuple(regime.name for regime in self.regimes)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Rows without intervention, then those of every regime, with their weights."""
        plain = Part(self.observational, self.observational_weights)
        return (plain, *(Part(regime.rows, regime.weights) for regime in self.regimes))

    @property
    def weighted(self) -> bool:
        """Whether some rows count as more or less than one."""
        return self.observational_weights is not None or any(regime.weights is not None for regime in self.regimes)

    @cached_property
    def exposures(self) -> tuple[str, ...]:
        """Variables that counts are in proportion to: neither cause nor effect of anything, and never a target."""
        return tuple(name for name, kind in zip(self.names, self.kinds, strict=True) if isinstance(kind, Exposure))

    @cached_property
    def aside(self) -> tuple[str, ...]:
        """Variables that are no nodes of the graph: covariates and exposures. No regime acts on them."""
        return tuple(name for name in self.names if name in self.covariates or name in self.exposures)

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Variables that are nodes of the graph, in order."""
        return tuple(name for name in self.names if name not in self.aside)

    @property
    def places(self) -> list[int]:
        """Places of the nodes among the variables."""
        return [self.names.index(name) for name in self.nodes]

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of states of each of the d variables, 0 for a continuous one."""
        return tuple(kind.cardinality for kind in self.kinds)

    def check(self) -> TableCheck:
        """Look at the table before anything is fitted: codes for missing values, copies, rows that are not independent.

        `print` what comes back: a table of the kinds of variables, guessed or told, and findings in plain words, each
        with what to do. What is "dangerous" can turn the answer, and `discover` warns of it; what is "doubtful" may not
        be what was meant; the rest is noted.

        Returns
        -------
        TableCheck
            With `table`, `findings` and `dangerous`.

        Examples
        --------
        >>> squares = [0.5 + k * k for k in range(90)]
        >>> control = pd.DataFrame({"A": [x % 97 for x in squares], "B": [x % 89 for x in squares]})
        >>> drug = control[:40] + 1.0
        >>> control.loc[[3, 14, 15, 65], "B"] = -999.0
        >>> data = InterventionalData.from_frames(control, {"drug": drug})
        >>> [(finding.name, finding.variables) for finding in data.check().dangerous]
        [('missing-code', ('B',))]
        """
        return self._checked

    @cached_property
    def _checked(self) -> TableCheck:  # a fit, its report and the shell all ask
        from pyrocausal.tables.check import check_table

        return check_table(self)

    def encode(self, frame: pd.DataFrame) -> torch.Tensor:
        """Encode rows in the user's labels and units.

        Parameters
        ----------
        frame : DataFrame
            n rows, the d variables as columns in any order.

        Returns
        -------
        Tensor [n, d], float32
            On the device of the data.

        Raises
        ------
        TypeError, ValueError
            If `frame` is no DataFrame of these variables, a value is not a state or not a number, or one is missing
            of a variable that had none missing before.
        """
        return encode_rows(frame, self.names, self.kinds, "frame").to(self.observational.device)

    def decode(self, rows: torch.Tensor) -> pd.DataFrame:
        """Give encoded rows [n, d], float32, back in the user's labels and units, the inverse of :meth:`encode`.

        Returns
        -------
        DataFrame
            n rows, the variables as columns.

        Raises
        ------
        TypeError, ValueError
            If `rows` are no encoded rows of these variables.
        """
        tables.check_rows(rows, self.names, self.kinds, "rows", fewest=0)
        columns = rows.detach().cpu().double().numpy().T  # [d, n]
        return pd.DataFrame({name: self.kinds[i].decode(columns[i]) for i, name in enumerate(self.names)})

    def to(self, device: str | torch.device) -> InterventionalData:
        """Copy with all rows, and their weights, on `device`."""

        def moved(weights: torch.Tensor | None) -> torch.Tensor | None:
            return None if weights is None else weights.to(device)

        regimes = tuple(replace(r, rows=r.rows.to(device), weights=moved(r.weights)) for r in self.regimes)
        return replace(
            self,
            observational=self.observational.to(device),
            regimes=regimes,
            observational_weights=moved(self.observational_weights),
        )

    def __repr__(self) -> str:
        kinds = {"categorical": Categorical, "continuous": Continuous, "counts": Count, "exposures": Exposure}
        many = {what: sum(isinstance(kind, sort) for kind in self.kinds) for what, sort in kinds.items()}
        held = [f"{count} {what}" for what, count in many.items() if count or what in ("categorical", "continuous")]
        if self.covariates:
            held.append(f"{len(self.covariates)} of them covariates")
        unknown = sum(regime.targets is None for regime in self.regimes)
        partly = sum(isinstance(regime.targets, AtLeast) for regime in self.regimes)
        told = f", known in part in {partly}" if partly else ""
        rows = sum(len(regime.rows) for regime in self.regimes)
        in_regimes = join([regime.rows for regime in self.regimes], [regime.weights for regime in self.regimes])
        return (
            f"InterventionalData({', '.join(held)}; {self.n} observational rows{of_total(self.observational_weights)}; "
            f"{rows} rows{of_total(in_regimes)} in regimes, targets unknown in {unknown} of {len(self.regimes)}{told})"
        )
