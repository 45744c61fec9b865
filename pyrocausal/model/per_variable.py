"""A mechanism of your own for some variables, networks for the rest.

A Hill curve, a rate law, a threshold: where one knows the form of a mechanism, `PerVariable` puts it in the place of a
network. It is bound to the parents that it names. Under any other parents the variable has the mechanism of the rest,
so that graphs with and without those edges can be compared, and settling judges it by how well it predicts.

What is made of it is in `pyrocausal.model.own_mechanisms`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from pyro.nn import PyroModule

from pyrocausal.data.kind import Kind
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.own_mechanisms import OwnMechanisms

__all__ = ["PerVariable"]


@dataclass(frozen=True)
class PerVariable:
    """Mechanisms of some variables, and what makes those of the rest; to be given to `SDI(mechanisms=...)`.

    Parameters
    ----------
    rest
        Makes the mechanisms of all variables from their kinds, such as `NeuralMechanisms`.
    own
        By the name of a variable its mechanism: a `PyroModule` or its class, made without arguments. Its attribute
        `parents` names the variables that it is a function of, in order. Called with their values, in their units
        (codes of states), tensors of one shape, it returns the distribution of the variable in its units (over codes
        of states). Its parameters are `PyroParam`, `torch.nn.Parameter`, or, with a prior, `PyroSample`.

    Raises
    ------
    TypeError
        If a mechanism is no module or names no parents.

    Examples
    --------
    >>> from torch.distributions.constraints import positive
    >>> import pyrocausal as pc
    >>> class Hill(PyroModule):
    ...     parents = ("dose",)
    ...
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.ec50 = pyro.nn.PyroSample(dist.LogNormal(0.0, 1.0))
    ...         self.noise = PyroParam(torch.tensor(1.0), constraint=positive)
    ...
    ...     def forward(self, dose):
    ...         return dist.Normal(dose / (self.ec50 + dose), self.noise)
    >>> algorithm = pc.SDI(mechanisms=PerVariable(pc.NeuralMechanisms, {"response": Hill}))
    """

    rest: Callable[..., Mechanisms]
    own: Mapping[str, type[PyroModule] | PyroModule]

    def __post_init__(self) -> None:
        if not isinstance(self.own, Mapping):
            raise TypeError(f"own: expected mechanisms by the names of variables, got {self.own!r}")
        for name, each in self.own.items():
            made = each if isinstance(each, type) else type(each)
            if not issubclass(made, PyroModule):
                raise TypeError(f"own: the mechanism of {name!r} has to be a PyroModule or its class, got {each!r}")
            parents = getattr(each, "parents", None)
            if not isinstance(parents, tuple | list) or not parents or not all(isinstance(p, str) for p in parents):
                raise TypeError(
                    f"own: the mechanism of {name!r} has to name its parents, as parents = ('dose',); got {parents!r}"
                )

    def __call__(self, kinds: Sequence[Kind], names: Sequence[str]) -> OwnMechanisms:
        """Make the mechanisms of some variables.

        Raises
        ------
        ValueError
            If a mechanism is of no variable, or names a parent that is none.
        """
        own = {name: each() if isinstance(each, type) else deepcopy(each) for name, each in self.own.items()}
        return OwnMechanisms(names, kinds, self.rest(kinds), own)
