"""Findings of counts: more zeros than one negative binomial has, which two components take in.

Asked of the rows without intervention, where a count with more zeros is

    y = 0 with probability z, and else from a negative binomial

against a negative binomial alone; both are as likely as their parameters can make them, on a grid. The zeros are told
where they are worth more than their price, half the logarithm of the rows and `SPARE` besides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from pyrocausal.data.kinds import Count
from pyrocausal.data.negative_binomial import negative_binomial
from pyrocausal.data.table_findings import TableFinding
from pyrocausal.tables.look import Look

__all__ = ["count_findings"]

FEWEST = 30  # rows without intervention
SPARE = 5.0  # nats, beside half the logarithm of the rows
LEAST = 0.02  # share of the rows that are zeros beyond the others
ZEROS = tuple(k / 50 for k in range(1, 50))
LOG_SIZES = tuple(k / 4 for k in range(-14, 25))


class _Zeros(NamedTuple):
    """How many zeros are beyond those of a negative binomial, as a share of rows, and nats that it gains to say so."""

    share: float
    gain: float


def count_findings(look: Look) -> Iterator[TableFinding]:
    """What is said of counts."""
    control = look.tables[""].astype(np.float64)
    for i, (name, kind) in enumerate(zip(look.names, look.kinds, strict=True)):
        if not isinstance(kind, Count) or kind.components > 1:
            continue
        there = ~np.isnan(control[:, i])
        counts = control[there, i]
        if len(counts) < FEWEST or (counts > 0).all() or not (counts > 1).any():
            continue
        exposure = np.ones(len(counts)) if kind.offset is None else np.exp(control[there, kind.offset])
        found = _zeros(counts, exposure)
        if found.gain > 0.5 * math.log(len(counts)) + SPARE and found.share >= LEAST:
            yield TableFinding(
                "zeros", "doubtful", (name,), ("",),
                f"{name} is 0 in {np.mean(counts == 0):.0%} of the rows, in {found.share:.0%} of them beyond what a "
                f"negative binomial has ({found.gain:.0f} nats): some of the rows may not count it at all",
                f"Say kinds={{{name!r}: pc.Count(components=2)}}, a mixture in which one part may be all at 0.",
                f"Say --count {name} --count-components 2.", {"share": found.share, "nats": found.gain},
            )  # fmt: skip


def _zeros(counts: np.ndarray, exposure: np.ndarray) -> _Zeros:
    """Of counts [n] in proportion to an exposure [n], each at its most likely on a grid."""
    values, log_exposure = torch.from_numpy(counts), torch.from_numpy(np.log(exposure))
    ratio = math.log(counts.sum() / exposure.sum())
    sizes = torch.tensor(LOG_SIZES, dtype=torch.double)[:, None]
    empty = values == 0

    def likely(share: float) -> float:
        """Of the most likely size where a share of the rows is 0 anyhow, and all have the mean that they have."""
        log_mean = (log_exposure + ratio - math.log1p(-share)).expand(len(sizes), -1)
        own = negative_binomial(log_mean, sizes).log_prob(values) + math.log1p(-share)  # [sizes, n]
        beyond = torch.full_like(own, math.log(share) if share else -math.inf)
        return float(torch.where(empty, torch.logaddexp(own, beyond), own).sum(1).max())

    alone, tried = likely(0.0), [likely(share) for share in ZEROS]
    best = int(np.argmax(tried))
    return _Zeros(ZEROS[best], tried[best] - alone)
