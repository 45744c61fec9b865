"""The probabilistic program: a graph, then one sample site per variable under the variable's own name.

`CausalModel` is an ordinary Pyro model. `do`, `condition`, `block`, `replay`, `mask`, `Predictive` and
`pyrocausal.intervene` work on it; to use given graphs, condition the site `"edges"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Literal

import pyro
import torch
from pyro import poutine

from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import any_missing, present
from pyrocausal.model.acyclic import break_cycles, topological_order
from pyrocausal.model.edge_beliefs import EdgeBeliefs
from pyrocausal.model.local_module import LocalModule
from pyrocausal.model.mechanisms import Block, Mechanisms
from pyrocausal.model.row_plate import check_fits, row_plate
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["CausalModel"]


class CausalModel(LocalModule):
    """Beliefs over edges and a mechanism per variable, as one Pyro model.

    Sites: `"edges"` (Bernoulli, event shape [d, d], row = effect, column = cause) and one per variable. Plates:
    `"graphs"` (dim -2, only where several graphs are asked for) and `"rows"` (dim -1). The values that a mechanism
    sees are the values that the sites return, so a handler that changes a value reaches all its descendants.

    Parameters
    ----------
    names
        The variables, length d.
    kinds
        Their kinds, length d.
    mechanisms
        Functional parameters.
    beliefs
        Structural parameters.

    Raises
    ------
    ValueError
        If the arguments disagree on the number of variables.

    Examples
    --------
    Going on from the example of `discover`:

    >>> model = result.model
    >>> tuple(model(size=5).shape)  # rows under graphs that it draws itself
    (5, 3)
    >>> trace = pyro.poutine.trace(model).get_trace(data.observational[:4])
    >>> [name for name in trace.stochastic_nodes if name in model.names] == []  # all observed
    True
    """

    def __init__(
        self, names: Sequence[str], kinds: Sequence[Kind], mechanisms: Mechanisms, beliefs: EdgeBeliefs
    ) -> None:
        super().__init__()
        sizes = len(names), len(kinds), len(beliefs.free)
        if len(set(sizes)) > 1:
            raise ValueError("names, kinds and beliefs disagree on the number of variables: {}, {}, {}".format(*sizes))
        self.names = tuple(names)
        self.kinds = tuple(kinds)
        self.mechanisms = mechanisms
        self.beliefs = beliefs

    def forward(
        self,
        values: torch.Tensor | None = None,
        size: int | pyro.plate | None = None,
        graphs: int | Literal["rows"] | None = None,
    ) -> torch.Tensor:
        """Draw graphs, then observe or sample every variable.

        Without arguments a row is sampled.

        Parameters
        ----------
        values
            Encoded table, shape [n, d]: every variable is observed, whatever the graphs (a cyclic draw only scores). A
            missing value is NaN: its own term is masked, and its children see that it is unknown.
        size
            Without `values`: rows to sample, ancestrally, from one graph. A draw of `"edges"` that has a cycle loses,
            cycle by cycle, its least believed edge; the graph used is the site `"dag"`, the number of edges lost the
            site `"broken_edges"` (both deterministic). A plate of dim -1, in place of a number or with `values`, is
            used instead of a plate `"rows"`: what is enumerated on top of rows has to be in the same plate as they are.
            In such a plate, leave it out.
        graphs
            None: one graph. K: K graphs, each on all rows. `"rows"`: each row its own graph.

        Returns
        -------
        torch.Tensor
            The values, shape ``[*batch, d]``; encoded, see `InterventionalData.decode`.

        Raises
        ------
        TypeError
            If `values` is no tensor.
        ValueError
            If `values` has another shape; if `values` and a number of rows are given, or a plate of another size or
            dim, or if either does not fit the plate around; if a number is out of range; if values of several graphs
            are to be sampled; if a handler gives a categorical variable a value that is no code, or values of other
            rows; or if it changes the value of a site whose children were evaluated already, which can only happen
            where the graphs have no common topological order.
        """
        if values is not None:
            self.check_shape(values)
        if graphs != "rows":
            check("graphs", graphs, whole(1, optional=True))
        if values is None and graphs is not None:
            raise ValueError("rows are sampled from one graph at a time; leave graphs out and call again for more")
        self.mechanisms.sample_parameters()
        rows = row_plate(size, None if values is None else len(values))
        with ExitStack() as plates:
            if graphs is None:
                edges = self.beliefs()  # [d, d]
            elif graphs == "rows":
                plates.enter_context(rows)
                edges = self.beliefs()  # [n, d, d]
            else:
                plates.enter_context(pyro.plate("graphs", graphs, dim=-2))
                edges = self.beliefs()  # [K, 1, d, d]
            if graphs != "rows":
                plates.enter_context(rows)
            if values is None:
                return self._sample(edges)
            return self._observe(values, edges)

    def together(self, values: torch.Tensor, counts: torch.Tensor | None = None) -> None:
        """The same program with plates over the variables in place of a site each; every row has its own graph.

        A site per variable costs as much as the arithmetic in small networks, so the training loop runs this. A test
        holds its log-density equal to `forward(values, graphs="rows")`. Sites: `"edges"`, and `"block_k"` for the k-th
        block of `Mechanisms.blocks`, in the plates `"variables_k"` (dim -2) and `"rows"` (dim -1).

        Parameters
        ----------
        values
            Encoded table, shape [n, d].
        counts
            Whether a row's term of a variable counts, shape [n, d]; the others are masked. None counts all.
        """
        with pyro.plate("rows", len(values), dim=-1):
            edges = self.beliefs()  # [n, d, d]
            blocks = self.mechanisms.blocks(values, edges)
            observe_blocks(blocks, values, range(len(self.names)), self.kinds, counts)

    def _observe(self, values: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        reads = self._with_exposures(edges)
        order = topological_order(reads) if edges.dim() == 2 else None
        conditional = self.mechanisms.conditionals(values, edges)
        evaluated: list[int] = []
        for i in range(len(self.names)) if order is None else order:
            column = values[..., i]
            given = self.kinds[i].typed(column)
            with poutine.mask(mask=present(column)) if self.kinds[i].missing else nullcontext():  # type: ignore[call-overload]
                value = pyro.sample(self.names[i], conditional(i), obs=given)
            evaluated.append(i)
            if value is not given and not _same(value, column):
                late = [self.names[k] for k in evaluated if reads[..., k, i].any()]
                if late:
                    raise ValueError(
                        f"the value of {self.names[i]!r} was changed by a handler after its child {late[0]!r} had been "
                        "evaluated; use one acyclic graph, or number the variables in a topological order"
                    )
                self.check_codes(i, value)
                values = _replace(values, i, value)
                conditional = self.mechanisms.conditionals(values, edges)
        return values

    def given(self, graphs: torch.Tensor) -> Any:
        """The same program under graphs that are given.

        Parameters
        ----------
        graphs
            0/1 or boolean, shape [d, d] for one graph, [K, d, d] for K that every row has, see `forward`.

        Returns
        -------
        callable
            To be called as this model.
        """
        edges = graphs if graphs.is_floating_point() else graphs.to(self.beliefs.certain.dtype)
        return pyro.condition(self, {"edges": edges if edges.dim() == 2 else edges[:, None]})

    def _sample(self, edges: torch.Tensor) -> torch.Tensor:
        d = len(self.names)
        if edges.dim() != 2:
            raise ValueError(
                "rows are sampled from one graph at a time, and a plate around the model draws several; pass the plate "
                "as size, use a Program, or parallel=False with Predictive"
            )
        with torch.no_grad():
            reads, broken = break_cycles(
                self._with_exposures(edges), self._with_exposures(self.beliefs.edge_probability, torch.inf)
            )
            dag = reads * edges
        pyro.deterministic("dag", dag, event_dim=2)
        pyro.deterministic("broken_edges", edges.new_tensor(float(broken)), event_dim=0)
        values = edges.new_zeros(d)  # grows to [n, d] with the first value
        for i in topological_order(reads) or ():
            value = pyro.sample(self.names[i], self.mechanisms.conditional(i, values, dag[i]))
            check_fits(f"values of {self.names[i]!r}", value)
            self.check_codes(i, value)
            values = _replace(values, i, value)
        return values

    def _with_exposures(self, edges: torch.Tensor, value: float = 1.0) -> torch.Tensor:
        """Edges [..., d, d], and from exposures to their counts, which are in proportion to them under any graph."""
        offsets = [(i, kind.offset) for i, kind in enumerate(self.kinds)]
        if all(place is None for _, place in offsets):
            return edges
        found = edges.clone()
        for i, place in offsets:
            if place is not None:
                found[..., i, place] = value
        return found

    def check_shape(self, values: Any) -> None:
        """Complain of rows that are not encoded, or not of these variables.

        Raises
        ------
        TypeError, ValueError
            If they are no tensor, or not of shape [n, d].
        """
        if not isinstance(values, torch.Tensor):
            raise TypeError(f"values must be an encoded tensor, got {type(values).__name__}; use data.encode(frame)")
        if values.dim() != 2 or values.shape[1] != len(self.names):
            raise ValueError(f"values must have shape [n, {len(self.names)}], got {list(values.shape)}")
        if not len(values):
            raise ValueError("values: there are no rows; give one at least")

    def check_codes(self, i: int, value: torch.Tensor) -> None:
        """Complain of values [...] that are no codes: a lookup would read them as another variable's state.

        A variable that can be missing may be told to be: its children then see that it is unknown.

        Raises
        ------
        ValueError
            If one is none of the i-th variable.
        """
        if not self.kinds[i].allows(value[present(value)] if self.kinds[i].missing else value):
            raise ValueError(f"values of {self.names[i]!r} must be {self.kinds[i].required}")


def observe_blocks(
    blocks: Sequence[Block],
    values: torch.Tensor,
    effects: Sequence[int],
    kinds: Sequence[Kind],
    counts: torch.Tensor | None = None,
) -> None:
    """Sites of mechanisms that come in blocks, in a plate `"variables_k"` (dim -2) each; part of a program.

    Parameters
    ----------
    blocks
        See `Mechanisms.blocks`.
    values
        Encoded table, shape [n, d].
    effects
        The variable of each member.
    kinds
        Kinds of the variables, length d.
    counts
        Whether a row's term of a member counts, or how many times, shape [n, members of all blocks]; those that do not
        are masked. None counts all.
    """
    for k, (members, conditional) in enumerate(blocks):
        columns = [effects[m] for m in members]
        column = values[:, columns].t()  # [members, n]
        counted = None if counts is None else counts[:, list(members)].t()
        keep = None if counted is None else counted > 0
        if any_missing([kinds[i] for i in columns]):
            seen = present(column)
            keep = seen if keep is None else keep & seen
        given = kinds[columns[0]].typed(column)
        mask = nullcontext() if keep is None else poutine.mask(mask=keep)  # type: ignore[call-overload]
        scale: AbstractContextManager[object] = nullcontext()
        if counted is not None and counted.is_floating_point():
            scale = poutine.scale(scale=counted.clamp(min=torch.finfo(counted.dtype).tiny))
        with pyro.plate(f"variables_{k}", len(columns), dim=-2), mask, scale:
            pyro.sample(f"block_{k}", conditional, obs=given)


def _same(value: torch.Tensor, column: torch.Tensor) -> bool:
    """Whether a value that a handler gave is the one in the table, with the same gaps."""
    given = value.to(column.dtype)
    return value.shape == column.shape and bool(((given == column) | (given.isnan() & column.isnan())).all())


def _replace(values: torch.Tensor, i: int, value: torch.Tensor) -> torch.Tensor:
    """Values with column `i` replaced, batch shapes broadcast: [*a, d], [*b] -> [*broadcast(a, b), d]."""
    columns = list(values.unbind(-1))
    columns[i] = value.to(values.dtype)
    return torch.stack(torch.broadcast_tensors(*columns), -1)
