"""Data built from files and from cells: delimited text, Parquet, folders of these, AnnData and numpy archives.

``d`` counts variables, ``n`` observational rows, ``R`` regimes and ``n_r`` the rows of regime r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pyrocausal.data import anndata_tables, readers, table_files, text_files
from pyrocausal.data.columns import listing
from pyrocausal.data.from_tables import FromTables
from pyrocausal.data.one_table import Observational, listed_labels
from pyrocausal.data.tables import Kinds, Targets
from pyrocausal.data.text_form import FilePath

__all__ = ["FromFiles"]


class FromFiles(FromTables):
    """What `pyrocausal.data.interventional_data.InterventionalData` is built by, from files too."""

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
        missing: Sequence[str] = (),
        targets_column: str | None = None,
        **columns: Any,
    ) -> Self:
        """Build from delimited text with a header, laid out as in :meth:`from_frame`.

        Empty cells, NA, NaN and null are missing, and what `missing` tells; None is a label like any other.

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
        missing : sequence of str
            What else stands for a missing value in any column, as in ``missing=["-999", "n.d."]``.
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
        >>> from pyrocausal import InterventionalData
        >>> from tempfile import TemporaryDirectory
        >>> from pathlib import Path
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "cells.tsv"
        ...     _ = path.write_text("A\\tB\\tarm\\n0\\t1\\told\\n1\\t0\\told\\n1\\t1\\tnew\\n0\\t1\\tnew\\n")
        ...     InterventionalData.from_csv(path, "arm", "old").regime_names
        ('new',)
        """
        texts = [name for name in (regime, targets_column) if name is not None]
        frame = text_files.read_text_table(path, texts, sep, encoding, decimal, missing)
        if hidden := [label for label in missing if texts and label in listed_labels(observational, ())]:
            raise ValueError(
                f"missing: {hidden[0]!r} is what observational rows are called, and cannot stand for a missing value "
                "too; leave it out of one of the two"
            )
        return cls.from_frame(
            frame, regime, observational, kinds, targets, weights, targets_column=targets_column, **columns
        )

    @classmethod
    def from_folder(
        cls,
        folder: FilePath,
        observational: Observational,
        *,
        sep: str | None = None,
        encoding: str | None = None,
        decimal: str | None = None,
        missing: Sequence[str] = (),
        targets_column: str | None = None,
        **options: Any,
    ) -> Self:
        """Build from a folder that holds a table for each regime, delimited text or Parquet, called like its file.

        Parameters
        ----------
        folder : path
            Tables with the same columns; drug.csv.gz is the regime "drug". Files whose names begin with a dot are left
            alone.
        observational : str or sequence of str
            The name, or names, of the tables of observational rows.
        sep, encoding, decimal, missing
            Of the text files, as in :meth:`from_csv`.
        targets_column, **options
            As in :meth:`from_frame`, `kinds=` and what comes after it by name.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        TypeError, ValueError
            As :meth:`from_csv` and :meth:`from_parquet`, and if the folder holds something else, or tables differ in
            their columns.

        Examples
        --------
        >>> from pyrocausal import InterventionalData
        >>> InterventionalData.from_folder("runs", "control")  # doctest: +SKIP
        """
        texts = [] if targets_column is None else [targets_column]
        form = {"sep": sep, "encoding": encoding, "decimal": decimal, "missing": missing}
        frame, names = table_files.read_folder(folder, texts, **form)
        if strange := [label for label in listed_labels(observational, ()) if label not in {None, *frame[names]}]:
            raise ValueError(
                f"observational: no table in {folder} is called {strange[0]!r}; they are "
                f"{listing(frame[names].unique())}"
            )
        return cls.from_frame(frame, names, observational, targets_column=targets_column, **options)

    @classmethod
    def from_parquet(
        cls, path: FilePath, regime: str | None = None, observational: Observational = None, **options: Any
    ) -> Self:
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
        >>> from pyrocausal import InterventionalData
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
    ) -> Self:
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
            `targets`, `weights`, `targets_column`, `covariates` and `groups` (columns of `adata.obs`), as in
            :meth:`from_frame`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_frame`, and if a gene, layer or column is not there, or anndata is not installed.

        Examples
        --------
        >>> from pyrocausal import InterventionalData
        >>> InterventionalData.from_anndata("cells.h5ad", "guide", "none", genes=["KRAS", "TP53"])  # doctest: +SKIP
        """
        columns = [regime, *(options.get(name) for name in ("targets_column", "weights", "groups"))]
        told = [name for name in columns if name is not None]
        if not isinstance(obs, str):  # which is refused
            obs = [*obs, *options.get("covariates", ())]
        frame, found = anndata_tables.read_cells(adata, told, layer, genes, obs, exposure, kinds)
        return cls.from_frame(frame, regime, observational, found, **options)

    @classmethod
    def from_npz(cls, path: FilePath, kinds: Kinds = None) -> Self:
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
        made: Any = cls.from_arrays(observational, regimes, kinds=kinds, weights=weights)
        return replace(made, truth=truth)
