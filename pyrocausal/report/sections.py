"""What a report of a result says, from the summary to the settings."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import NAMES, SILENT, Diagnosis
from pyrocausal.data.at_least import named
from pyrocausal.plots.curves import plot_beliefs
from pyrocausal.plots.graph import graph_size, plot_graph
from pyrocausal.plots.heatmaps import edges_size, plot_edges, plot_targets, targets_size
from pyrocausal.plots.histograms import TABLES, histogram, predict
from pyrocausal.plots.predictive_check import plot_predictive
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.report.document import Heading, Items, Mono, Part, Picture, Strong, Table, Text
from pyrocausal.report.summary import (
    UNDECIDED,
    chain_table,
    compare,
    facts,
    in_words,
    settings_table,
)
from pyrocausal.runtime.versions import versions

__all__ = ["contents"]

LEAST_LISTED, MOST_LISTED = 0.05, 100  # edges that are listed although they are believed less than one half
MOST_FINDINGS = 20  # of a kind
MEASURED = ["strength", "size", "measured as"]
STRENGTH = (
    "The strength of an edge is what a row tells of it: the nats per row that the settled graph loses without it. A "
    "probability grows with the number of rows, a strength does not: an edge may be certain and weak. Two normal "
    "variables whose correlation is 0.1 tell 0.005 nats per row of each other, 0.3 tell 0.05, 0.6 tell 0.22 and 0.9 "
    "tell 0.83. An edge that is not in the settled graph has neither strength nor size."
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
PANELS, ACROSS = 12, 3  # of predictive checks
CELLS, FEWEST_TABLES = 5_000_000, 4  # values that predictive checks draw, unless that were fewer tables


def contents(result: CausalPosterior, diagnosis: Diagnosis | None = None) -> list[Part]:
    """Everything that a report says, from the summary to the settings.

    Parameters
    ----------
    result
        What to report.
    diagnosis
        As in `CausalPosterior.report`.

    Raises
    ------
    TypeError
        As `CausalPosterior.report`.
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    if not isinstance(diagnosis, Diagnosis | None):
        raise TypeError(f"diagnosis must be a Diagnosis, got {type(diagnosis).__name__}; make one with diagnose")
    return [
        Heading("Summary"),
        _items(in_words(result)),
        *_cycle(result),
        *_diagnosis(diagnosis or diagnose(result)),
        *_graph(result),
        *_edges(result),
        *_targets(result),
        *_predictions(result),
        *_chains(result),
        *_fit(result),
    ]


# ---------------------------------------------------------------------- sections
def _cycle(result: CausalPosterior) -> Iterator[Part]:
    graph = result.to_networkx()
    if not nx.is_directed_acyclic_graph(graph):
        found = nx.find_cycle(graph)
        cycle = " -> ".join([cause for cause, _ in found] + [found[0][0]])
        yield Text((Strong(f"The edges above 0.5 hold the cycle {cycle}: at least one of them is wrong."),))


def _diagnosis(diagnosis: Diagnosis) -> Iterator[Part]:
    yield Heading("Diagnosis")
    if not diagnosis.findings:
        yield _text(SILENT)
    for name, (title, advice) in NAMES.items():
        if found := diagnosis.named(name):
            yield Text((Strong(f"{title}."),))
            yield _items(each.message for each in found[:MOST_FINDINGS])
            if len(found) > MOST_FINDINGS:
                yield _text(f"And {len(found) - MOST_FINDINGS} more of this kind.")
            if advice:
                yield _text(f"What to do: {advice}")


def _graph(result: CausalPosterior) -> Iterator[Part]:
    truth = result.data.truth
    yield Heading("Graph")
    figure = _figure(*graph_size(result, truth=truth))
    plot_graph(result, figure.add_axes((0.01, 0.01, 0.98, 0.91)), truth=truth)
    yield Picture.of("graph", "Causal graph", figure)
    yield _text(
        "An arrow points from a cause to its effect: changing the cause changes the effect, directly with respect to "
        f"the variables measured. The wider the arrow, the {_wider(result)}; dashed edges are undecided, and filled "
        "variables are targets of at least one regime. Colours compare with the true graph where it is known."
    )
    if truth is not None:
        found, settled = result.to_networkx(), shd(result.dag(), truth)
        yield Heading("Against the true graph", 3)
        yield Text(
            (
                "Structural Hamming distance: ",
                Strong(str(shd(found, truth))),
                f"; of the graph without cycles: {settled}",
            )
        )
        verdict = compare(found, truth)
        rows = [(what, len(edges), _arrows(edges) or "none") for what, edges in verdict.items()]
        yield Table(["edges", "number", "which, as cause -> effect"], rows)


