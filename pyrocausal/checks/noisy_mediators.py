"""Edges that may be shortcuts past something measured with noise.

    A -> B* -> C, and B is B* measured with noise

What is known is B. It stands but partly between A and C, so A still tells something of C, and a graph of A, B and C has
the edge A -> C too. Nothing in one table without intervention tells it from a true one, so little is said of it, and
only where everything fits:

- A -> B, B -> C and A -> C are in the graph, between numbers or counts, and A -> C is weak against both of the others;
- it goes the same way as A -> B -> C does, as what is left of that way must;
- where regimes act on B itself, A tells nothing of C that B does not, as it must where they cut B* off from A; or,
  where they do not show that, B is a count, and counting alone makes about as much noise as the shortcut asks for.

With a the effect of A on B* and c that of B* on C, and e the share of noise in what B varies by given A, the
coefficients of C on A and B are a c e and c (1 - e). So A -> C is e / (1 - e) of A -> B -> C.

References
----------
R. J. Carroll, D. Ruppert, L. A. Stefanski, C. M. Crainiceanu, "Measurement Error in Nonlinear Models", 2006, section
3.3: what noise in one regressor does to the coefficients of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from pyrocausal.checks.findings import Finding
from pyrocausal.checks.residuals import ProgramResiduals
from pyrocausal.data.kinds import Count
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.effect_sizes import spread_of

__all__ = ["noisy_mediators"]

WEAK = 0.25  # of the weaker one of A -> B and B -> C, nats per row, that A -> C has at the most
ENOUGH = 1.5  # shares of noise that counting makes: it is told to first order, and logarithms of few counts are skewed


class _Triangle(NamedTuple):
    """A -> B -> C and A -> C, by number; strengths in nats per row, and the share of noise that B would have."""

    cause: int
    mediator: int
    effect: int
    strength: float
    weaker: float
    noise: float


def noisy_mediators(result: CausalPosterior, left: ProgramResiduals, level: float) -> Iterator[Finding]:
    """Findings of edges that may be shortcuts.

    Parameters
    ----------
    result
        Of the fit.
    left
        Residuals of the program of its best chain.
    level
        About the chance that chance alone makes an experiment speak for a shortcut.
    """
    found, names = list(_triangles(result, left)), result.data.names
    acted = [each for each in found if left.acted_on(each.mediator, each.effect)]
    for each in found:
        a, b, c = (names[k] for k in each[:3])
        counting = left.counting(each.mediator) if isinstance(result.data.kinds[each.mediator], Count) else 0.0
        why = f"counting alone makes {counting:.0%} of it noise" if each.noise <= ENOUGH * counting else ""
        p = 1.0
        if each in acted:
            told = left.parted(each.effect, each.cause, where=each.mediator)
            p = told.p_value / 2 * len(acted)  # one-sided
            if p < level and told.sign < 0:
                continue
            if p < level:
                why = f"where {b} is acted on, {a} tells nothing of {c} (p = {p:.0e})"
        if why:
            message = (
                f"{a} -> {c} beside {a} -> {b} -> {c}: weak ({each.strength:.3f} nats a row, and at least "
                f"{each.weaker:.3f} on the way through {b}) and the same way, as if {each.noise:.0%} of what {b} "
                f"varies by given its causes were noise of its measurement; {why}"
            )
            numbers = {"strength": each.strength, "noise": each.noise, "counting": counting, "p_value": p}
            yield Finding("noisy-mediator", (a, b, c), message, numbers)


def _triangles(result: CausalPosterior, left: ProgramResiduals) -> Iterator[_Triangle]:
    """Those whose edge A -> C is weak and goes the same way as A -> B -> C does."""
    data, table = result.data, result.edges(None)
    place = {name: i for i, name in enumerate(data.names)}
    size, strength = (
        {(place[c], place[e]): float(x) for c, e, x in zip(table.cause, table.effect, table[column], strict=True)}
        for column in ("size", "strength")
    )
    numbers = [i for i in left.data.places if not data.kinds[i].discrete]
    edges = [(a, c) for a in numbers for c in numbers if bool(left.dag[c, a])]
    for a, c in edges:
        for b in numbers:
            if not (bool(left.dag[b, a]) and bool(left.dag[c, b])):
                continue
            weaker = min(strength[a, b], strength[b, c])
            # As a share of what B moves by, which is how sizes of its effects are measured.
            moved = size[a, b] / (spread_of(data, b) if isinstance(data.kinds[b], Count) else 1.0)
            ratio = size[a, c] / (moved * size[b, c]) if moved * size[b, c] else math.nan
            if 0 < strength[a, c] <= WEAK * weaker and 0 < ratio < math.inf:
                yield _Triangle(a, b, c, strength[a, c], weaker, ratio / (1 + ratio))
