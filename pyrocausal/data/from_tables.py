"""Data built from tables in memory: arrays, frames, and one long frame; the first half of how data are read.

``d`` counts variables, ``n`` observational rows, ``R`` regimes and ``n_r`` the rows of regime r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from pyrocausal.data import builders, one_table
from pyrocausal.data.left_out import drop_columns
from pyrocausal.data.one_table import Observational
from pyrocausal.data.readers import Array
from pyrocausal.data.tables import Kinds, Targets

__all__ = ["FromTables"]


class FromTables:
    """What `pyrocausal.data.interventional_data.InterventionalData` is built by from tables in memory."""

    if TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None: ...

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
    ) -> Self:
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
        >>> import torch
        >>> from pyrocausal import InterventionalData
        >>> observed, drug = torch.tensor([[0, 1], [1, 0], [1, 1]]), torch.tensor([[0, 0], [1, 0]])
        >>> InterventionalData.from_arrays(observed, {"drug": drug}, names=["A", "B"]).kinds
        (Categorical(states=(0, 1), ordered=False), Categorical(states=(0, 1), ordered=False))
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
    ) -> Self:
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
            or not of its variable's kind; a variable is the same in all tables or has no observational value; the kind
            cannot be inferred (more than 50 integers or texts; whole floats beside integers or missing values); a table
            has fewer than two rows; there are no regimes; or a weight is not positive and finite, the weights of a
            table add up to less than two, or their column is absent or named as a variable; what is to be ignored is no
            column, or a column has no heading and does not number the rows.

        Examples
        --------
        >>> from pyrocausal import InterventionalData
        >>> control = pd.DataFrame({"A": ["no", "yes", "yes"], "B": [0.1, 2.0, 1.5]})
        >>> drug = pd.DataFrame({"B": [5.0, 5.5], "A": ["no", "yes"]})
        >>> InterventionalData.from_frames(control, {"drug": drug}, targets={"drug": "B"}).regimes
        (Regime('drug', 2 rows, targets ('B',)),)
        """
        if groups is not None and groups in covariates:
            raise ValueError(
                f"groups: column {groups!r} is a covariate too; name it once: as covariate if groups differ in "
                "what their variables are, as groups if their rows only repeat each other"
            )
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
    ) -> Self:
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
        >>> from pyrocausal import InterventionalData
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