def _edges(result: CausalPosterior) -> Iterator[Part]:
    figure = _constrained(*edges_size(result))
    plot_edges(result, figure.add_subplot(), truth=result.data.truth)
    table = result.edges(None)
    chains = [f"chain {number}" for number in range(len(result.chains))]
    found = table.probability > 0.5
    rest = table[~found & (table.settled | (table[chains].max(axis=1) >= LEAST_LISTED))]
    yield Heading("Edges")
    yield Picture.of("edges", "Probability of every edge, effects in rows and causes in columns", figure)
    yield Heading(f"Edges believed with more than 0.5 ({int(found.sum())})", 3)
    yield _edge_rows(table[found], chains)
    yield _text(f"{STRENGTH} {EDGE_SIZE}")
    yield Heading(f"Edges believed less, but {LEAST_LISTED:g} or more in a chain ({len(rest)})", 3)
    yield _edge_rows(rest[:MOST_LISTED], chains)
    if len(rest) > MOST_LISTED:
        yield _text(f"These are the first {MOST_LISTED} of them, by strength and then by probability.")
    low, high = UNDECIDED
    yield Text(
        (
            f"Between {low:g} and {high:g} read an edge as undecided. All ordered pairs of variables are in ",
            Mono("result.edge_probabilities"),
            ".",
        )
    )


def _edge_rows(edges: pd.DataFrame, chains: list[str]) -> Part:
    if not len(edges):
        return _text("None.")
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


def _wider(result: CausalPosterior) -> str:
    known = not bool(result.edge_strengths.isnull().all())
    return "stronger the edge (see below)" if known else "more the edge is believed"


def _targets(result: CausalPosterior) -> Iterator[Part]:
    figure = _constrained(*targets_size(result))
    plot_targets(result, figure.add_subplot())
    likely = result.target_table(None).sort_values("probability", ascending=False, kind="stable")
    rows, by_regime = [], dict(list(likely.groupby("regime", sort=False)))
    for regime in result.data.regimes:
        if not isinstance(regime.targets, tuple):
            ranked = by_regime[regime.name]
            first = max(1, int((ranked.probability > 0.5).sum()))  # there may be several
            sure = named(regime.targets)
            told = [
                f"{r.variable} ({'known beforehand' if r.variable in sure else f'{r.probability:.3f}'})"
                for r in ranked.itertuples()
            ]
            most, then = ", ".join(told[:first]), "".join(told[first : first + 1])
        else:
            most, then = ", ".join(regime.targets) or "none", "known beforehand"
        rows.append((regime.name, f"{len(regime.rows):,}", most, then))
    yield Heading("Targets")
    yield Picture.of("targets", "Targets of the regimes", figure)
    yield _text(
        "Which variable each regime acted on. None means that no variable's distribution given its causes has visibly "
        "changed."
    )
    yield Table(["regime", "rows", "most probable target", "next"], rows)
    strongest = result.target_table()
    yield Heading(f"Targets believed with more than 0.5 ({len(strongest)})", 3)
    if not len(strongest):
        yield _text("None.")
        return
    listed = [
        (hit["regime"], hit["variable"], f"{hit['probability']:.3f}", *_strength_and_size(hit))
        for hit in strongest[:MOST_LISTED].to_dict("records")
    ]
    yield Table(["regime", "variable", "probability", *MEASURED], listed)
    if len(strongest) > MOST_LISTED:
        yield _text(f"These are the {MOST_LISTED} strongest of them.")
    yield _text(TARGET_SIZE)


