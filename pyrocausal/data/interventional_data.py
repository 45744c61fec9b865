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
from typing import Any

import networkx as nx
import pandas as pd
import torch

from pyrocausal.data import anndata_tables, builders, one_table, readers, table_files, tables, text_files
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.left_out import drop_columns
from pyrocausal.data.one_table import Observational
from pyrocausal.data.readers import Array
from pyrocausal.data.regime import Regime, check_regimes
from pyrocausal.data.table_findings import TableCheck
from pyrocausal.data.tables import Kinds, Targets
from pyrocausal.data.text_files import FilePath
from pyrocausal.data.weights import Part, check_total, check_weights, join, of_total

__all__ = ["InterventionalData"]


@dataclass(frozen=True, eq=False, repr=False)
class InterventionalData:
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
        object.__setattr__(self, "covariates", tables.check_covariates(self.covariates, names, kinds))
        check_regimes(self.regimes, names, kinds, self.covariates)
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
        weights: tuple[Any, Any] | None = None,
        *,
        covariates: Sequence[str] = (),
    ) -> InterventionalData:
        """Build from arrays, whose columns are matched by position.

        Parameters
        ----------
        observational : array or tensor [n, d]
            Integers and booleans are categories, floats continuous, unless `kinds` says otherwise. Sparse matrices of
            scipy and tensors are read with their zeros; what is masked in a masked array is missing.
        regimes : mapping of name to array [n_r, d], or sequence of arrays, or array [R, n_r, d]
            Without names they are called "regime 0", "regime 1", ...
        names : sequence of str, optional
            The d variables; "X0", "X1", ... by default.
        kinds, targets
            As in :meth:`from_frames`.
        weights : pair of array [n] and arrays [n_r], optional
            Of the observational rows and, given as `regimes` are, of those of every regime; what they mean says
            :meth:`from_frames`.
        covariates
            As in :meth:`from_frames`, by their `names`.

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
        fields = builders.fields_of_arrays(observational, regimes, names, kinds, targets, weights)
        return cls(**fields, covariates=covariates)

    @classmethod
    def from_frames(
        cls,
        observational: pd.DataFrame,
        regimes: Mapping[str, pd.DataFrame],
        kinds: Kinds = None,
        targets: Targets = None,
        weights: str | None = None,
        *,
        ignore: Sequence[str] = (),
        covariates: Sequence[str] = (),
        groups: str | None = None,
    ) -> InterventionalData:
        """Build from one table for the observational rows and one for each regime, whose columns are matched by name.

        Parameters
        ----------
        observational : DataFrame
            n rows, d columns.
        regimes : mapping of name to DataFrame
            n_r rows each, the same columns in any order.
        kinds : mapping of variable to kind, sequence of d kinds, or one kind, optional
            Kinds are objects or classes, `Categorical`, `Continuous` or `Count`. Variables left out are inferred from
            the observational dtype: float is continuous; integer, boolean, text and pandas category are categorical,
            with all labels in any table as states, sorted (ordered pandas categories in their own order). Counts are
            never inferred; the column that `Count(exposure=...)` names is an `Exposure`. One kind, by itself or under
            `...` in a mapping, is for all variables left open that can be of it: `kinds={"dose": Continuous, ...:
            Count}` makes counts of all other columns that hold whole numbers of at least 0.
        targets : mapping of regime to None, variable, variables or AtLeast, optional
            None, as for every regime left out: unknown. An empty tuple: known to have none. `AtLeast("PKC")`: this one
            and perhaps others.
        weights : str, optional
            A column of every table that is no variable and says how many rows a row counts as: a positive number, 2.0
            for a row that stands for two. Every sum over rows is weighted, and the total weight, not the number of
            rows, decides how sure a fit is. Counts of equal rows are such weights as they are. Weights that make a
            sample like another population (of a survey, of importance sampling) are to be scaled first, so that they
            add up to the effective sample size, ``sum(w)**2 / sum(w**2)``.
        ignore : sequence of str
            Columns of every table that are no variables and are left out. A column without a heading that only numbers
            the rows, as pandas writes it, is left out with a warning.
        covariates : sequence of str
            Columns that are conditioned on, such as batch or plate: each may act on every variable, as far as the rows
            say so, nothing acts on it, no regime does, and it is no node of the graph or the pictures. What differs
            between batches is then no reason to draw an edge between two variables that both differ, nor to call them
            targets of a regime that was recorded in one batch.
        groups : str, optional
            A column that is no variable and says which rows belong together, such as a patient or a day. Evidence
            counts groups, not rows: the rows of a group in a table share the weight of one row, as if they repeated
            each other. That is cautious; where they differ within a group too, more is known than is claimed.

        Raises
        ------
        TypeError
            If an argument has the wrong type, a column name is no string, or a kind is given as a string.
        ValueError
            If tables, kinds or targets name different variables; a name is duplicated or reserved; a value is infinite
            or not of its variable's kind; a variable is constant or has no observational value; the kind cannot be
            inferred (more than 50 integers or texts; whole floats beside integers or missing values); a table has
            fewer than two rows; there are no regimes; or a weight is not positive and finite, the weights of a table
            add up to less than two, or their column is absent or named as a variable; what is to be ignored is no
            column, or a column has no heading and does not number the rows.

        Examples
        --------
        >>> control = pd.DataFrame({"A": ["no", "yes", "yes"], "B": [0.1, 2.0, 1.5]})
        >>> drug = pd.DataFrame({"B": [5.0, 5.5], "A": ["no", "yes"]})
        >>> InterventionalData.from_frames(control, {"drug": drug}, targets={"drug": "B"}).regimes
        (Regime('drug', 2 rows, targets ('B',)),)
        """
        fields = builders.fields_of_frames(observational, regimes, kinds, targets, weights, ignore, groups)
        return cls(**fields, covariates=covariates)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        regime: str | None = None,
        observational: Observational = None,
        kinds: Kinds = None,
        targets: Targets = None,
        weights: str | None = None,
        *,
        targets_column: str | None = None,
        ignore: Sequence[str] = (),
        index_column: str | None = None,
        covariates: Sequence[str] = (),
        groups: str | None = None,
    ) -> InterventionalData:
        """Build from one long table in which a column tells the regime of each row, or its targets.

        Parameters
        ----------
        frame : DataFrame
            All rows; d columns, the label column and perhaps one of targets and one of weights.
        regime : str, optional
            The label column. Each other label, as a string, names a regime, in order of first appearance. It may be
            left out if there is a `targets_column`.
        observational : hashable or sequence of them, optional
            The label of the observational rows, as it is or as a string, or several labels, all of whose rows are
            observational. None (the default): rows whose label is empty.
        kinds, targets, weights
            As in :meth:`from_frames`.
        targets_column : str, optional
            A column that names the variables that were acted on in each row, several with `,`, `;` or `+` between them,
            and is empty in rows without an intervention; `observational` may name labels of such rows, too. Without
            `regime` every set of targets is a regime named by it, such as "A" and "A+B". With it, the targets must be
            the same in all rows of a regime. What is named there is known, as in `targets`.
        ignore : sequence of str
            Columns that are no variables and are left out.
        index_column : str, optional
            A column that only numbers or names the rows, "" for one without a heading, which is left out. If None, a
            column without a heading that numbers the rows is recognised and left out, with a warning.
        covariates, groups
            As in :meth:`from_frames`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_frames`, and if the label column is absent, incomplete or that of the weights, or
            `observational` does not occur; if targets name no variable or differ within a regime; or if a column to
            leave out is absent.

        Examples
        --------
        >>> frame = pd.DataFrame({"A": [0, 1, 1, 0], "B": [1, 0, 1, 1], "dose": [0, 0, 5, 5]})
        >>> InterventionalData.from_frame(frame, regime="dose", observational=0).regime_names
        ('5',)
        >>> hit = frame.drop(columns="dose").assign(target=[None, None, "A", "A"])
        >>> InterventionalData.from_frame(hit, targets_column="target").regimes
        (Regime('A', 2 rows, targets ('A',)),)
        """
        if weights is not None and weights in (regime, targets_column):
            raise ValueError(
                f"weights: column {weights!r} tells the regime or the targets of each row, and cannot be its weight too"
            )
        rows = drop_columns(frame, ignore, index_column)
        (control, regimes), known = one_table.split_table(rows, regime, observational, targets_column, targets)
        return cls.from_frames(control, regimes, kinds, known, weights, covariates=covariates, groups=groups)

    @classmethod
    def from_csv(
        cls,
        path: FilePath,
        regime: str | None = None,
        observational: Observational = None,
        kinds: Kinds = None,
        targets: Targets = None,
        weights: str | None = None,
        *,
        sep: str | None = None,
        encoding: str | None = None,
        decimal: str | None = None,
        targets_column: str | None = None,
        **columns: Any,
    ) -> InterventionalData:
        """Build from delimited text with a header, laid out as in :meth:`from_frame`.

        Empty cells, NA, NaN and null are missing; None is a label like any other.

        Parameters
        ----------
        path : path
            The file, compressed or not.
        regime, observational, kinds, targets, weights, targets_column
            As in :meth:`from_frame`; labels are compared as text.
        sep : str, optional
            What separates fields. None (the default): found out, a comma, a tab, `;` or `|`.
        encoding : str, optional
            None (the default): UTF-8, or UTF-16 where the file begins with its mark.
        decimal : str, optional
            None (the default): a point, or a comma where numbers have one and fields are not separated by commas.
        **columns
            `ignore`, `index_column`, `covariates` and `groups`, as in :meth:`from_frame`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            As :meth:`from_frame`, and if the file is no text of its encoding or no table.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pathlib import Path
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "cells.tsv"
        ...     _ = path.write_text("A\\tB\\tarm\\n0\\t1\\told\\n1\\t0\\told\\n1\\t1\\tnew\\n0\\t1\\tnew\\n")
        ...     InterventionalData.from_csv(path, "arm", "old").regime_names
        ('new',)
        """
        texts = [name for name in (regime, targets_column) if name is not None]
        frame = text_files.read_text_table(path, texts, sep, encoding, decimal)
        return cls.from_frame(
            frame, regime, observational, kinds, targets, weights, targets_column=targets_column, **columns
        )

    @classmethod
    def from_parquet(
        cls, path: FilePath, regime: str | None = None, observational: Observational = None, **options: Any
    ) -> InterventionalData:
        """Build from a Parquet file, laid out as in :meth:`from_frame`; needs the extra `parquet`.

        Parameters
        ----------
        path : path
            The file.
        regime, observational, **options
            As in :meth:`from_frame`, `kinds=` and what comes after it by name.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            As :meth:`from_frame`, and if the file is no Parquet or pyarrow is not installed.

        Examples
        --------
        >>> InterventionalData.from_parquet("cells.parquet", "arm", "control")  # doctest: +SKIP
        """
        return cls.from_frame(table_files.read_parquet(path), regime, observational, **options)

    @classmethod
    def from_anndata(
        cls,
        adata: Any,
        regime: str | None = "perturbation",
        observational: Observational = "control",
        *,
        layer: str | None = None,
        genes: Sequence[str] | None = None,
        obs: Sequence[str] = (),
        exposure: str | None = None,
        kinds: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> InterventionalData:
        """Build from an AnnData object or an .h5ad file (extra `anndata`), whose cells are rows and genes variables.

        Parameters
        ----------
        adata : AnnData or path
            Cells with their genes, dense or sparse.
        regime, observational
            A column of `adata.obs`, and its label or labels of cells without an intervention, as in :meth:`from_frame`.
        layer : str, optional
            The matrix to read; None: `adata.X`.
        genes : sequence of str, optional
            The variables, by `adata.var_names`; None: all genes, 1,000 at the most.
        obs : sequence of str
            Columns of `adata.obs` that are variables too.
        exposure : str, optional
            A column of `adata.obs` that counts are in proportion to. None (the default): a column "total" is made, the
            cell's counts of all genes that are *not* variables, so that no count is a part of its own exposure; where
            these are less than half of all counts, of all genes, with a warning.
        kinds
            As in :meth:`from_frames`, of some variables. Whole numbers of at least 0 are a `Count` in proportion to the
            exposure, other matrices continuous.
        **options
            `targets`, `weights` and `targets_column` (columns of `adata.obs`), as in :meth:`from_frame`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_frame`, and if a gene, layer or column is not there, or anndata is not installed.

        Examples
        --------
        >>> InterventionalData.from_anndata("cells.h5ad", "guide", "none", genes=["KRAS", "TP53"])  # doctest: +SKIP
        """
        columns = [name for name in (regime, options.get("targets_column"), options.get("weights")) if name is not None]
        frame, found = anndata_tables.read_cells(adata, columns, layer, genes, obs, exposure, kinds)
        return cls.from_frame(frame, regime, observational, found, **options)

    @classmethod
    def from_npz(cls, path: FilePath, kinds: Kinds = None) -> InterventionalData:
        """Build from a numpy archive; pickled objects are never loaded.

        Parameters
        ----------
        path : path
            Holds data_obs [n, d], data_int [R, n_r, d] and, if the graph is known, adj_matrix [d, d] of zeros and ones
            with **row = cause, column = effect** (the other way round from this library's arrays); and, if rows have
            weights, weights_obs [n] and weights_int [R, n_r].
        kinds
            As in :meth:`from_frames`; the variables are called "X0", "X1", ...

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            As :meth:`from_arrays`, and if the file is no archive, lacks an array or holds a wrong adj_matrix.
        """
        observational, regimes, truth, weights = readers.read_npz(path)
        return replace(cls.from_arrays(observational, regimes, kinds=kinds, weights=weights), truth=truth)

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
    def parts(self) -> tuple[Part, ...]:
        """Rows without intervention, then those of every regime, with their weights."""
        plain = Part(self.observational, self.observational_weights)
        return (plain, *(Part(regime.rows, regime.weights) for regime in self.regimes))

    @property
    def weighted(self) -> bool:
        """Whether some rows count as more or less than one."""
        return self.observational_weights is not None or any(regime.weights is not None for regime in self.regimes)

    @property
    def exposures(self) -> tuple[str, ...]:
        """Variables that counts are in proportion to: neither cause nor effect of anything, and never a target."""
        return tuple(name for name, kind in zip(self.names, self.kinds, strict=True) if isinstance(kind, Exposure))

    @property
    def aside(self) -> tuple[str, ...]:
        """Variables that are no nodes of the graph: covariates and exposures. No regime acts on them."""
        return tuple(name for name in self.names if name in self.covariates or name in self.exposures)

    @property
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
