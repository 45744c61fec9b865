"""Mechanisms as networks: one with a hidden layer per variable over the masked values of all the others.

All of them are one vectorised `PyroModule`, with one head per kind of variable (Ke et al. 2019, section 3.1).

Vocabulary: d variables, n rows, K graphs, M copies, F input features, H hidden units; axes (..., effect, cause).

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.nn import PyroParam

from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import any_missing, filled, present
from pyrocausal.model.heads import distributions, spread_out
from pyrocausal.model.mechanisms import Block, Copies, Family, Mechanisms
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["NeuralCopies", "NeuralMechanisms"]


class NeuralMechanisms(Mechanisms):
    """One network per variable: linear layer over masked parents, leaky ReLU, linear layer, head.

    The first layer is linear in each parent's encoded value, so a hidden state is a sum over parents of looked-up
    rows. That gives three ways to the same number, chosen by shape: graphs that every row shares are contracted by one
    matrix product per variable; where each row has its own graph, rows of the parents are looked up and summed if
    parents are few, and else the masked inputs of all variables go through one batched product. Tests hold them equal.

    A categorical variable enters as one-hot, a continuous one as its value and a constant that tells "absent" from
    "zero", a count as its standardised logarithm and such a constant; a missing value has an embedding of its own. With
    continuous variables or counts there are as many tanh units beside the leaky ones, since some mechanisms saturate
    and some do not, and a few units stay linear, so that a mechanism extrapolates to values that only interventions
    produce. What the outputs mean is said by `Kind.distribution`.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    hidden
        Hidden units H of each network, of a kind.

    Examples
    --------
    >>> import torch
    >>> import pyrocausal as pc
    >>> mechanisms = pc.NeuralMechanisms([pc.Categorical((0, 1)), pc.Continuous(0.0, 1.0)], hidden=8)
    >>> of_second = mechanisms.conditional(1, torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]))  # X0 is its parent
    >>> type(of_second).__name__
    'Normal'
    """

    takes_missing = True
    linear_units = 2
    negative_slope = 0.1
    lookup_cost = 17.0  # features that a matrix product handles in the time of one looked-up row (32 units, measured)

    def __init__(self, kinds: Sequence[Kind], hidden: int = 32) -> None:
        super().__init__()
        check("hidden", hidden, whole(1))
        self.kinds, self.hidden = tuple(kinds), hidden
        d = len(self.kinds)
        # Features: a block per variable. A categorical takes one per state, a continuous one a constant and its value;
        # one that can have gaps takes another for "unknown", the last.
        self.widths = [kind.width for kind in self.kinds]
        self.outputs = [kind.outputs for kind in self.kinds]
        starts = torch.tensor([0, *self.widths]).cumsum(0)[:-1]
        features, outputs = sum(self.widths), max(self.outputs)
        self.discrete = [i for i, kind in enumerate(self.kinds) if kind.discrete]
        self.continuous = [i for i in range(d) if i not in self.discrete]  # as causes
        self.leaky, self.saturating = hidden, hidden if self.continuous else 0
        units = self.leaky + self.saturating + (self.linear_units if self.continuous else 0)
        self.gappy = [i for i in self.continuous if self.kinds[i].missing]
        # Entries: what one row looks up. One per categorical variable, two or three per continuous one.
        owners = torch.tensor(self.discrete + self.continuous + self.continuous + self.gappy)
        first = [starts[self.discrete], starts[self.continuous], starts[self.continuous] + 1, starts[self.gappy] + 2]
        cardinalities = torch.tensor([float(self.outputs[i]) for i in self.discrete])
        self.register_buffer("unknown", cardinalities, persistent=False)  # code of a missing category as a parent
        self.register_buffer("entry_owner", owners, persistent=False)
        self.register_buffer("entry_feature", torch.cat(first), persistent=False)
        self.register_buffer("feature_owner", torch.repeat_interleave(torch.tensor(self.widths)), persistent=False)
        self.weight_in: torch.Tensor = PyroParam(torch.randn(d, features, units) / d**0.5)  # type: ignore[assignment]
        self.bias_in: torch.Tensor = PyroParam(torch.zeros(d, units))  # type: ignore[assignment]
        self.weight_out: torch.Tensor = PyroParam(torch.randn(d, units, outputs) / units**0.5)  # type: ignore[assignment]
        self.bias_out: torch.Tensor = PyroParam(spread_out(kinds, torch.zeros(d, outputs)))  # type: ignore[assignment]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let a subclass that overrides `conditional` have its own in all that is made of it."""
        super().__init_subclass__(**kwargs)
        faster = ("conditional", "conditionals", "blocks", "copies", "exact")
        own = [name for name in faster if name in vars(cls)]
        if own and own[0] not in ("conditional", "copies", "exact"):
            raise TypeError(
                f"{cls.__name__} overrides {own[0]!r} but not 'conditional', which rows are sampled with; override it"
            )
        for name in faster[faster.index(own[0]) + 1 :] if own else ():
            if name not in own:
                setattr(cls, name, vars(Mechanisms)[name])

    @classmethod
    def fits(cls, state: Mapping[str, torch.Tensor], kinds: Sequence[Kind], hidden: int) -> bool:
        """Whether tensors of a `state_dict` are of networks of such variables, without making any."""
        units = 2 * hidden + cls.linear_units if any(not kind.discrete for kind in kinds) else hidden
        d, inputs, outputs = len(kinds), sum(kind.width for kind in kinds), max(kind.outputs for kind in kinds)
        wanted = {(d, inputs, units), (d, units), (d, units, outputs), (d, outputs)}
        return {tuple(each.shape) for each in state.values()} == wanted

    def conditional(self, i: int, values: torch.Tensor, parents: torch.Tensor) -> dist.TorchDistribution:
        """See `Mechanisms.conditional`."""
        if values.dim() == 2 and (parents.dim() == 1 or (parents.dim() == 3 and parents.shape[-2] == 1)):
            return self.kinds[i].distribution(self._shared(i, *self._entries(values), parents), values)
        inputs = self._features(values) * parents[..., self.feature_owner]  # [*batch, F]
        h = self._activate(inputs @ self.weight_in[i] + self.bias_in[i], -1)  # [*batch, units]
        return self.kinds[i].distribution((h @ self.weight_out[i] + self.bias_out[i]).movedim(-1, 0), values)

    def conditionals(self, values: torch.Tensor, edges: torch.Tensor) -> Callable[[int], dist.TorchDistribution]:
        """See `Mechanisms.conditionals`."""
        if values.dim() == 2 and (edges.dim() == 2 or (edges.dim() == 4 and edges.shape[-3] == 1)):
            entries = self._entries(values)
            return lambda i: self.kinds[i].distribution(self._shared(i, *entries, edges[..., i, :]), values)
        if values.dim() == 2 and edges.shape[:-2] == values.shape[:-1]:
            out = self._rowwise(values, edges)  # [d, outputs, n]
            return lambda i: self.kinds[i].distribution(out[i], values)
        return super().conditionals(values, edges)

    def blocks(self, values: torch.Tensor, edges: torch.Tensor) -> list[Block]:
        """See `Mechanisms.blocks`: a block of the categorical variables, one of the continuous, one of the counts."""
        return distributions(self.kinds, self._rowwise(values, edges), values)

    def copies(self, families: Sequence[Family]) -> NeuralCopies:
        """See `Mechanisms.copies`."""
        return NeuralCopies(self, families)

    def exact(self, i: int) -> bool:
        """See `Mechanisms.exact`: of a continuous variable, unless it is a mixture."""
        return self.kinds[i].form == (1, "normal", 1)

    @torch.no_grad()
    def adopt(self, families: Sequence[Family], copies: Copies) -> bool:
        """See `Mechanisms.adopt`."""
        if not isinstance(copies, NeuralCopies):
            return False
        weights = copies.raw_weight_in
        for m, (i, _) in enumerate(families):
            inputs = copies.columns[m] < len(self.feature_owner)
            self.weight_in[i] = 0.0
            self.weight_in[i, copies.columns[m][inputs]] = weights[m][inputs]
            for name in ("bias_in", "weight_out", "bias_out"):
                getattr(self, name)[i] = getattr(copies, name)[m]
        return True

    def _rowwise(self, values: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        """Outputs where each row has its own graph: values [n, d], edges [n, d, d] -> [d, outputs, n]."""
        n, d = values.shape
        parents_per_row = float(edges.sum()) / (n * d)
        if len(self.feature_owner) > self.lookup_cost * (1 + parents_per_row):
            h = self._looked_up(values, edges) + self.bias_in[:, None]  # [d, n, units]
        else:
            inputs = self._features(values)[:, None] * edges[..., self.feature_owner]  # [n, d, F]
            h = torch.baddbmm(self.bias_in[:, None], inputs.transpose(0, 1), self.weight_in)  # [d, n, units]
        h = self._activate(h, -1).transpose(1, 2)  # [d, units, n]
        return torch.baddbmm(self.bias_out[..., None], self.weight_out.transpose(1, 2), h)

    def _looked_up(self, values: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        """First layer as sums of the parents' rows of the weights: values [n, d], edges [n, d, d] -> [d, n, units]."""
        n, d = values.shape
        index, scale = self._entries(values)  # [E, n] each
        used = edges.transpose(0, 1)[..., self.entry_owner]  # [d, n, E]
        effect, row, entry = used.nonzero().unbind(1)
        sizes = used.sum(-1).long().flatten()
        summed = F.embedding_bag(
            effect * len(self.feature_owner) + index[entry, row],
            self.weight_in.flatten(0, 1),
            sizes.cumsum(0) - sizes,
            mode="sum",
            per_sample_weights=scale[entry, row] if self.continuous else None,
        )
        return summed.view(d, n, -1)

    def _features(self, values: torch.Tensor) -> torch.Tensor:
        """Encode values [..., d] as network inputs [..., F]."""
        index, scale = self._entries(values)
        features = values.new_zeros(*values.shape[:-1], len(self.feature_owner))
        return features.scatter(-1, index.movedim(0, -1), scale.movedim(0, -1))

    def _entries(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Feature index and scale of each input that is not zero: values [..., d] -> two of shape [E, ...]."""
        columns = entering(self.kinds, values).movedim(-1, 0)
        codes, real, gappy = columns[self.discrete], columns[self.continuous], columns[self.gappy]
        offset = self.entry_feature.reshape(-1, *[1] * (values.dim() - 1))
        if any_missing(self.kinds):
            unknown = self.unknown.reshape(-1, *[1] * (values.dim() - 1))
            codes, real = torch.where(present(codes), codes, unknown), filled(real)
        index = torch.cat([codes, torch.zeros_like(real), torch.zeros_like(real), torch.zeros_like(gappy)]).long()
        return index + offset, torch.cat(
            [torch.ones_like(codes), torch.ones_like(real), real, (~present(gappy)).to(real)]
        )

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
        """Leaky ReLU and tanh on their units along `dim`; in place if all are one: a fresh buffer costs most."""
        if not self.saturating:
            return F.leaky_relu_(h, self.negative_slope)
        leaky, saturating, linear = h.split((self.leaky, self.saturating, self.linear_units), dim)
        return torch.cat([F.leaky_relu(leaky, self.negative_slope), saturating.tanh(), linear], dim)


class NeuralCopies(Copies):
    """Networks of `NeuralMechanisms`, each cut down to the inputs of one parent set.

    Continuous parents in a dense graph all but determine each other, and gradient descent goes slowly along the
    directions in which they hardly vary. So before a fit, copies turn and stretch their continuous inputs until these
    are uncorrelated with second moments of one, and their first layers the other way round.

    Parameters
    ----------
    mechanisms
        Where weights are copied from.
    families
        The variable and the parents of each copy; length M.
    """

    least_moment = 1e-4  # of the largest one, is taken for one that is smaller
    whiten: torch.Tensor | None

    def __init__(self, mechanisms: NeuralMechanisms, families: Sequence[Family]) -> None:
        super().__init__()
        self._source = [mechanisms]  # in a list, so that it is no part of this module
        effects = [effect for effect, _ in families]
        owner, nothing = mechanisms.feature_owner, len(mechanisms.feature_owner)
        inputs = [torch.isin(owner, owner.new_tensor(parents)).nonzero()[:, 0] for _, parents in families]
        width = max(1, *(len(features) for features in inputs))
        # Where a copy has fewer inputs than the widest, the rest point to a feature that is always zero.
        columns = torch.stack([F.pad(f, (0, width - len(f)), value=nothing) for f in inputs])
        self.register_buffer("columns", columns, persistent=False)  # [M, width]
        self.register_buffer("whiten", None, persistent=False)  # [M, width, width]
        with torch.no_grad():
            padded = F.pad(mechanisms.weight_in[effects], (0, 0, 0, 1))  # [M, F + 1, units]
            picked = padded.gather(1, columns[..., None].expand(-1, -1, padded.shape[-1]))
        self.weight_in: torch.Tensor = PyroParam(picked)  # type: ignore[assignment]
        for name in ("bias_in", "weight_out", "bias_out"):
            setattr(self, name, PyroParam(getattr(mechanisms, name)[effects].detach().clone()))
        self.kinds = [mechanisms.kinds[effect] for effect in effects]

    @property
    def raw_weight_in(self) -> torch.Tensor:
        """First layers over inputs as they were before these were whitened, [M, width, units]."""
        return self.weight_in if self.whiten is None else self.whiten.mT @ self.weight_in

    @property
    def free_parameters(self) -> int:
        """Those that outputs are linear in: the others shape what these are to sum, and are of little avail alone."""
        return self.weight_out[0].numel() + self.bias_out[0].numel()

    @torch.no_grad()
    def precondition(self, values: torch.Tensor, counts: torch.Tensor) -> None:
        """See `Copies.precondition`: continuous inputs are whitened by the inverse root of their second moments."""
        (source,) = self._source
        if not source.continuous:
            return
        counted = counts.t().to(values.dtype)[:, None]  # [M, 1, N]
        inputs = self._inputs(values)
        moments = (inputs * counted) @ inputs.transpose(1, 2) / counted.sum(-1, keepdim=True).clamp(min=1.0)
        numbers = torch.isin(source.feature_owner, source.feature_owner.new_tensor(source.continuous))
        number = F.pad(numbers, (0, 1))[self.columns]  # [M, width]
        moments = torch.where(number[:, :, None] & number[:, None], moments, torch.diag_embed((~number).to(moments)))
        size, direction = torch.linalg.eigh(moments.double())
        root = size.clamp(min=self.least_moment * size[:, -1:]).sqrt()[:, None]  # [M, 1, width]
        whiten = (direction / root @ direction.mT).to(values.dtype)
        self.whiten = whiten if self.whiten is None else whiten @ self.whiten
        self.weight_in.copy_((direction * root @ direction.mT).to(values.dtype) @ self.weight_in)

    def _inputs(self, values: torch.Tensor) -> torch.Tensor:
        """Features of the parents, [n, d] -> [M, width, n]."""
        (source,) = self._source
        inputs = F.pad(source._features(values), (0, 1)).t()[self.columns]
        return inputs if self.whiten is None else self.whiten @ inputs

    def conditional(self, m: int, values: torch.Tensor) -> dist.TorchDistribution:
        """See `Copies.conditional`."""
        (source,) = self._source
        inputs = F.pad(source._features(values), (0, 1))[..., self.columns[m]]  # [*batch, width]
        inputs = inputs if self.whiten is None else inputs @ self.whiten[m].mT
        h = source._activate(inputs @ self.weight_in[m] + self.bias_in[m], -1)  # [*batch, units]
        return self.kinds[m].distribution((h @ self.weight_out[m] + self.bias_out[m]).movedim(-1, 0), values)

    def blocks(self, values: torch.Tensor) -> list[Block]:
        """See `Copies.blocks`."""
        (source,) = self._source
        inputs = self._inputs(values)  # [M, width, n]
        # Rows last in memory, which the activations like best. Nothing is changed in place: autograd would copy it. The
        # linear units make one map from inputs to outputs.
        leaky, end = source.leaky, source.leaky + source.saturating
        into, bias = self.weight_in.transpose(1, 2), self.bias_in[..., None]
        outof, out = self.weight_out.transpose(1, 2), self.bias_out[..., None]  # [M, outputs, units or 1]
        if source.continuous:
            out = torch.baddbmm(out, outof[..., end:], bias[:, end:])
            out = torch.baddbmm(out, torch.bmm(outof[..., end:], into[:, end:]), inputs)  # [M, outputs, n]
            h = torch.baddbmm(bias[:, leaky:end], into[:, leaky:end], inputs).tanh()  # [M, H, n]
            out = torch.baddbmm(out, outof[..., leaky:end], h)
        h = F.leaky_relu(torch.baddbmm(bias[:, :leaky], into[:, :leaky], inputs), source.negative_slope)  # [M, H, n]
        out = torch.baddbmm(out, outof[..., :leaky], h)  # [M, outputs, n]
        return distributions(self.kinds, out, values)