def _predictions(result: CausalPosterior) -> Iterator[Part]:
    data = result.data
    cells = data.d * (data.n + sum(len(regime.rows) for regime in data.regimes))
    predicted = predict(result, min(TABLES, max(FEWEST_TABLES, CELLS // cells)))
    places = [(name, regime) for regime in (None, *data.regime_names) for name in data.names]
    off, by_chance = {}, []  # what is misplaced beyond what chance does on average
    for name, regime in places:
        if _any_value(result, name, regime) and not (found := histogram(result, predicted, name, regime)).kept:
            off[name, regime] = found.misplaced - np.nan_to_num(found.by_chance)
            by_chance.append(found.each - found.by_chance)
    shown = sorted(off, key=lambda place: -off[place])[:PANELS]
    yield Heading("Predictions")
    if not shown:
        yield _text("Nothing is predicted: all variables keep the values that they took.")
        return
    down, across = -(-len(shown) // ACROSS), min(ACROSS, len(shown))
    figure = _constrained(3.3 * across, 2.6 * down)
    for place, (name, regime) in enumerate(shown):
        plot_predictive(result, name, regime, figure.add_subplot(down, across, place + 1), predicted=predicted)
    yield Picture.of("predictions", "What was observed and what is predicted, where they differ most", figure)
    tables = predicted["posterior_predictive"]
    number = tables.sizes["chain"] * tables.sizes["draw"]
    most, usual = max(0.0, *off.values()), ""
    if number > 1:
        usual = f"; by chance alone the farthest of so many would have about {np.max(by_chance, axis=0).mean():.1%}"
    yield _text(
        f"Of {len(off):,} combinations of a variable and a regime these are the {len(shown)} in which what the fitted "
        f"program predicts is farthest from what was observed, less what chance does; {number} tables like the "
        f"recorded one were predicted. The farthest has {most:.1%} of its rows misplaced beyond that{usual}. Grey is "
        "what was observed; blue is the median of the predictions, and nine tenths of them are within the whiskers or "
        "the band. A regime's targets keep the values that they took and are not shown. Where many more rows are "
        "misplaced than by chance, the program has not learned how the variable depends on its causes, a cause is "
        "missing, or the regime acted on more than was found."
    )


def _any_value(result: CausalPosterior, name: str, regime: str | None) -> bool:
    data = result.data
    rows = data.observational if regime is None else data.regimes[data.regime_names.index(regime)].rows
    return not bool(rows[:, data.names.index(name)].isnan().all())


def _chains(result: CausalPosterior) -> Iterator[Part]:
    chains = result.chains
    table = chain_table(result)
    yield Heading("Chains")
    yield Table([str(name) for name in table], table.to_numpy().tolist())
    if unsettled := sum(not chain.settled for chain in chains):
        yield Text(
            (
                Strong(f"{unsettled} of {len(chains)} chains have not settled"),
                ": their last probabilities are averaged as they are. Allow more steps or rounds, or read edges "
                "between 0 and 1 as undecided.",
            )
        )
    if any(chain.belief_logits is None for chain in chains):
        yield _text("Beliefs along the steps of the three phases were not kept.")
        return
    figure = _constrained(9.0, 5.5)
    plot_beliefs(result, figure.add_subplot())
    yield Picture.of("beliefs", "Beliefs along the last steps of the three phases", figure)
    yield _text(
        "The three phases propose what settling begins with; where a fit settles, the probabilities above are not "
        "these beliefs. Lines of all chains that end in the same place are a good sign."
    )


def _fit(result: CausalPosterior) -> Iterator[Part]:
    yield Heading("How it was fitted")
    yield Table(["fitted", ""], list(facts(result).items()))
    yield Heading("Versions that wrote this report", 3)
    yield Table(["package", "version"], list(versions().items()))
    yield Heading("Settings", 3)
    if result.settings is None:
        yield _text("Nobody wrote them down.")
    else:
        yield Table(["setting", "value"], settings_table(result.settings))


# ---------------------------------------------------------------------- what sections are made of
def _text(text: str) -> Text:
    return Text((text,))


def _items(texts: Iterable[str]) -> Items:
    return Items(tuple(map(_text, texts)))


def _arrows(edges: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{cause} -> {effect}" for cause, effect in edges)


def _figure(width: float, height: float) -> Figure:
    """A figure that needs no screen, and that pyplot does not know of."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _constrained(width: float, height: float) -> Figure:
    figure = _figure(width, height)
    figure.set_layout_engine("constrained")
    return figure
