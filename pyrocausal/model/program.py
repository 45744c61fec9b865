"""A fitted program under one graph: an ordinary Pyro model over its variables, with nothing left to learn."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger

from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.model.acyclic import topological_order
from pyrocausal.model.causal_model import CausalModel

__all__ = ["Program"]

HIDDEN = "edges", "dag", "broken_edges"


class Program:
    """A fitted program under one graph: a Pyro model over its variables alone.

    Its sites are the variables, in an order in which causes come first; graph and parameters are hidden, and parameters
    are constants: nothing that is inferred around a program changes them. It is called as `CausalModel` is, inside any
    other model. Values are encoded (`decode` gives them back in labels and units), but interventions
    (`pyrocausal.intervene`) are in the variables' own labels and units.

    Parameters
    ----------
    model
        The fitted model.
    graph
        Acyclic, boolean or 0/1 of shape [d, d] (effect, cause), or a networkx graph cause -> effect.

    Attributes
    ----------
    names, kinds
        Of the variables, length d.
    graph
        Boolean, shape [d, d].

    Raises
    ------
    TypeError
        If `graph` is neither.
    ValueError
        If the graph has another shape, other variables or a cycle.

    Examples
    --------
    Going on from the example of `discover`:

    >>> program = result.program()
    >>> with pc.intervene({"X1": 1}):
    ...     program.decode(program(100)).X1.unique()
    array([1])
    """

    def __init__(self, model: CausalModel, graph: torch.Tensor | np.ndarray | nx.DiGraph) -> None:
        self.model, self.names, self.kinds = model, model.names, model.kinds
        self.graph = _checked(graph, self.names)
        self._edges = self.graph.to(model.beliefs.certain)
        self._kinds = dict(zip(self.names, self.kinds, strict=True))

    def __call__(self, size: int | pyro.plate | None = None, *, values: torch.Tensor | None = None) -> torch.Tensor:
        """Sample rows, or observe them.

        Parameters
        ----------
        size
            Rows to sample, in a plate `"rows"` (`"rows_1"` where a trace has one of that name already); or a plate of
            dim -1, to be in with whatever else is; None: one row, or one for each place of the plates that it is called
            in.
        values
            Encoded rows that are observed, shape [n, d]; in a plate of dim -1, a row for each of its places.

        Returns
        -------
        torch.Tensor
            Encoded values, shape [..., d].

        Raises
        ------
        TypeError, ValueError
            As `CausalModel.forward`, and if a value is no code of its variable.
        """
        if values is not None:
            self.check_values(values)
        aside = {*HIDDEN, *self.model.mechanisms.prior_sites}
        hidden = poutine.block(hide_fn=lambda site: site["type"] == "param" or site["name"] in aside)
        values = None if values is None else values.to(self.dtype)
        constants = {name: each.detach() for name, each in self.model.named_parameters()}
        with hidden, _OfVariables(self._kinds), pyro.condition(data={"edges": self._edges}):
            return torch.func.functional_call(self.model, constants, (values,), {"size": size})

    @property
    def dtype(self) -> torch.dtype:
        """Of encoded values."""
        return self._edges.dtype

    def check_values(self, values: Any) -> None:
        """Complain of rows that the program cannot observe.

        Raises
        ------
        TypeError, ValueError
            If they are no tensor of shape [n, d], or a value is no code of its variable, or is missing where none was
            missing in the fit.
        """
        self.model.check_shape(values)
        for i, (name, kind) in enumerate(self._kinds.items()):
            if not kind.missing and not bool(present(values[:, i]).all()):
                raise ValueError(f"values: {name!r} is missing in some rows, and was in none of the fit; fill them in")
            self.model.check_codes(i, values[:, i])

    def conditional(self, i: int, values: torch.Tensor) -> dist.TorchDistribution:
        """Distribution of a variable given the values of its parents: ``[*batch, d]`` -> batch shape ``[*batch]``."""
        return self.model.mechanisms.conditional(i, values, self._edges[i].to(values))

    def encode(self, frame: pd.DataFrame) -> torch.Tensor:
        """Rows in the variables' labels and units as the program takes them: n rows -> [n, d].

        Raises
        ------
        ValueError
            If a variable is not there, or a value is none of it.
        """
        if lacking := [name for name in self.names if name not in frame]:
            raise ValueError(f"frame has no column {lacking[0]!r}; variables: {', '.join(map(str, self.names))}")
        columns = [kind.encode(frame[name], f"column {name!r}") for name, kind in self._kinds.items()]
        return torch.from_numpy(np.stack(columns, 1)).to(self._edges)

    def decode(self, values: torch.Tensor) -> pd.DataFrame:
        """Encoded rows [n, d], or one row [d], in the variables' labels and units."""
        columns = values.detach().cpu().double().reshape(-1, len(self.names)).numpy().T
        return pd.DataFrame({name: kind.decode(columns[i]) for i, (name, kind) in enumerate(self._kinds.items())})

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Variables that act on one, directly or not, in the order of `names`.

        Raises
        ------
        ValueError
            If there is no such variable.
        """
        if name not in self.names:
            raise ValueError(f"{name!r} is no variable; variables: {', '.join(map(str, self.names))}")
        found, new = set[int](), {self.names.index(name)}
        while new:
            new = {int(j) for i in new for j in self.graph[i].nonzero()} - found
            found |= new
        return tuple(each for i, each in enumerate(self.names) if i in found)

    def __repr__(self) -> str:
        return f"Program({len(self.names)} variables, {int(self.graph.sum())} edges)"


class _OfVariables(Messenger):
    """Sites of variables say what kind these are of, and what all variables are called."""

    def __init__(self, kinds: dict[str, Kind]) -> None:
        super().__init__()
        self.kinds = kinds

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self.kinds:
            msg["infer"] = {**(msg["infer"] or {}), "kind": self.kinds[msg["name"]], "variables": tuple(self.kinds)}


def _checked(graph: Any, names: tuple[str, ...]) -> torch.Tensor:
    """A graph as boolean tensor [d, d]."""
    d = len(names)
    if isinstance(graph, nx.Graph):
        if strange := [node for node in graph if node not in names]:
            raise ValueError(f"graph: {strange[0]!r} is no variable; variables: {', '.join(map(str, names))}")
        if not graph.is_directed():
            raise ValueError("graph: its edges have no direction; pass a networkx.DiGraph, cause -> effect")
        found = torch.zeros(d, d, dtype=torch.bool)
        for cause, effect in graph.edges():
            found[names.index(effect), names.index(cause)] = True
    elif isinstance(graph, torch.Tensor | np.ndarray):
        found = torch.as_tensor(graph)
        if found.shape != (d, d):
            raise ValueError(f"graph: expected shape [{d}, {d}], got {list(found.shape)}")
        if not bool(((found == 0) | (found == 1)).all()):
            raise ValueError("graph: entries are 0 or 1; for probabilities, say from which on an edge is one")
        found = found.bool()
    else:
        raise TypeError(f"graph: expected a tensor or a networkx.DiGraph, got {type(graph).__name__}")
    if topological_order(found) is None:
        raise ValueError(
            "graph: it has a cycle, so that no row can be sampled; take an acyclic one, such as result.dag()"
        )
    return found
