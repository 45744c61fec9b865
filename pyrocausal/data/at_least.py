"""Targets of a regime that are known in part: these for certain, and perhaps others.

What is known of a regime's targets is a tuple of names (these and no others), `AtLeast` (these, and others are to be
found) or None (all are to be found).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["AtLeast", "RegimeTargets", "named"]


@dataclass(frozen=True, init=False, eq=False, repr=False)
class AtLeast:
    """These variables are certainly hit, others perhaps.

    Where regimes may have several targets, each other variable is hit or not for itself; where one at the most is
    believed, there is one further target at the most.

    Parameters
    ----------
    *names : str
        The variables, at least one; one that is named twice counts once. Their order does not matter.

    Attributes
    ----------
    names : tuple of str
        The variables, each once.

    Raises
    ------
    TypeError
        If a name is no string.
    ValueError
        If there is no name, or an empty one.

    Examples
    --------
    >>> AtLeast("PKC")
    AtLeast('PKC')
    >>> AtLeast("PKC", "Akt") == AtLeast("Akt", "PKC")
    True
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        if not names:
            raise ValueError(
                "AtLeast: name at least one variable, as in AtLeast('PKC'), or leave the regime out of targets"
            )
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"AtLeast: expected names of variables, as in AtLeast('PKC', 'Akt'), got {name!r}")
            if not name:
                raise ValueError("AtLeast: a name is empty; name the variable")
        object.__setattr__(self, "names", tuple(dict.fromkeys(names)))

    def __eq__(self, other: object) -> bool:
        return set(self.names) == set(other.names) if isinstance(other, AtLeast) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self.names))

    def __repr__(self) -> str:
        return f"AtLeast({', '.join(map(repr, self.names))})"


RegimeTargets: TypeAlias = tuple[str, ...] | AtLeast | None


def named(targets: RegimeTargets) -> tuple[str, ...]:
    """The variables that are certainly hit, whatever else is known of a regime's targets."""
    if isinstance(targets, AtLeast):
        return targets.names
    return targets or ()
