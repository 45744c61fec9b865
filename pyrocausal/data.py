"""Rows and regimes: what a causal graph is learned from.

Data are one observational table and several *regimes*: tables recorded after an intervention whose targets may be
unknown. Rows are kept encoded as float32: the code of a category, or ``(value - shift) / scale`` of a number, so that
models never meet a label or a unit; :meth:`InterventionalData.encode` and :meth:`InterventionalData.decode` translate.

``d`` counts variables, ``n`` observational rows, ``R`` regimes and ``n_r`` the rows of regime r.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx
import pandas as pd
import torch

from pyrocausal import sources, tables
from pyrocausal.columns import listing
from pyrocausal.kinds import Categorical, Continuous, Count, Exposure, Kind
from pyrocausal.sources import Array, FilePath
from pyrocausal.tables import Kinds, Targets

__all__ = ["InterventionalData", "Regime"]


@dataclass(frozen=True, eq=False, repr=False)
class Regime:
    """Rows recorded after one intervention.

    Parameters
    ----------
    name : str
        What the user calls this experiment.
    rows : Tensor [n_r, d], float32
        Encoded rows.
    targets : tuple of str, optional
        The variables intervened on; None if unknown, () if known to be none.

    Raises
    ------
    TypeError
        If `name` is no string or `targets` no variable names.
    ValueError
        If `name` is empty.

    Examples
    --------
    >>> Regime("drug", torch.zeros(100, 3), targets=("A",))
    Regime('drug', 100 rows, targets ('A',))
    """

    name: str
    rows: torch.Tensor
    targets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name: expected a string for a regime, got {self.name!r}")
        if not self.name:
            raise ValueError("name: a regime's name is empty; give it a name")
        targets = (self.targets,) if isinstance(self.targets, str) else self.targets
        targets = tuple(targets) if isinstance(targets, Iterable) else targets
        if targets is not None:
            if not isinstance(targets, tuple) or not all(isinstance(target, str) for target in targets):
                raise TypeError(f"targets: expected variable names or None for regime {self.name!r}, got {targets!r}")
            object.__setattr__(self, "targets", tuple(dict.fromkeys(targets)))

    def __repr__(self) -> str:
        targets = "targets unknown" if self.targets is None else f"targets {self.targets}"
        return f"Regime({self.name!r}, {len(self.rows)} rows, {targets})"


@dataclass(frozen=True, eq=False, repr=False)
class InterventionalData:
    """Observational rows and named regimes over the same variables, encoded and checked.

    Usually built by :meth:`from_frame`, :meth:`from_frames`, :meth:`from_arrays`, :meth:`from_csv` or :meth:`from_npz`.
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

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If names, shapes, codes or targets disagree, a name is reserved, or a table has fewer than two rows. The message
        names the variable and the table.

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

    def __post_init__(self) -> None:
        names = tables.check_names(self.names, "names")
        kinds = tables.check_kinds(self.kinds, names)
        for field, value in (("names", names), ("kinds", kinds), ("regimes", tuple(self.regimes))):
            object.__setattr__(self, field, value)
        tables.check_rows(self.observational, names, kinds, "the observational rows")
        if not self.regimes:
            raise ValueError("regimes: there are none; targets and causes are learned from at least one intervention")
        for regime in self.regimes:
            if not isinstance(regime, Regime):
                raise TypeError(f"regimes: expected Regime objects, got {type(regime).__name__}")
            tables.check_rows(regime.rows, names, kinds, f"regime {regime.name!r}")
            if strange := [target for target in regime.targets or () if target not in names]:
                raise ValueError(
                    f"targets: regime {regime.name!r} has target {strange[0]!r}, which is no variable; the variables "
                    f"are {listing(names)}"
                )
            if hit := [target for target in regime.targets or () if target in self.exposures]:
                raise ValueError(
                    f"targets: {hit[0]!r} is an exposure, which no regime can act on; name the counts that it acted on"
                )
        tables.check_unique(self.regime_names, "regimes")
        if self.truth is not None:
            tables.check_truth(self.truth, names)

    @classmethod
    def from_arrays(
        cls,
        observational: Array,
        regimes: Mapping[str, Array] | Sequence[Array] | Array,
        names: Sequence[str] | None = None,
        kinds: Kinds = None,
        targets: Targets = None,
    ) -> InterventionalData:
        """Build from arrays, whose columns are matched by position.

        Parameters
        ----------
        observational : array or tensor [n, d]
            Integers and booleans are categories, floats continuous, unless `kinds` says otherwise.
        regimes : mapping of name to array [n_r, d], or sequence of arrays, or array [R, n_r, d]
            Without names they are called "regime 0", "regime 1", ...
        names : sequence of str, optional
            The d variables; "X0", "X1", ... by default.
        kinds, targets
            As in :meth:`from_frames`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_frames`, and for tables of other dimensions or widths.

        Examples
        --------
        >>> observed, drug = torch.tensor([[0, 1], [1, 0], [1, 1]]), torch.tensor([[0, 0], [1, 0]])
        >>> InterventionalData.from_arrays(observed, {"drug": drug}, names=["A", "B"]).kinds
        (Categorical(states=(0, 1)), Categorical(states=(0, 1)))
        """
        return cls.from_frames(*sources.frames_of_arrays(observational, regimes, names), kinds, targets)

    @classmethod
    def from_frames(
        cls,
        observational: pd.DataFrame,
        regimes: Mapping[str, pd.DataFrame],
        kinds: Kinds = None,
        targets: Targets = None,
    ) -> InterventionalData:
        """Build from one table for the observational rows and one for each regime, whose columns are matched by name.

        Parameters
        ----------
        observational : DataFrame
            n rows, d columns.
        regimes : mapping of name to DataFrame
            n_r rows each, the same columns in any order.
        kinds : mapping of variable to kind, or sequence of d kinds, optional
            Kinds are objects or classes, `Categorical`, `Continuous` or `Count`. Variables left out are inferred from
            the observational dtype: float is continuous; integer, boolean, text and pandas category are categorical,
            with all labels in any table as states, sorted (ordered pandas categories in their own order). Counts are
            never inferred; the column that `Count(exposure=...)` names is an `Exposure`.
        targets : mapping of regime to None, variable or variables, optional
            None, as for every regime left out: unknown. An empty tuple: known to have none.

        Raises
        ------
        TypeError
            If an argument has the wrong type, a column name is no string, or a kind is given as a string.
        ValueError
            If tables, kinds or targets name different variables; a name is duplicated or reserved; a value is infinite
            or not of its variable's kind; a variable is constant or has no observational value; the kind cannot be
            inferred (more than 50 integers or texts; whole floats beside integers or missing values); a table has
            fewer than two rows; or there are no regimes.

        Examples
        --------
        >>> control = pd.DataFrame({"A": ["no", "yes", "yes"], "B": [0.1, 2.0, 1.5]})
        >>> drug = pd.DataFrame({"B": [5.0, 5.5], "A": ["no", "yes"]})
        >>> InterventionalData.from_frames(control, {"drug": drug}, targets={"drug": "B"}).regimes
        (Regime('drug', 2 rows, targets ('B',)),)
        """
        if not isinstance(regimes, Mapping):
            raise TypeError(f"regimes: expected a mapping of name to table, got {type(regimes).__name__}")
        known = tables.known_targets(targets, [str(name) for name in regimes])
        names, settled, control, experiments = tables.encode_tables(observational, regimes, kinds)
        return cls(names, settled, control, tuple(Regime(r, rows, known.get(r)) for r, rows in experiments.items()))

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, regime: str, observational: Hashable, kinds: Kinds = None, targets: Targets = None
    ) -> InterventionalData:
        """Build from one long table in which a column tells the regime of each row.

        Parameters
        ----------
        frame : DataFrame
            All rows; d columns and the label column.
        regime : str
            The label column. Each other label, as a string, names a regime, in order of first appearance.
        observational : hashable
            The label of the observational rows, as it is or as a string.
        kinds, targets
            As in :meth:`from_frames`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_frames`, and if the label column is absent or incomplete or `observational` does not occur.

        Examples
        --------
        >>> frame = pd.DataFrame({"A": [0, 1, 1, 0], "B": [1, 0, 1, 1], "dose": [0, 0, 5, 5]})
        >>> InterventionalData.from_frame(frame, regime="dose", observational=0).regime_names
        ('5',)
        """
        return cls.from_frames(*sources.split_by_label(frame, regime, observational), kinds, targets)

    @classmethod
    def from_csv(
        cls, path: FilePath, regime: str, observational: Hashable, kinds: Kinds = None, targets: Targets = None
    ) -> InterventionalData:
        """Build from a comma-separated file with a header, laid out as in :meth:`from_frame`.

        Empty cells, NA, NaN and null are missing; None is a label like any other.

        Parameters
        ----------
        path : path
            The file, compressed or not.
        regime, observational, kinds, targets
            As in :meth:`from_frame`; labels are compared as text.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            As :meth:`from_frame`.
        """
        return cls.from_frame(sources.read_csv(path, regime), regime, observational, kinds, targets)

    @classmethod
    def from_npz(cls, path: FilePath, kinds: Kinds = None) -> InterventionalData:
        """Build from a numpy archive; pickled objects are never loaded.

        Parameters
        ----------
        path : path
            Holds data_obs [n, d], data_int [R, n_r, d] and, if the graph is known, adj_matrix [d, d] of zeros and ones
            with **row = cause, column = effect** (the other way round from this library's arrays).
        kinds
            As in :meth:`from_frames`; the variables are called "X0", "X1", ...

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            As :meth:`from_arrays`, and if the file is no archive, lacks an array or holds a wrong adj_matrix.
        """
        observational, regimes, truth = sources.read_npz(path)
        return replace(cls.from_arrays(observational, regimes, kinds=kinds), truth=truth)

    @property
    def d(self) -> int:
        """Number of variables."""
        return len(self.names)

    @property
    def n(self) -> int:
        """Number of observational rows."""
        return len(self.observational)

    @property
    def regime_names(self) -> tuple[str, ...]:
        """The R regimes in order."""
        return tuple(regime.name for regime in self.regimes)

    @property
    def exposures(self) -> tuple[str, ...]:
        """Variables that counts are in proportion to: neither cause nor effect of anything, and never a target."""
        return tuple(name for name, kind in zip(self.names, self.kinds, strict=True) if isinstance(kind, Exposure))

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of states of each of the d variables, 0 for a continuous one."""
        return tuple(kind.cardinality for kind in self.kinds)

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
        return tables.encode_rows(frame, self.names, self.kinds, "frame").to(self.observational.device)

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
        """Copy with all rows on `device`."""
        regimes = tuple(replace(regime, rows=regime.rows.to(device)) for regime in self.regimes)
        return replace(self, observational=self.observational.to(device), regimes=regimes)

    def __repr__(self) -> str:
        kinds = {"categorical": Categorical, "continuous": Continuous, "counts": Count, "exposures": Exposure}
        many = {what: sum(isinstance(kind, sort) for kind in self.kinds) for what, sort in kinds.items()}
        held = [f"{count} {what}" for what, count in many.items() if count or what in ("categorical", "continuous")]
        unknown = sum(regime.targets is None for regime in self.regimes)
        rows = sum(len(regime.rows) for regime in self.regimes)
        return (
            f"InterventionalData({', '.join(held)}; {self.n} observational "
            f"rows; {rows} rows in regimes, targets unknown in {unknown} of {len(self.regimes)})"
        )
