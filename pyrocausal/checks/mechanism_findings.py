"""Findings on what a fitted program leaves unexplained (see `pyrocausal.checks.residuals`), corrected for many looks.

A common cause that was not measured makes two variables hang together, and an experiment on either breaks the bond,
for it acts on one of them alone. No graph of the measured variables says so: without an edge they would not hang
together, and with one they still would where its cause is acted on. A fit draws an edge or none all the same, and is
wrong in some rows. So each of the three answers is tested for itself, and a common cause is named where all three fail:
the largest of their p-values is one of "some answer is right". That two variables hang together is corrected for all
pairs; that they part, which is asked of other rows and only of those that do hang together, for these.

A variable is not said to be changed in a regime by no more than the fit itself says that it drifts there,
or that mechanisms usually do.

References
----------
.. [1] J. Pearl, "Causality", 2009, section 3.2: confounding, and what do-operations do to it.
.. [2] R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982: intersection-union tests.
.. [3] D. Eaton, K. Murphy, "Exact Bayesian structure learning from uncertain interventions", 2007: variables changed by
   a regime that was not known to act on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from pyrocausal.checks.findings import Finding
from pyrocausal.checks.independence import Association
from pyrocausal.checks.residuals import ProgramResiduals

__all__ = ["mechanism_findings"]

ROUGH = 0.02  # nats per row by which a mechanism may miss its own rows
SLIGHT = 0.002  # nats per row that dependence or change must amount to: smaller ones matter to nobody


def mechanism_findings(left: ProgramResiduals, level: float) -> tuple[list[Finding], dict[str, int]]:
    """All findings on mechanisms of a chain.

    Parameters
    ----------
    left
        Residuals of its program.
    level
        Chance of a false finding of each name, about: chi-square has too light a tail where cells hold few rows.

    Returns
    -------
    tuple of list of Finding and dict
        Findings, and how often was looked, see `Diagnosis.looked`.
    """
    hidden, loose, pairs = _pairs(left, level)
    changed, looks = _changed(left, level, {frozenset(each.subject) for each in hidden})
    looked = {"unexplained-dependence": pairs, "changed-mechanism": looks}
    return [*hidden, *loose, *changed, *_rough(left)], looked


def _variables(left: ProgramResiduals) -> list[int]:
    return left.data.places


def _pairs(left: ProgramResiduals, level: float) -> tuple[list[Finding], list[Finding], int]:
    """Common causes that were not measured, other dependence that no edge explains, and of how many pairs was told."""
    names, hidden, loose = left.data.names, [], []
    pairs = list(combinations(_variables(left), 2))
    joined = left.dag | left.dag.t()
    left.prepare((i, tuple(k for k in left.parents(i) if k != j)) for pair in pairs for i, j in (pair, pair[::-1]))
    tested = [(pair, left.together(*pair)) for pair in pairs]
    suspects = [(pair, found) for pair, found in tested if _tells(found, level / len(pairs))]
    both = [pair for pair, _ in suspects if left.acted_on(*pair) and left.acted_on(*pair[::-1])]
    left.prepare((i, tuple(sorted({*left.parents(i), j}))) for pair in both for i, j in (pair, pair[::-1]))
    for pair, found in suspects:
        one, other = sorted(names[i] for i in pair)
        parted = [left.parted(i, j) for i, j in (pair, pair[::-1])] if pair in both else []
        if parted and all(each.sign > 0 and _tells(each, 2 * level / len(both)) for each in parted):
            p = max(found.p_value * len(pairs), *(each.p_value / 2 * len(both) for each in parted))  # these: one-sided
            drawn = _drawn(left, pair)
            message = (
                f"{one} and {other} hang together where nothing acts on either, and no longer as before where one of "
                f"them is acted on, whichever it is ({drawn}; p = {p:.0e})"
            )
            hidden.append(Finding("hidden-cause", (one, other), message, {"p_value": p, "nats": _nats(found)}))
        elif not bool(joined[pair]):
            p = found.p_value * len(pairs)
            message = f"{one} and {other} hang together beyond what the graph explains (p = {p:.0e})"
            numbers = {"p_value": p, "nats": _nats(found)}
            loose.append(Finding("unexplained-dependence", (one, other), message, numbers))
    return hidden, loose, sum(found.freedom > 0 for _, found in tested)


def _drawn(left: ProgramResiduals, pair: tuple[int, int]) -> str:
    names = left.data.names
    for cause, effect in (pair, pair[::-1]):
        if bool(left.dag[effect, cause]):
            return f"the graph says {names[cause]} -> {names[effect]}"
    return "the graph has no edge between them"


def _changed(left: ProgramResiduals, level: float, explained: set[frozenset[str]]) -> tuple[list[Finding], int]:
    """Variables that are not in a regime what they are elsewhere, given their parents, and how many looks told."""
    names, regimes, changed, told = left.data.names, left.data.regime_names, [], 0
    compared = [bool(left.compared[left.table == r + 1].any()) for r in range(len(regimes))]
    looks = [(r, i) for r in range(len(regimes)) for i in _variables(left) if not left.hit[r + 1, i] and compared[r]]
    left.prepare((i, left.parents(i)) for i in _variables(left))
    tested: dict[tuple[int, int], Association] = {}
    for i in _variables(left):
        asked = [r for r, each in looks if each == i]
        tested |= {(r, i): found for r, found in zip(asked, left.changed(i, asked), strict=True)}
    for r, i in looks:
        targets = [names[j] for j in left.hit[r + 1].nonzero()[:, 0].tolist()]
        if any(frozenset((names[i], target)) in explained for target in targets):
            continue
        found = tested[r, i]
        told += found.freedom > 0
        if _tells(found, level / len(looks), left.drifted(i, r)):
            p = found.p_value * len(looks)
            acts = f"said to act on {' and '.join(targets)}" if targets else "said to act on nothing"
            message = f"{names[i]} in regime {regimes[r]!r}, which is {acts} (p = {p:.0e})"
            numbers = {"p_value": p, "nats": _nats(found)}
            changed.append(Finding("changed-mechanism", (regimes[r], names[i]), message, numbers))
    return changed, told


def _rough(left: ProgramResiduals) -> Iterator[Finding]:
    """Variables whose mechanism misses its own rows."""
    for i in _variables(left):
        if (nats := left.roughness(i)) > ROUGH:
            name = left.data.names[i]
            message = f"{name}: its values, given its causes, differ by {nats:.3f} nats a row from what was fitted"
            yield Finding("rough-mechanism", (name,), message, {"nats": nats})


def _nats(found: Association) -> float:
    """What is left unexplained, per row."""
    return max(0.0, 0.5 * (found.statistic - found.freedom)) / max(found.rows, 1.0)


def _tells(found: Association, level: float, allowed: float = 0.0) -> bool:
    return found.p_value < level and _nats(found) > SLIGHT + allowed
