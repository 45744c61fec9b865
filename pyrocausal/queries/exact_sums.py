"""Outcomes summed exactly over all states of whatever acts on them, by variable elimination.

That is possible where all of these have states, and do not take part in too large tables:

    p(y | do(x), z)  in proportion to  sum over the other variables of prod_i p(x_i | parents)

without the factors of what was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import opt_einsum
import torch

from pyrocausal.model.program import Program

__all__ = ["exact_outcome"]

LARGEST = 3_000_000  # numbers in a table


@torch.no_grad()
def exact_outcome(
    program: Program, outcome: int, do: Mapping[int, float], given: Mapping[int, float]
) -> torch.Tensor | None:
    """Probabilities of the states of a variable, or its mean in its units.

    Parameters
    ----------
    program
        The program.
    outcome
        The variable.
    do, given
        Codes that variables are set to, and codes that are then observed.

    Returns
    -------
    torch.Tensor or None
        Double, shape [states] or [1]; None where it cannot be summed. NaN where what is given has no probability.
    """
    kind, wanted = program.kinds[outcome], _acting(program, {outcome, *given} - set(do), set(do))
    if any(not program.kinds[i].discrete for i in wanted - {outcome}):
        return None
    if not kind.discrete and any(bool(program.graph[i, outcome]) for i in wanted):
        return None  # a number that something given depends on
    factors = [_factor(program, i, do, given, last=i == outcome) for i in sorted(wanted)]
    if any(each is None for each in factors):
        return None
    operands = [part for each in factors if each is not None for part in each]
    if outcome in do:
        raise ValueError("what is set has no outcome of its own")
    index = [outcome] if kind.discrete else []
    try:
        found = _contract(operands, index)
    except MemoryError:
        return None
    if kind.discrete:
        return found / found.sum()
    others = [part for i in sorted(wanted - {outcome}) for part in _factor(program, i, do, given) or ()]
    whole = _contract(others, []) if others else torch.ones((), dtype=torch.double)
    return (found / whole).reshape(1)


def _acting(program: Program, of: set[int], cut: set[int]) -> set[int]:
    """Some variables and what acts on them, nothing acting on what is cut; without that."""
    found, new = set[int](), set(of)
    while new:
        found |= new
        new = {int(j) for i in new for j in program.graph[i].nonzero()} - found - cut
    return found


def _factor(
    program: Program, i: int, do: Mapping[int, float], given: Mapping[int, float], *, last: bool = False
) -> tuple[torch.Tensor, list[int]] | None:
    """p(x_i | parents) where parents that are set or given have these states, as a table and its axes."""
    known = {**given, **do}
    parents = [int(j) for j in program.graph[i].nonzero() if int(j) not in known]
    sizes = [program.kinds[j].cardinality for j in parents]
    if prod(sizes) * max(1, program.kinds[i].cardinality) > LARGEST:
        return None
    values = torch.zeros(prod(sizes), len(program.names), dtype=program.dtype)
    for j, code in known.items():
        values[:, j] = code
    if parents:
        grid = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).reshape(len(values), -1)
        values[:, parents] = grid.to(values)
    fn = program.conditional(i, values)
    if not program.kinds[i].discrete:
        try:
            mean = program.kinds[i].in_units(fn.mean.expand(len(values))).double()
        except NotImplementedError:  # a distribution of the user may have none
            return None
        return mean.reshape(sizes), parents
    table = fn.probs.double().expand(len(values), -1).reshape(*sizes, -1)
    if i in given and not last:
        return table[..., int(given[i])], parents
    return table, [*parents, i]


def _contract(operands: list[torch.Tensor | list[int]], index: list[int]) -> torch.Tensor:
    path, info = opt_einsum.contract_path(*operands, index, optimize="greedy")
    if info.largest_intermediate > LARGEST:
        raise MemoryError
    return opt_einsum.contract(*operands, index, optimize=path)
