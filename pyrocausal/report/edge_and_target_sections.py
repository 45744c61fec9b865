"""What a report says of edges and of targets, and how their strengths and sizes are to be read."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pyrocausal.data.at_least import named
from pyrocausal.plots.heatmaps import edges_size, plot_edges, plot_targets, targets_size
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.tables import STRONG, UNDECIDED
from pyrocausal.report.document import Folded, Heading, Mono, Part, Picture, Table, Text
from pyrocausal.report.pieces import constrained_figure, plain_text

__all__ = ["edge_section", "edge_table", "target_section"]

LEAST_LISTED, MOST_LISTED = 0.05, 100  # edges that are listed although they are believed less than one half
MEASURED = ["strength", "size", "measured as"]
STRENGTH = (
    "The strength of an edge is what a row tells of it: the nats per row that the settled graph loses without it. A "
    "probability grows with the number of rows, a strength does not: an edge may be certain and weak. Two normal "
    "variables whose correlation is 0.1 tell 0.005 nats per row of each other, 0.3 tell 0.05, 0.6 tell 0.22 and 0.9 "
    f"tell 0.83. From {STRONG:g} on an edge is called strong, below it weak: causes that nobody measured make weak "
    "edges too. An edge that is not in the settled graph has neither strength nor size."
)
EDGE_SIZE = (
    "The size is what the fitted program says that the cause does, its sign included, all other parents staying what "
    "they were: to a number in standard deviations (sd), to a count in logarithms of its mean, and to the probability "
    "of the state that changes most. A number or a count as a cause moves by one standard deviation, a count on the "
    "scale of log(1 + count); of a cause with states the two that differ most are compared."
)
TARGET_SIZE = (
    "The strength of a target is how much better the rows of its regime fit a mechanism of their own than the common "
    "one, nats per row. The size is how far the variable is in the regime from what its common mechanism says, given "
    "its parents there. An intervention that changes the spread alone may be strong and has next to no size."
)


def edge_section(result: CausalPosterior) -> Iterator[Part]:
    """Probabilities of all edges as a picture, and tables of those that are believed, the strongest first."""
    figure = constrained_figure(*edges_size(result))
    plot_edges(result, figure.add_subplot(), truth=result.data.truth)
    table = result.edges(None)
    chains = [f"chain {number}" for number in range(len(result.chains))]
    found = table.probability > 0.5
    weak = found & (table.strength < STRONG)
    rest = table[~found & (table.settled | (table[chains].max(axis=1) >= LEAST_LISTED))]
    yield Heading("Edges")
    yield Picture.of("edges", "Probability of every edge, effects in rows and causes in columns", figure)
    yield Heading(f"Edges believed with more than 0.5 ({int(found.sum())}{_of_them_weak(weak)})", 3)
    yield _edge_rows(table[found & ~weak], chains, "None of them is strong." if weak.any() else "None.")
    yield plain_text(f"{STRENGTH} {EDGE_SIZE}")
    if weak.any():
        yield Folded(f"Weak edges believed with more than 0.5 ({int(weak.sum())})", edge_table(table[weak], chains))
    yield Heading(f"Edges believed less, but {LEAST_LISTED:g} or more in a chain ({len(rest)})", 3)
    yield _edge_rows(rest[:MOST_LISTED], chains)
    if len(rest) > MOST_LISTED:
        yield plain_text(f"These are the first {MOST_LISTED} of them, by strength and then by probability.")
    low, high = UNDECIDED
    yield Text(
        (
            f"Between {low:g} and {high:g} read an edge as undecided. All ordered pairs of variables are in ",
            Mono("result.edge_probabilities"),
            ".",
        )
    )


def _of_them_weak(weak: pd.Series) -> str:
    return f", {int(weak.sum())} of them weak and listed apart" if weak.any() else ""


def _edge_rows(edges: pd.DataFrame, chains: list[str], otherwise: str = "None.") -> Part:
    return edge_table(edges, chains) if len(edges) else plain_text(otherwise)


def edge_table(edges: pd.DataFrame, chains: list[str]) -> Table:
    """Rows of `CausalPosterior.edges`, with the probability of each chain where there are several."""
    shown = ["probability", *(chains if len(chains) > 1 else [])]
    rows = [
        (
            *(edge["cause"], edge["effect"], *(f"{edge[each]:.3f}" for each in shown)),
            *(*_strength_and_size(edge), "yes" if edge["settled"] else "no"),
        )
        for edge in edges.to_dict("records")
    ]
    return Table(["cause", "effect", *shown, *MEASURED, "in the settled graph"], rows)


def _strength_and_size(row: Mapping[Hashable, Any]) -> tuple[str, str, str]:
    """Cells of an edge or a target."""
    strength, size = row["strength"], row["size"]
    return _written(strength, ".4f"), _written(size, "+.3f"), row["measured as"]


def _written(number: float, how: str) -> str:
    return "" if np.isnan(number) else format(number, how)


def target_section(result: CausalPosterior) -> Iterator[Part]:
    """Targets as a picture, by regime, and those that are believed, the strongest first."""
    figure = constrained_figure(*targets_size(result))
    plot_targets(result, figure.add_subplot())
    yield Heading("Targets")
    yield Picture.of("targets", "Targets of the regimes", figure)
    yield plain_text(
        "Which variable each regime acted on, the regime with the strongest target first. None means that no "
        "variable's distribution given its causes has visibly changed."
    )
    yield Table(["regime", "rows", "most probable target", "next"], list(_regime_rows(result)))
    believed = result.target_table()
    weak = believed.strength < STRONG
    yield Heading(f"Targets believed with more than 0.5 ({len(believed)}{_of_them_weak(weak)})", 3)
    strong = believed[~weak]
    nothing = plain_text("None of them is strong." if weak.any() else "None.")
    yield _target_table(strong[:MOST_LISTED]) if len(strong) else nothing
    if len(strong) > MOST_LISTED:
        yield plain_text(f"These are the {MOST_LISTED} strongest of them.")
    if len(believed):
        yield plain_text(TARGET_SIZE)
    if weak.any():
        title = f"Weak targets believed with more than 0.5 ({int(weak.sum())})"
        title += f", the {MOST_LISTED} strongest" if weak.sum() > MOST_LISTED else ""
        yield Folded(title, _target_table(believed[weak][:MOST_LISTED]))


def _regime_rows(result: CausalPosterior) -> Iterator[tuple[str, str, str, str]]:
    """Of every regime: name, rows, targets that are believed, by strength, and the next."""
    by_regime: dict[str, list[dict[Hashable, Any]]] = {regime.name: [] for regime in result.data.regimes}
    for row in result.target_table(None).sort_values("probability", ascending=False, kind="stable").to_dict("records"):
        by_regime[row["regime"]].append(row)
    believed = {name: [row for row in rows if row["probability"] > 0.5] for name, rows in by_regime.items()}

    def strength(row: Mapping[Hashable, Any]) -> float:
        return -float(np.nan_to_num(row["strength"], nan=-np.inf))

    strongest = {name: min(map(strength, rows), default=np.inf) for name, rows in believed.items()}
    for regime in sorted(result.data.regimes, key=lambda each: strongest[each.name]):
        if isinstance(regime.targets, tuple):
            yield regime.name, f"{len(regime.rows):,}", ", ".join(regime.targets) or "none", "known beforehand"
            continue
        ranked, sure = by_regime[regime.name], named(regime.targets)
        first = max(1, len(believed[regime.name]))  # there may be several
        known = "known beforehand"
        told = [
            f"{one['variable']} ({known if one['variable'] in sure else _written(one['probability'], '.3f')})"
            for one in [*sorted(ranked[:first], key=strength), *ranked[first : first + 1]]
        ]
        yield regime.name, f"{len(regime.rows):,}", ", ".join(told[:first]), "".join(told[first:])


def _target_table(targets: pd.DataFrame) -> Table:
    more = ["escaped"] if "escaped" in targets else []
    rows = [
        (
            *(hit["regime"], hit["variable"], f"{hit['probability']:.3f}", *_strength_and_size(hit)),
            *(_written(hit[name], ".0%") for name in more),
        )
        for hit in targets.to_dict("records")
    ]
    return Table(["regime", "variable", "probability", *MEASURED, *more], rows)
