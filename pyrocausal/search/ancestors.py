"""Who is above whom in a graph of many variables, of which the parents of each are known.

`pyrocausal.search.moves.closure` says so of matrices, by products of them, which take long for a thousand variables.

Vocabulary: d variables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["below", "is_own_ancestor"]


def is_own_ancestor(parents: Sequence[tuple[int, ...]], i: int) -> bool:
    """Whether a variable is above itself, which closes a cycle.

    Parameters
    ----------
    parents
        Of every variable, length d.
    i
        The variable.

    Examples
    --------
    >>> is_own_ancestor([(1,), (0,), (0,)], 0), is_own_ancestor([(1,), (0,), (0,)], 2)
    (True, False)
    """
    seen, open_ = set[int](), list(parents[i])
    while open_:
        j = open_.pop()
        if j == i:
            return True
        if j not in seen:
            seen.add(j)
            open_ += parents[j]
    return False


def below(parents: Sequence[tuple[int, ...]]) -> torch.Tensor:
    """Whether the second of two variables is below the first, or the same; of a DAG.

    Parameters
    ----------
    parents
        Of every variable, length d.

    Returns
    -------
    torch.Tensor
        Boolean, shape [d, d].

    Examples
    --------
    >>> below([(), (0,), (1,)]).int().tolist()
    [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    """
    d = len(parents)
    children: list[list[int]] = [[] for _ in range(d)]
    waiting = [len(each) for each in parents]
    for i, each in enumerate(parents):
        for j in each:
            children[j].append(i)
    order = [i for i in range(d) if not waiting[i]]
    for i in order:
        for child in children[i]:
            waiting[child] -= 1
            if not waiting[child]:
                order.append(child)
    bits = [0] * d  # a number a variable, for unions of many at once
    for i in reversed(order):
        bits[i] = 1 << i
        for child in children[i]:
            bits[i] |= bits[child]
    width = (d + 7) // 8
    packed = np.frombuffer(b"".join(each.to_bytes(width, "little") for each in bits), dtype=np.uint8)
    unpacked = np.unpackbits(packed.reshape(d, width), axis=1, bitorder="little")[:, :d]
    return torch.from_numpy(unpacked.astype(bool))
