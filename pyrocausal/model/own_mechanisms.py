"""Mechanisms of the user's for some variables beside those of the rest, and copies of either.

Parameters may have priors (`PyroSample`). They are fitted to their most probable values, of which each is a site
`<variable>.<parameter>` of the program, observed, before any plate. `pyrocausal.model.per_variable` makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, cast

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, PyroParam

from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Continuous, Exposure
from pyrocausal.model.mechanisms import Block, Copies, Family, Mechanisms

__all__ = ["OwnCopies", "OwnMechanisms"]

ROUNDS = 300  # of the search for the most probable parameters


class OwnMechanisms(Mechanisms):
    """What `PerVariable` makes.

    Parameters
    ----------
    names, kinds
        Of the variables, length d.
    rest
        Mechanisms of all of them.
    own
        As they are made, by the names of their variables; fitted are copies.
    """

    def __init__(
        self, names: Sequence[str], kinds: Sequence[Kind], rest: Mechanisms, own: Mapping[str, PyroModule]
    ) -> None:
        super().__init__()
        self.names, self.kinds, self.own = tuple(names), tuple(kinds), dict(own)
        self.rest = rest
        self.takes_missing = False
        self.parents: dict[int, tuple[int, ...]] = {}
        self._priors: dict[int, dict[str, Any]] = {}
        for name, each in self.own.items():
            wanted = (name, *cast(Any, each).parents)
            if strange := [one for one in wanted if one not in self.names]:
                raise ValueError(f"own: {strange[0]!r} is no variable; variables: {', '.join(self.names)}")
            exposed = [one for one in wanted if isinstance(self.kinds[self.names.index(one)], Exposure)]
            if exposed:
                raise ValueError(f"own: {exposed[0]!r} is an exposure, which is neither cause nor effect of anything")
            if name in wanted[1:]:
                raise ValueError(f"own: {name!r} cannot be its own parent")
            i = self.names.index(name)
            self.parents[i] = tuple(self.names.index(one) for one in wanted[1:])
            fitted = deepcopy(each)
            self._priors[i] = _as_parameters(fitted)
            setattr(self, f"of_{i}", fitted)

    @property
    def prior_sites(self) -> tuple[str, ...]:
        """See `Mechanisms.prior_sites`."""
        return tuple(f"{self.names[i]}.{name}" for i, priors in self._priors.items() for name in priors)

    def sample_parameters(self) -> None:
        """See `Mechanisms.sample_parameters`: priors of what was fitted."""
        for i, priors in self._priors.items():
            for name, prior in priors.items():
                pyro.sample(f"{self.names[i]}.{name}", prior, obs=_get(self._module(i), name))

    def conditional(self, i: int, values: torch.Tensor, parents: torch.Tensor) -> dist.TorchDistribution:
        """See `Mechanisms.conditional`."""
        return self._either(i, values, parents, lambda: self.rest.conditional(i, values, parents))

    def conditionals(self, values: torch.Tensor, edges: torch.Tensor) -> Callable[[int], dist.TorchDistribution]:
        """See `Mechanisms.conditionals`."""
        rest = self.rest.conditionals(values, edges)
        return lambda i: self._either(i, values, edges[..., i, :], lambda: rest(i))

    def copies(self, families: Sequence[Family]) -> OwnCopies | None:
        """See `Mechanisms.copies`."""
        others = [family for family in families if not self.bound(*family)]
        rest = self.rest.copies(others) if others else None
        return None if others and rest is None else OwnCopies(self, families, rest)

    def exact(self, i: int) -> bool:
        """See `Mechanisms.exact`: not of a variable that has a mechanism of its own for some parents."""
        return i not in self.parents and self.rest.exact(i)

    def bootstrapped(self, family: Family, values: torch.Tensor, counts: torch.Tensor) -> OwnCopies | None:
        """See `Mechanisms.bootstrapped`: the most probable parameters of each, as those that are settled."""
        if not self.bound(*family):
            return None
        copies = OwnCopies(self, [family] * counts.shape[1], None)
        for m in copies.mine:
            self._maximise(family[0], values, counts[:, m], getattr(copies, f"copy_{m}"))
        return copies

    def polish(self, values: torch.Tensor, weights: torch.Tensor, graph: torch.Tensor) -> None:
        """See `Mechanisms.polish`: the most probable parameters of the mechanisms that the graph asks for."""
        for i in self.parents:
            if self.bound(i, tuple(graph[i].nonzero()[:, 0].tolist())):
                self._maximise(i, values, weights[:, i], self._module(i))

    def fitted(self, name: str) -> PyroModule:
        """The fitted mechanism of a variable that has its own, with its parameters as attributes.

        Raises
        ------
        ValueError
            If it has none.
        """
        if name not in self.own:
            raise ValueError(f"{name!r} has no mechanism of its own; those that have: {', '.join(self.own)}")
        return self._module(self.names.index(name))

    def bound(self, i: int, parents: tuple[int, ...]) -> bool:
        """Whether a variable with some parents has the mechanism of its own."""
        return i in self.parents and set(parents) == set(self.parents[i])

    def own_distribution(self, i: int, values: torch.Tensor, module: PyroModule) -> dist.TorchDistribution:
        """The distribution of codes that a mechanism of a variable gives for values [*batch, d]."""
        inputs = [
            values[..., j] if self.kinds[j].discrete else self.kinds[j].in_units(values[..., j])
            for j in self.parents[i]
        ]
        with pyro.settings.context(module_local_params=True):  # its parameters are no business of Pyro's store
            return _of_codes(module(*inputs), self.kinds[i])

    def _module(self, i: int) -> PyroModule:
        return cast(PyroModule, getattr(self, f"of_{i}"))

    def _either(
        self, i: int, values: torch.Tensor, parents: torch.Tensor, rest: Callable[[], dist.TorchDistribution]
    ) -> dist.TorchDistribution:
        """Its own where the parents are those that it names, else that of the rest."""
        if i not in self.parents:
            return rest()
        mine = torch.zeros(len(self.names), dtype=torch.bool, device=parents.device)
        mine[list(self.parents[i])] = True
        here = (parents.bool() == mine).all(-1)
        if not bool(here.any()):
            return rest()
        own = self.own_distribution(i, values, self._module(i))
        return own if bool(here.all()) else dist.MaskedMixture(here, rest(), own)

    def _maximise(self, i: int, values: torch.Tensor, weights: torch.Tensor, module: PyroModule) -> None:
        given = weights > 0
        rows, counts = values[given], weights[given]
        target = self.kinds[i].typed(rows[:, i])
        parameters = [each for each in module.parameters() if each.requires_grad]
        optimiser = torch.optim.LBFGS(parameters, max_iter=ROUNDS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            likely = (self.own_distribution(i, rows, module).log_prob(target) * counts).sum()
            priors = [prior.log_prob(_get(module, name)).sum() for name, prior in self._priors[i].items()]
            found = -(likely + sum(priors)) / counts.sum()
            found.backward()
            return found

        before = [each.detach().clone() for each in parameters]
        optimiser.step(loss)
        if not all(bool(each.isfinite().all()) for each in parameters):  # where it has none
            with torch.no_grad():
                for each, was in zip(parameters, before, strict=True):
                    each.copy_(was)


class OwnCopies(Copies):
    """Copies of mechanisms of one's own, and of the rest.

    Parameters
    ----------
    mechanisms
        Where they come from.
    families
        The variable and the parents of each copy; length M.
    rest
        Copies of those that have no mechanism of their own, in order; None without any.
    """

    def __init__(self, mechanisms: OwnMechanisms, families: Sequence[Family], rest: Copies | None) -> None:
        super().__init__()
        self._source, self.families = [mechanisms], list(families)  # in a list, so that it is no part of this module
        self.mine = [m for m, family in enumerate(families) if mechanisms.bound(*family)]
        self.others = [m for m in range(len(families)) if m not in self.mine]
        self.rest = rest
        for m in self.mine:
            setattr(self, f"copy_{m}", deepcopy(mechanisms._module(families[m][0])))

    @property
    def free_parameters(self) -> int:
        """Of the copy with the most of them."""
        own = [sum(each.numel() for each in getattr(self, f"copy_{m}").parameters()) for m in self.mine]
        return max([*own, *([self.rest.free_parameters] if self.rest is not None else [])])

    def precondition(self, values: torch.Tensor, counts: torch.Tensor) -> None:
        """See `Copies.precondition`."""
        if self.rest is not None:
            self.rest.precondition(values, counts[:, self.others])

    def conditional(self, m: int, values: torch.Tensor) -> dist.TorchDistribution:
        """See `Copies.conditional`."""
        if m in self.others:
            assert self.rest is not None
            return self.rest.conditional(self.others.index(m), values)
        (source,) = self._source
        return source.own_distribution(self.families[m][0], values, getattr(self, f"copy_{m}"))

    def blocks(self, values: torch.Tensor) -> list[Block]:
        """See `Copies.blocks`."""
        found = [] if self.rest is None else self.rest.blocks(values)
        blocks = [Block(tuple(self.others[m] for m in each.members), each.conditional) for each in found]
        mine = [Block((m,), self.conditional(m, values).expand(torch.Size([1, len(values)]))) for m in self.mine]
        return [*blocks, *mine]


def _of_codes(fn: dist.TorchDistribution, kind: Kind) -> dist.TorchDistribution:
    """A distribution in a variable's units as one of its codes."""
    if not isinstance(kind, Continuous):
        return fn
    shift, scale = kind.units
    if isinstance(fn, dist.Normal):
        return dist.Normal((fn.loc - shift) / scale, fn.scale / scale)
    to_codes = dist.transforms.AffineTransform(-shift / scale, 1 / scale)
    return dist.TransformedDistribution(fn, [to_codes])


def _as_parameters(module: PyroModule) -> dict[str, Any]:
    """Turn attributes with priors into parameters, and give back the priors by their names."""
    found: dict[str, Any] = {}
    for path, each in [*module.named_modules()]:
        for name, prior in [*getattr(each, "_pyro_samples", {}).items()]:
            if not isinstance(prior, torch.distributions.Distribution):
                raise TypeError(f"own: the prior of {name!r} has to be a distribution, got {prior!r}")
            if hasattr(torch.nn.Module, name):
                raise TypeError(f"own: every module has an attribute {name!r}; call the parameter something else")
            with torch.no_grad():
                start = _typical(prior)
            delattr(each, name)
            setattr(each, name, PyroParam(start, constraint=cast(Any, prior.support)))
            found[f"{path}.{name}" if path else name] = prior
    return found


def _typical(prior: Any) -> torch.Tensor:
    """A value near the middle of a prior."""
    try:
        return prior.icdf(torch.full(prior.batch_shape, 0.5))
    except (NotImplementedError, TypeError):
        return prior.mean.clone()


def _get(module: Any, name: str) -> torch.Tensor:
    *path, last = name.split(".")
    for each in path:
        module = getattr(module, each)
    return cast(torch.Tensor, getattr(module, last))
