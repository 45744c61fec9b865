"""Functional parameters: for every variable a conditional distribution given *any* set of parents.

`Mechanisms` is the interface that the model needs and that a mechanism of your own implements; `NeuralMechanisms` is
one hidden-layer network per variable over the masked values of all the others (Ke et al. 2019, section 3.1), all of
them in one vectorised `PyroModule`, with one head per kind of variable.

Vocabulary: d variables, n rows, K sampled graphs, F input features, H hidden units; axes (..., effect, cause).

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.nn import PyroParam

from pyrocausal.kinds import Categorical, Kind
from pyrocausal.local import LocalModule

__all__ = ["Mechanisms", "NeuralMechanisms"]


class Mechanisms(LocalModule):
    """p(X_i | parents) for every variable and every parent set; subclass it to bring your own mechanisms.

    A subclass implements `conditional`; it may override `conditionals` where computing all variables together is
    faster. Values are encoded as in `InterventionalData`: category codes as floats, continuous values standardised.
    """

    def conditional(self, i: int, values: torch.Tensor, parents: torch.Tensor) -> dist.TorchDistribution:
        """Distribution of variable `i` given the values of its parents.

        Parameters
        ----------
        i
            The variable.
        values
            Encoded values of all variables, shape [*batch, d]. Only those of the parents may matter.
        parents
            0/1 rows of graphs, shape [*graphs, d]; entry j is 1 where X_j is a parent.

        Returns
        -------
        pyro.distributions.TorchDistribution
            Batch shape broadcast(batch, graphs), empty event shape.
        """
        raise NotImplementedError

    def conditionals(self, values: torch.Tensor, edges: torch.Tensor) -> Callable[[int], dist.TorchDistribution]:
        """All conditionals for one table of values; the place to compute what variables share.

        Parameters
        ----------
        values
            Shape [*batch, d].
        edges
            Graphs, shape [*graphs, d, d] (effect, cause).

        Returns
        -------
        callable
            Maps a variable `i` to `conditional(i, values, edges[..., i, :])`.
        """
        return lambda i: self.conditional(i, values, edges[..., i, :])


class NeuralMechanisms(Mechanisms):
    """One network per variable: linear layer over masked parents, leaky ReLU, linear layer, head.

    The first layer is linear in each parent's encoded value, so a hidden state is a sum over parents of looked-up
    rows. That gives two ways to the same number, chosen by shape: graphs that every row shares are contracted by one
    matrix product per variable; where each row has its own graph the masked inputs of all variables go through one
    batched product. A test holds both equal.

    A categorical variable enters as one-hot, a continuous one as its value and a constant that tells "absent" from
    "zero". With continuous variables some hidden units stay linear, so that a mechanism extrapolates to values that
    only interventions produce.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    hidden
        Hidden units H of each network.
    """

    linear_units = 2
    negative_slope = 0.1
    log_scale_bounds = (-5.0, 5.0)

    def __init__(self, kinds: Sequence[Kind], hidden: int = 32) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {hidden}")
        self.kinds = tuple(kinds)
        d = len(self.kinds)
        # Features: a block per variable. A categorical takes one per state, a continuous one a constant and its value.
        self.widths = [k.cardinality if isinstance(k, Categorical) else 2 for k in self.kinds]
        self.outputs = list(self.widths)  # states, or mean and log scale
        starts = torch.tensor([0, *self.widths]).cumsum(0)[:-1]
        features, outputs = sum(self.widths), max(self.outputs)
        self.discrete = [i for i, k in enumerate(self.kinds) if isinstance(k, Categorical)]
        self.continuous = [i for i in range(d) if i not in self.discrete]
        self.nonlinear = hidden
        units = hidden + (self.linear_units if self.continuous else 0)
        # Entries: what one row looks up. One per categorical variable, two per continuous one.
        owners = torch.tensor(self.discrete + self.continuous + self.continuous)
        first = torch.cat([starts[self.discrete], starts[self.continuous], starts[self.continuous] + 1])
        self.register_buffer("entry_owner", owners, persistent=False)
        self.register_buffer("entry_feature", first, persistent=False)
        self.register_buffer("feature_owner", torch.repeat_interleave(torch.tensor(self.widths)), persistent=False)
        self.weight_in: torch.Tensor = PyroParam(torch.randn(d, features, units) / d**0.5)  # type: ignore[assignment]
        self.bias_in: torch.Tensor = PyroParam(torch.zeros(d, units))  # type: ignore[assignment]
        self.weight_out: torch.Tensor = PyroParam(torch.randn(d, units, outputs) / units**0.5)  # type: ignore[assignment]
        self.bias_out: torch.Tensor = PyroParam(torch.zeros(d, outputs))  # type: ignore[assignment]

    def conditional(self, i: int, values: torch.Tensor, parents: torch.Tensor) -> dist.TorchDistribution:
        """See `Mechanisms.conditional`."""
        if values.dim() == 2 and (parents.dim() == 1 or (parents.dim() == 3 and parents.shape[-2] == 1)):
            return self._head(i, self._shared(i, *self._entries(values), parents))
        inputs = self._features(values) * parents[..., self.feature_owner]  # [*batch, F]
        h = self._activate(inputs @ self.weight_in[i] + self.bias_in[i], -1)  # [*batch, units]
        return self._head(i, (h @ self.weight_out[i] + self.bias_out[i]).movedim(-1, 0))

    def conditionals(self, values: torch.Tensor, edges: torch.Tensor) -> Callable[[int], dist.TorchDistribution]:
        """See `Mechanisms.conditionals`."""
        if values.dim() == 2 and (edges.dim() == 2 or (edges.dim() == 4 and edges.shape[-3] == 1)):
            entries = self._entries(values)
            return lambda i: self._head(i, self._shared(i, *entries, edges[..., i, :]))
        if not (values.dim() == 2 and edges.shape[:-2] == values.shape[:-1]):
            return super().conditionals(values, edges)
        inputs = self._features(values)[:, None] * edges[..., self.feature_owner]  # [n, d, F]
        h = torch.baddbmm(self.bias_in[:, None], inputs.transpose(0, 1), self.weight_in)  # [d, n, units]
        h = self._activate(h, -1).transpose(1, 2)  # [d, units, n]
        out = torch.baddbmm(self.bias_out[..., None], self.weight_out.transpose(1, 2), h)  # [d, outputs, n]
        return lambda i: self._head(i, out[i])

    def _features(self, values: torch.Tensor) -> torch.Tensor:
        """Encode values [..., d] as network inputs [..., F]."""
        index, scale = self._entries(values)
        features = values.new_zeros(*values.shape[:-1], len(self.feature_owner))
        return features.scatter(-1, index.movedim(0, -1), scale.movedim(0, -1))

    def _entries(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Feature index and scale of each input that is not zero: values [..., d] -> two of shape [E, ...]."""
        columns = values.movedim(-1, 0)
        codes, real = columns[self.discrete], columns[self.continuous]
        offset = self.entry_feature.reshape(-1, *[1] * (values.dim() - 1))
        index = torch.cat([codes, torch.zeros_like(real), torch.zeros_like(real)]).long() + offset
        return index, torch.cat([torch.ones_like(codes), torch.ones_like(real), real])

    def _shared(self, i: int, index: torch.Tensor, scale: torch.Tensor, parents: torch.Tensor) -> torch.Tensor:
        """Outputs where all rows share the graphs: entries [E, n], parents [d] or [K, 1, d] -> [outputs, (K,) n].

        Units and outputs come first in memory, so that the normaliser reduces over long contiguous rows; a softmax
        over a short last axis is 3-6 times slower.
        """
        n, m, graphs = index.shape[-1], self.outputs[i], parents.reshape(-1, parents.shape[-1])  # [K, d]
        used = graphs.any(0)[self.entry_owner].nonzero()[:, 0]  # entries of variables that are a parent in some graph
        rows = self.weight_in[i].t()[:, index[used]]  # [units, E, n]
        if self.continuous:
            rows = rows * scale[used]
        h = torch.matmul(graphs[:, self.entry_owner[used]], rows)  # [units, K, n]
        h = self._activate(h.add_(self.bias_in[i][:, None, None]), 0).flatten(1)  # [units, K * n]
        out = torch.addmm(self.bias_out[i][:m, None], self.weight_out[i][:, :m].t(), h)
        return out.view(m, n) if parents.dim() == 1 else out.view(m, len(graphs), n)

    def _activate(self, h: torch.Tensor, dim: int) -> torch.Tensor:
        """Leaky ReLU on the nonlinear units along `dim`, in place: a fresh buffer costs more than the layer."""
        F.leaky_relu_(h.narrow(dim, 0, self.nonlinear), self.negative_slope)
        return h

    def _head(self, i: int, out: torch.Tensor) -> dist.TorchDistribution:
        """Distribution from outputs [outputs, ...]."""
        if isinstance(self.kinds[i], Categorical):
            return dist.Categorical(logits=out[: self.outputs[i]].movedim(0, -1))
        return dist.Normal(out[0], out[1].clamp(*self.log_scale_bounds).exp())
