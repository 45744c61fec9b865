"""Functional parameters: for every variable a conditional distribution given *any* set of parents.

`Mechanisms` is the interface that the model needs and that a mechanism of your own implements; `NeuralMechanisms` in
`pyrocausal.model.neural_mechanisms` is ours.

Vocabulary: d variables, n rows, K sampled graphs, M copies; axes (..., effect, cause).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import pyro.distributions as dist
import torch

from pyrocausal.model.local_module import LocalModule

__all__ = ["Block", "Copies", "Family", "Mechanisms"]


class Mechanisms(LocalModule):
    """p(X_i | parents) for every variable and every parent set; subclass it to bring your own mechanisms.

    A subclass implements `conditional`; it may override `conditionals` where computing all variables together is
    faster. Values are encoded as in `InterventionalData`: category codes as floats, continuous values standardised, NaN
    where a value is missing; one that takes such values says so.

    Attributes
    ----------
    takes_missing
        Whether values may be NaN; of a class.

    Examples
    --------
    >>> import pyro.distributions as dist
    >>> import pyrocausal as pc
    >>> class Regression(pc.Mechanisms):  # of numbers
    ...     def __init__(self, kinds):
    ...         super().__init__()
    ...         self.weight = torch.nn.Parameter(torch.zeros(len(kinds), len(kinds)))
    ...     def conditional(self, i, values, parents):
    ...         return dist.Normal((values * parents * self.weight[i]).sum(-1), 1.0)
    >>> algorithm = pc.SDI(mechanisms=Regression)
    """

    takes_missing = False

    def conditional(self, i: int, values: torch.Tensor, parents: torch.Tensor) -> dist.TorchDistribution:
        """Distribution of variable `i` given the values of its parents.

        Parameters
        ----------
        i
            The variable.
        values
            Encoded values of all variables, shape ``[*batch, d]``. Only those of the parents may matter.
        parents
            0/1 rows of graphs, shape ``[*graphs, d]``; entry j is 1 where X_j is a parent.

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
            Shape ``[*batch, d]``.
        edges
            Graphs, shape ``[*graphs, d, d]`` (effect, cause).

        Returns
        -------
        callable
            Maps a variable `i` to `conditional(i, values, edges[..., i, :])`.
        """
        return lambda i: self.conditional(i, values, edges[..., i, :])

    @property
    def prior_sites(self) -> tuple[str, ...]:
        """Names of sites that are priors of parameters which were fitted; by default there are none."""
        return ()

    def sample_parameters(self) -> None:
        """Run the sites of parameters, before any plate; by default those of attributes with priors (`PyroSample`)."""
        for module in self.modules():
            for name in getattr(module, "_pyro_samples", ()):
                getattr(module, name)

    def polish(self, values: torch.Tensor, weights: torch.Tensor, graph: torch.Tensor) -> None:
        """Fit to the end what gradient steps under many graphs do not, once the graph is settled; by default nothing.

        Parameters
        ----------
        values
            All rows, shape [N, d].
        weights
            How much every row tells of every variable's mechanism, shape [N, d].
        graph
            Boolean, shape [d, d] (effect, cause).
        """

    def bootstrapped(self, family: Family, values: torch.Tensor, counts: torch.Tensor) -> Copies | None:
        """Copies for one family, each fitted to the end with weights of its own, where there is a way of one's own.

        Parameters
        ----------
        family
            The variable and its parents.
        values
            Rows, shape [N, d].
        counts
            How many times each counts for each copy, shape [N, M].

        Returns
        -------
        Copies or None
            None, the default: there is none, and `copies` are fitted by gradient steps.
        """
        return None

    def exact(self, i: int) -> bool:
        """Whether a copy for variable `i` may be fitted exactly, as a small network with a normal distribution.

        Then it is (`pyrocausal.copies.exact_fit`), and not made by `copies`. By default not.
        """
        return False

    def copies(self, families: Sequence[Family]) -> Copies | None:
        """Independent copies of the mechanisms of some variables, each with parents that stay.

        Parameters
        ----------
        families
            The variable and the parents of each copy; length M.

        Returns
        -------
        Copies or None
            None, the default: these mechanisms cannot be copied one by one.
        """
        return None

    def adopt(self, families: Sequence[Family], copies: Copies) -> bool:
        """Take over what copies of one's own have learned, other variables being no cause at all.

        Parameters
        ----------
        families
            The variable and the parents of each copy; length M.
        copies
            As made by `copies`.

        Returns
        -------
        bool
            Whether that was done; False, the default, where there is no way to.
        """
        return False

    def blocks(self, values: torch.Tensor, edges: torch.Tensor) -> list[Block]:
        """Conditionals of rows that each have a graph of their own, variables of one kind together.

        Parameters
        ----------
        values
            Shape [n, d].
        edges
            One graph per row, shape [n, d, d] (effect, cause).

        Returns
        -------
        list of Block
            Every variable in one of them; by default a block for each.
        """
        conditional = self.conditionals(values, edges)
        return [Block((i,), conditional(i).expand(torch.Size([1, len(values)]))) for i in range(values.shape[-1])]


class Block(NamedTuple):
    """Variables whose conditionals are one distribution.

    Attributes
    ----------
    members
        The variables.
    conditional
        Batch shape [len(members), n].
    """

    members: tuple[int, ...]
    conditional: dist.TorchDistribution


Family: TypeAlias = tuple[int, tuple[int, ...]]  # a variable, and its parents in ascending order


class Copies(LocalModule):
    """Mechanisms that each know one parent set; see `Mechanisms.copies`."""

    @property
    def free_parameters(self) -> int:
        """How many parameters of a copy count where it is held against what has fewer; by default all of one copy."""
        return sum(each[0].numel() for each in self.parameters())

    def precondition(self, values: torch.Tensor, counts: torch.Tensor) -> None:
        """Get ready to be fitted to rows, in a way that leaves every distribution as it is; by default nothing.

        Parameters
        ----------
        values
            Shape [N, d].
        counts
            Whether a row tells of the mechanism that a copy stands for, or how many rows it counts as; shape [N, M].
        """

    def conditional(self, m: int, values: torch.Tensor) -> dist.TorchDistribution:
        """Distribution of the variable of copy `m` given values of its parents: [*batch, d] -> batch shape [*batch]."""
        raise NotImplementedError

    def blocks(self, values: torch.Tensor) -> list[Block]:
        """Conditionals of rows, copies for variables of one kind together.

        Parameters
        ----------
        values
            Shape [n, d].

        Returns
        -------
        list of Block
            Every copy, counted from 0, in one of them.
        """
        raise NotImplementedError
