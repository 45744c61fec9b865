"""What the command line prints of a result: the verdict, and then edges and targets, the strongest first."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np

from pyrocausal.checks.findings import Diagnosis
from pyrocausal.checks.verdict import verdict
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.tables import STRONG
from pyrocausal.report.summary import compare
from pyrocausal.simulate.experiments import Simulation

__all__ = ["compare_targets", "print_edges", "print_targets", "print_verdict"]

WIDTH = 110  # characters of a line of the verdict
OPEN = 3  # possible targets of a regime that are told, where it is not clear


def print_verdict(result: CausalPosterior, diagnosis: Diagnosis | None) -> None:
    """What was found and how far to trust it: what is told first after a fit."""
    for sentence in verdict(result, diagnosis, shell=True):
        print("\n".join(wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)))
    print(flush=True)


def print_edges(result: CausalPosterior) -> None:
    """Edges above 0.5, the strongest first, weak ones by their number, and what is wrong where the truth is known."""
    found, data = result.edges(), result.data
    truth = data.truth and data.truth.subgraph(data.nodes)
    judged = {} if truth is None else compare(result.to_networkx(), truth)
    marks: dict[tuple[Any, Any], str] = {
        edge: what for what, edges in judged.items() if what != "right" for edge in edges
    }
    lines = [
        (f"{edge['cause']} -> {edge['effect']}", f"{edge['probability']:.2f}", f"{edge['strength']:.3f}", mark)
        for edge in found.to_dict("records")
        if (mark := marks.get((edge["cause"], edge["effect"]), "")) or not edge["strength"] < STRONG
    ]
    missing = [f"{cause} -> {effect}" for cause, effect in judged.get("missing", [])]
    width = max((len(text) for text in [*missing, *(line[0] for line in lines)]), default=0)
    known = not found.strength.isna().all()
    how = ", the strongest first, with probability and nats per row" if known and lines else ""
    print(f"edges above 0.5: {len(found)}{how}")
    for text, probability, strength, mark in lines:
        print(f"  {text:{width}}  {probability}  {f'{strength}  ' * known}{mark}".rstrip())
    for text in missing:
        print(f"  {text:{width}}        missing")
    if left := len(found) - len(lines):
        print(f"  and {left} weak, below {STRONG:g} nats per row")


def print_targets(result: CausalPosterior) -> None:
    """Targets of every regime, the strongest first; what is most probable where neither one of them nor none is."""
    found, names = result.target_table(), result.data.regime_names
    width = max(map(len, names))
    print("targets, the strongest first:")
    for regime in dict.fromkeys([*found.regime, *names]):
        hit = found[found.regime == regime]
        weak = hit.strength < STRONG
        strong, faint = (", ".join(hit.variable[which]) for which in (~weak, weak))
        told = " ".join(filter(None, [strong, faint and f"(weak: {faint})"]))
        print(f"  {regime:{width}}  {told or _none_or_unclear(result, regime)}")


def _none_or_unclear(result: CausalPosterior, regime: str) -> str:
    """What is said of a regime without a target above 0.5."""
    none = float(result.no_target_probability.sel(regime=regime))
    if none > 0.5:
        return "none"
    found = result.target_probabilities.sel(regime=regime)
    some = sorted(zip(found.values.tolist(), result.data.nodes, strict=True), key=lambda each: -each[0])[:OPEN]
    open_ = [f"{name} {probability:.2f}" for probability, name in some]
    return f"unclear: {', '.join(open_)}; none {none:.2f}"


def compare_targets(result: CausalPosterior, simulation: Simulation, kind: str) -> None:
    """How many targets of a simulated experiment were found, and which were not."""
    found = result.targets()
    wrong = [regime for regime, hit in simulation.targets.items() if set(found[regime]) != set(hit)]
    print(f"targets: {len(found) - len(wrong)} of {len(found)} right")
    for regime in wrong:
        (target,) = simulation.targets[regime]
        truth, note = simulation.truth, ""
        if kind == "uniform" and not truth.parents(target) and np.ptp(truth.table(target)) < 1e-9:
            note = f" ({target} is uniform by itself: there is nothing to see)"
        print(f"  {regime}: found {', '.join(found[regime]) or 'none'}, true {target}{note}")
