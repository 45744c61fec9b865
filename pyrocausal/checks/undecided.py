"""What a fit leaves open: pairs of variables, targets of regimes, and edges that so many rows are too few to see."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pyrocausal.checks.findings import Finding
from pyrocausal.data.at_least import named
from pyrocausal.data.columns import number_of
from pyrocausal.data.weights import total
from pyrocausal.evidence.edge_price import edge_price
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.search.settings import Settling

__all__ = ["FAINT", "OpenPair", "Sight", "clear_targets", "edges_sought", "open_pairs", "sight", "undecided_findings"]

FAINT = 0.01  # nats per row that an edge has to carry where rows are few: a correlation of 0.14
SHOWN = 3  # of what may be the target of a regime


class OpenPair(NamedTuple):
    """Two variables, in alphabetical order, and how probable it is that the first acts on the other, and so on."""

    one: str
    other: str
    forth: float
    back: float
    none: float


class Sight(NamedTuple):
    """What the rows can show: an edge is seen only if it carries more than its price.

    Attributes
    ----------
    plain, acted, rows
        Rows, or their total weight: without intervention, in regimes, and those that score edges.
    nats
        What an edge has to carry, nats per row that scores.
    weighted
        Whether rows have weights, as they do where groups count.
    """

    plain: float
    acted: float
    rows: float
    nats: float
    weighted: bool

    @property
    def said(self) -> str:
        """Rows without intervention, in words that go on with those in regimes."""
        return f"rows of total weight {self.plain:,.0f}" if self.weighted else f"{self.plain:,.0f} rows"

    @property
    def correlation(self) -> float:
        """That of two normal variables which tell so much of each other."""
        return math.sqrt(-math.expm1(-2 * self.nats))


def open_pairs(probability: NDArray, names: Sequence[str], sure: float) -> Iterator[OpenPair]:
    """Pairs of which no state (no edge, one direction, the other) is as probable as `sure`.

    Parameters
    ----------
    probability
        Of every edge, shape [n, n] (effect, cause).
    names
        Of these variables, length n.
    sure
        Probability from which a state counts as decided.
    """
    for i, j in combinations(range(len(names)), 2):
        i, j = sorted((i, j), key=lambda k: names[k])
        forth, back = float(probability[j, i]), float(probability[i, j])
        none = max(0.0, 1 - forth - back)
        if max(forth, back, none) < sure:
            yield OpenPair(names[i], names[j], forth, back, none)


def edges_sought(result: CausalPosterior) -> bool:
    """Whether some edge was left to be found: where the whole graph is told, few rows hide none."""
    places = torch.tensor(result.data.places, device=result.model.beliefs.free.device)
    return bool(result.model.beliefs.free[places][:, places].any())


def clear_targets(probability: torch.Tensor, sure: float) -> torch.Tensor:
    """Whether a posterior over targets [R, d + 1] says of every variable whether it was hit, and of none too: [R]."""
    hit = probability[:, :-1]
    decided = ((hit >= sure) | (hit <= 1 - sure)).all(1)
    return decided & ((hit >= sure).any(1) | (probability[:, -1] >= sure))


def sight(result: CausalPosterior) -> Sight:
    """How much an edge has to carry to be worth its price."""
    data, settings = result.data, result.settings or {}
    # Without settling, or where nobody said how it was fitted: as if settling came next, as it comes.
    units = (settings.get("settling") or {}).get("price", Settling.price)
    held_out = ((settings.get("algorithm") or {}).get("fitting") or {}).get("held_out") or GraphFitting.held_out
    plain, *regimes = (total(*part) for part in data.parts)
    rows = sum(regimes) + held_out * plain
    weighted = any(weights is not None for _, weights in data.parts)
    return Sight(plain, sum(regimes), rows, edge_price(units, rows) / rows, weighted)


# ---------------------------------------------------------------------- findings
def undecided_findings(result: CausalPosterior, sure: float) -> Iterator[Finding]:
    """Findings of the `best` chain: targets that are unclear, pairs that are undecided, few rows."""
    yield from _unclear(result, sure)
    yield from _undecided(result, sure)
    yield from _few(result)


def _unclear(result: CausalPosterior, sure: float) -> Iterator[Finding]:
    probability = result.best.target_probability.cpu()
    columns = [*result.data.names, "no target"]
    for regime, clear, row in zip(result.data.regimes, clear_targets(probability, sure), probability, strict=True):
        if clear or isinstance(regime.targets, tuple):
            continue
        certain = named(regime.targets)
        ranked = [k for k in row.argsort(descending=True, stable=True).tolist() if columns[k] not in certain]
        found = [columns[k] for k in ranked if row[k] >= sure and columns[k] != "no target"]
        likely = [k for k in ranked if 0.05 <= row[k] < sure][:SHOWN]  # what is sure is not what is unclear
        said = ", ".join(f"{columns[k]} {float(row[k]):.2f}" for k in likely) or "spread over many variables"
        beside = f"; beside {', '.join(found)}" if found else ""
        message = f"regime {regime.name!r}, {number_of(len(regime.rows), 'row')}: {said}{beside}"
        yield Finding("unclear-target", (regime.name,), message, {columns[k]: float(row[k]) for k in likely})


def _undecided(result: CausalPosterior, sure: float) -> Iterator[Finding]:
    places = result.data.places
    probability = result.best.edge_probability.cpu().double().numpy()[np.ix_(places, places)]
    best = [chain is result.best for chain in result.chains].index(True)
    for one, other, forth, back, none in open_pairs(probability, result.data.nodes, sure):
        message = f"{one} -> {other} {forth:.2f}, {other} -> {one} {back:.2f}, no edge {none:.2f}"
        if len(result.chains) > 1:
            message += f" in chain {best}"
        yield Finding("undecided-edge", (one, other), message, {"forth": forth, "back": back, "none": none})


def _few(result: CausalPosterior) -> Iterator[Finding]:
    seen = sight(result)
    if seen.nats > FAINT and edges_sought(result):
        message = (
            f"{seen.said} without intervention and {seen.acted:.0f} in regimes: an edge is seen only if it "
            f"carries {seen.nats:.3f} nats a row, as a correlation of {seen.correlation:.2f} does"
        )
        numbers = {"nats": seen.nats, "correlation": seen.correlation, "rows": seen.rows}
        yield Finding("few-rows", (), message, numbers)
