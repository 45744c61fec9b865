"""What a fit gives back: beliefs over edges and targets from independent restarts, and the fitted programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from pyrocausal.data.columns import number_of
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.edge_sizes import edge_sizes
from pyrocausal.posterior.effect_sizes import Sizes
from pyrocausal.posterior.escaped_rows import escaped_rows
from pyrocausal.posterior.files import load_objects, save_objects
from pyrocausal.posterior.inference_data import inference_data
from pyrocausal.posterior.named_beliefs import named_graph
from pyrocausal.posterior.queried_chains import QueriedChains
from pyrocausal.posterior.tables import edge_table, target_table
from pyrocausal.posterior.target_sizes import target_sizes
from pyrocausal.runtime.checked_settings import check, number, of_type

__all__ = ["CausalPosterior"]


@dataclass(frozen=True, eq=False)
class CausalPosterior(QueriedChains):
    """Edge and target probabilities from several restarts; `print` says what was found, and how far to trust it.

    Attributes
    ----------
    data
        What was fitted.
    chains
        The restarts, at least one.
    seed
        Seed that the chains' seeds were made from.
    settings
        What they were fitted with, as plain numbers, texts and mappings (`pyrocausal.settings.describe`); None where
        nobody said.
    stopped
        What Ctrl-C or SIGTERM has cut short, in a sentence; None where neither came. Chains that it kept from their end
        are not `settled`.

    Examples
    --------
    Going on from the example of `discover`:

    >>> sorted(result.dag().edges)
    [('X0', 'X1'), ('X1', 'X2')]
    >>> result.edge_probabilities.sel(effect="X1", cause="X0").item() > 0.9
    True
    >>> sorted(result.targets().values())
    [('X0',), ('X1',), ('X2',)]
    """

    data: InterventionalData
    chains: tuple[Chain, ...]
    seed: int
    settings: Mapping[str, Any] | None = None
    stopped: str | None = None

    @property
    def model(self) -> CausalModel:
        """The Pyro program of the `best` chain; its site `"edges"` is the posterior, one of the graphs drawn.

        Without draws these are of the local posterior around the settled graph, and of a fit that has not settled they
        are what the three phases believe, edge by edge.
        """
        return self.best.model

    def dag(self) -> nx.DiGraph:
        """The acyclic graph of the `best` chain: the settled one, see `Chain.dag`.

        Returns
        -------
        networkx.DiGraph
            All variables, edges cause -> effect with attributes "probability" (see `edge_probabilities`), "strength"
            (see `edge_strengths`) and "size" (see `edges`).
        """
        return self._named(self._among(self.best.dag).cpu().numpy())

    @property
    def settled(self) -> bool:
        """Whether every chain met the stopping rule."""
        return all(chain.settled for chain in self.chains)

    def to_networkx(self, threshold: float = 0.5, *, strength: float | None = None) -> nx.DiGraph:
        """Graph of the edges believed with more than `threshold`.

        Parameters
        ----------
        threshold
            In [0, 1).
        strength
            Only edges of at least so many nats per row, see `edge_strengths`; None: of any.

        Returns
        -------
        networkx.DiGraph
            All variables, edges cause -> effect with attributes "probability", "strength" and "size", as of `dag`.

        Raises
        ------
        TypeError, ValueError
            If the threshold is outside [0, 1), the strength no number from 0 on, or there are no strengths.
        """
        _check_threshold(threshold)
        believed, strengths = self.edge_probabilities.values > threshold, self.edge_strengths.values
        check("strength", strength, number(0, optional=True))
        if strength is not None:
            if np.isnan(strengths).all():
                raise ValueError(
                    "strength: this fit has not settled its graph, so no strengths are known; leave it out"
                )
            believed &= strengths >= strength
        return self._named(believed)

    def _named(self, edges: np.ndarray) -> nx.DiGraph:
        probability, strength = self.edge_probabilities.values, self.edge_strengths.values
        size = self._edge_sizes.among(self.data.places, self.data.places).value
        return named_graph(self.data.nodes, edges, probability=probability, strength=strength, size=size)

    @cached_property
    def _edge_sizes(self) -> Sizes:
        return edge_sizes(self.model, self.data, self.best.dag)

    @cached_property
    def _target_sizes(self) -> Sizes:
        return target_sizes(self.model, self.data, self.best.dag)

    @cached_property
    def _escaped(self) -> np.ndarray | None:
        return escaped_rows(self.data, self.best.dag)

    def edges(self, threshold: float | None = 0.5) -> pd.DataFrame:
        """Edges believed with more than `threshold`, the strongest first.

        Parameters
        ----------
        threshold
            In [0, 1); None: all ordered pairs of variables.

        Returns
        -------
        pandas.DataFrame
            Columns cause, effect, probability (see `edge_probabilities`); strength, nats per row (see
            `edge_strengths`); size, what the fitted program says that the cause does to the effect, and in what it is
            measured as, such as "sd per sd" or "P(Erk=high), PKA low to high" (see `pyrocausal.posterior.effect_sizes`;
            NaN and "" of what is no edge of the settled graph); settled, whether it is one; and the probability of each
            chain, chain 0 and so on. Without strengths, by probability.

        Raises
        ------
        ValueError
            If the threshold is outside [0, 1).

        Examples
        --------
        Going on from the example of `discover`:

        >>> sorted(result.edges()[["cause", "effect"]].itertuples(index=False, name=None))
        [('X0', 'X1'), ('X1', 'X2')]
        """
        chains = [self._among(chain.edge_probability).cpu().numpy() for chain in self.chains]
        table = edge_table(
            self.data.nodes,
            self.edge_probabilities.values,
            self.edge_strengths.values,
            self._edge_sizes.among(self.data.places, self.data.places),
            self._among(self.best.dag).cpu().numpy(),
            chains,
        )
        return _believed(table, threshold)

    def target_table(self, threshold: float | None = 0.5) -> pd.DataFrame:
        """Targets of regimes believed with more than `threshold`, the strongest first.

        Parameters
        ----------
        threshold
            In [0, 1); None: every regime with every variable, and with none (without strength and size), which has
            `no_target_probability`.

        Returns
        -------
        pandas.DataFrame
            Columns regime, variable, probability (see `target_probabilities`); strength, nats per row of the regime
            (see `target_strengths`); size, how far the variable is in the regime from what its common mechanism says
            given its parents there, and in what it is measured as, such as "sd" or "P(Erk=high)" (see
            `pyrocausal.posterior.effect_sizes`; NaN and "" where the regime has no value). With a `Count` of two
            components or more also escaped, the share of rows of the regime that it did not reach, if it acted on the
            variable (see `pyrocausal.model.partly_hit`; NaN of other variables). Without strengths, by probability.

        Raises
        ------
        ValueError
            If the threshold is outside [0, 1).

        Examples
        --------
        Going on from the example of `discover`:

        >>> table = result.target_table()
        >>> result.targets() == {r: tuple(table.variable[table.regime == r]) for r in data.regime_names}
        True
        """
        data = self.data
        table = target_table(
            data.regime_names,
            data.nodes,
            self.target_probabilities.values,
            self.no_target_probability.values,
            self.target_strengths.values,
            self._target_sizes.among(range(len(data.regimes)), data.places),
            None if self._escaped is None else self._escaped[:, data.places],
        )
        if threshold is not None:
            table = table[table.variable.isin(data.nodes)]
        return _believed(table, threshold)

    def targets(self, threshold: float = 0.5) -> dict[str, tuple[str, ...]]:
        """Targets of every regime believed with more than `threshold`; an empty tuple where none is.

        Parameters
        ----------
        threshold
            In [0, 1).

        Raises
        ------
        ValueError
            If the threshold is outside [0, 1).
        """
        _check_threshold(threshold)
        table = self.target_probabilities
        names = np.array(self.data.nodes)
        return {
            str(r): tuple(map(str, names[row > threshold]))
            for r, row in zip(table.regime.values, table.values, strict=True)
        }

    def to_arviz(
        self, *, thin: int = 1, log_likelihood: bool = False, posterior_predictive: int = 0, seed: int = 0
    ) -> Any:
        """Everything for ArviZ's diagnostics and plots; see `pyrocausal.posterior.inference_data` for the groups.

        Missing values of rows that are scored or predicted are drawn again as for the fit, some seconds a chain.

        Parameters
        ----------
        thin
            Keep every `thin`-th of the graphs drawn, and what belongs to it; default 1, all of them.
        log_likelihood
            Whether to score every row under every draw that is kept, nats. Takes 8 bytes times chains, draws and rows.
        posterior_predictive
            Tables to draw per chain, each as large as the data, under graphs evenly spread over those kept; default 0.
            Takes 2 bytes (categories) or 8 times chains, tables, rows and variables.
        seed
            Of these tables. Torch's global random state is left as it was.

        Returns
        -------
        arviz.InferenceData or xarray.DataTree
            The first with ArviZ before 1.0, the second with any later one; `found["posterior"]["edge"]` reads in both,
            and `found.to_netcdf(path)` writes both.

        Raises
        ------
        TypeError
            If `log_likelihood` is neither True nor False.
        ValueError
            If a number is out of range, log-likelihoods are asked for and no graphs were drawn, or the chains have kept
            neither graphs nor beliefs.

        Examples
        --------
        Going on from the example of `discover`:

        >>> result.to_arviz(posterior_predictive=2)["posterior_predictive"]["X2"].sizes["draw"]
        2
        """
        return inference_data(
            self.data,
            self.chains,
            self.seed,
            self.settings,
            thin=thin,
            log_likelihood=log_likelihood,
            posterior_predictive=posterior_predictive,
            seed=seed,
        )

    def report(self, path: str | PathLike[str], *, diagnosis: Any = None) -> Path:
        """Write everything that is to be read of a result as one HTML file, which needs no other.

        A verdict, a summary in plain words, a diagnosis, pictures of the graph, edges, targets, predictions and
        beliefs, tables, settings.

        Parameters
        ----------
        path
            The file, conventionally `*.html`; an earlier one is replaced.
        diagnosis
            What is to be said of it; default: what `pyrocausal.diagnose` says.

        Returns
        -------
        pathlib.Path
            Of the file.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError
            If `diagnosis` is no `Diagnosis`.
        ValueError
            If `path` is a directory.

        Examples
        --------
        Going on from the example of `discover`:

        >>> result.report("cells.html").name
        'cells.html'
        """
        # Reports are made of pictures, and these of results, so that the import has to wait until there is something to
        # report; tests/test_imports.py knows it by name.
        from pyrocausal.report.write import write_html

        return write_html(self, path, diagnosis=diagnosis)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the result, data and fitted programs to a file, wholly or not at all.

        Parameters
        ----------
        path
            The file, conventionally `*.zip`: JSON and arrays, no code.

        Raises
        ------
        OSError
            If the file cannot be written; an earlier one is as it was then.
        ValueError
            If a class of yours does not keep what its constructor takes under the same names.
        """
        save_objects(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str], *, classes: Mapping[str, type] | None = None) -> CausalPosterior:
        """Read what `save` wrote, on the CPU. No code is read or run but that of this package and of `classes`.

        Parameters
        ----------
        path
            The file.
        classes
            Kinds and mechanisms of your own that the fit was made with, by their names, as `{"Hill": Hill}`.

        Returns
        -------
        CausalPosterior

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError
            If `classes` is no mapping of names to classes.
        ValueError
            If the file holds something else, is damaged or of a format that this version does not know, or needs a
            class that was not given.
        """
        check("classes", classes, of_type(Mapping, optional=True))
        found = load_objects(path, {cls.__name__: cls, **(classes or {})})
        if not isinstance(found, cls):
            raise ValueError(f"{path} holds a {type(found).__name__}, not a CausalPosterior written by save")
        return found

    def __repr__(self) -> str:
        edges = len(self.edges())  # as the sentences below count them
        state = "settled" if self.settled else "not settled"
        # Like that of `report`, this import has to wait; tests/test_imports.py knows it by name.
        from pyrocausal.checks.verdict import verdict

        return (
            f"CausalPosterior({number_of(len(self.chains), 'chain')}, {state}; "
            f"{number_of(len(self.data.nodes), 'variable')}, {number_of(edges, 'edge')}, "
            f"{number_of(len(self.data.regimes), 'regime')})\n" + "\n".join(verdict(self))
        )


def _believed(table: pd.DataFrame, threshold: float | None) -> pd.DataFrame:
    if threshold is None:
        return table
    _check_threshold(threshold)
    return table[table.probability > threshold].reset_index(drop=True)


def _check_threshold(threshold: float) -> None:
    check("threshold", threshold, number(0, below=1))
