"""What a report of a result says, from the verdict to the settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import NAMES, SILENT, Diagnosis
from pyrocausal.checks.verdict import verdict
from pyrocausal.data.row_sample import row_sample, rows_of
from pyrocausal.plots.curves import plot_beliefs
from pyrocausal.plots.histograms import TABLES, Histograms, predict
from pyrocausal.plots.predictive_check import plot_predictive
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.report.document import Heading, Part, Picture, Strong, Table, Text
from pyrocausal.report.edge_and_target_sections import edge_section, target_section
from pyrocausal.report.effect_section import AskedEffects, ask_effects, effect_section
from pyrocausal.report.graph_section import explored_graph, strengths_picture
from pyrocausal.report.limits_section import limits_section
from pyrocausal.report.pieces import constrained_figure, plain_items, plain_text
from pyrocausal.report.summary import (
    chain_table,
    compare,
    facts,
    in_words,
    settings_table,
)
from pyrocausal.report.table_section import table_section
from pyrocausal.runtime.versions import versions

__all__ = ["contents"]

MOST_FINDINGS = 20  # of a kind
PANELS, ACROSS = 6, 3  # of predictive checks; each takes as long as the picture of a small graph
CELLS, FEWEST_TABLES = 500_000, 4  # values that predictive checks draw, unless that were fewer tables
PLAIN, FEWEST_IN_REGIME = 2_000, 50  # rows without intervention, and of a regime whatever their number, at the most
LOOKED = 1_000  # combinations of a variable and a regime that are looked at, at the most


def contents(
    result: CausalPosterior,
    diagnosis: Diagnosis | None = None,
    *,
    shell: bool = False,
    effects: AskedEffects | None = None,
) -> list[Part]:
    """Everything that a report says, from the verdict to the settings.

    Parameters
    ----------
    result
        What to report.
    diagnosis
        As in `CausalPosterior.report`.
    shell
        Whether advice is in the words of the command line, not of Python.
    effects
        What `ask_effects` gave; None: ask.

    Raises
    ------
    TypeError
        As `CausalPosterior.report`.
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    if not isinstance(diagnosis, Diagnosis | None):
        raise TypeError(f"diagnosis must be a Diagnosis, got {type(diagnosis).__name__}; make one with diagnose")
    diagnosis = diagnose(result) if diagnosis is None else diagnosis
    found, trust = verdict(result, diagnosis, shell=shell)
    asked = ask_effects(result) if effects is None else effects
    return [
        Heading("Verdict"),
        Text((Strong(found),)),
        plain_text(trust),
        *table_section(result.data, shell),
        Heading("Summary"),
        plain_items(in_words(result)),
        *_cycle(result),
        *_diagnosis(diagnosis, shell),
        *_graph(result, diagnosis, asked),
        *edge_section(result),
        *target_section(result),
        *effect_section(result, asked),
        *limits_section(result),
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


def _diagnosis(diagnosis: Diagnosis, shell: bool) -> Iterator[Part]:
    yield Heading("Diagnosis")
    if not diagnosis.findings:
        yield plain_text(SILENT)
    for name, title in NAMES.items():
        if found := diagnosis.named(name):
            yield Text((Strong(f"{title}."),))
            yield plain_items(each.message for each in found[:MOST_FINDINGS])
            if len(found) > MOST_FINDINGS:
                yield plain_text(f"And {len(found) - MOST_FINDINGS} more of this kind.")
            if advice := diagnosis.what_to_do(name, shell=shell):
                yield plain_text(f"What to do: {advice}")


def _graph(result: CausalPosterior, diagnosis: Diagnosis, asked: AskedEffects | None) -> Iterator[Part]:
    data = result.data
    truth = data.truth and data.truth.subgraph(data.nodes)
    yield Heading("Graph")
    yield from explored_graph(result, truth, diagnosis, asked)
    yield plain_text(
        "An arrow points from a cause to its effect: changing the cause changes the effect, directly with respect to "
        f"the variables measured. The wider the arrow, the {_wider(result)}; dashed edges are undecided, and filled "
        "variables are targets of at least one regime. Colours compare with the true graph where it is known."
    )
    yield from strengths_picture(result)
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


def _wider(result: CausalPosterior) -> str:
    known = not bool(result.edge_strengths.isnull().all())
    return "stronger the edge (see below)" if known else "more the edge is believed"


def _predictions(result: CausalPosterior) -> Iterator[Part]:
    data = result.data
    few = row_sample(data, PLAIN, max(FEWEST_IN_REGIME, PLAIN // len(data.regimes)))
    result, rows = replace(result, data=few), rows_of(few)
    predicted = predict(result, min(TABLES, max(FEWEST_TABLES, CELLS // (data.d * rows))))
    off, usual = _misplaced(result, predicted)
    shown = sorted(off, key=lambda place: -off[place])[:PANELS]
    yield Heading("Predictions")
    if not shown:
        yield plain_text("Nothing is predicted: all variables keep the values that they took.")
        return
    down, across = -(-len(shown) // ACROSS), min(ACROSS, len(shown))
    figure = constrained_figure(3.3 * across, 2.6 * down)
    for place, (name, regime) in enumerate(shown):
        plot_predictive(result, name, regime, figure.add_subplot(down, across, place + 1), predicted=predicted)
    yield Picture.of("predictions", "What was observed and what is predicted, where they differ most", figure)
    tables = predicted["posterior_predictive"]
    number = tables.sizes["chain"] * tables.sizes["draw"]
    most = max(0.0, *off.values())
    of_rows = "the recorded one" if few is data else f"{rows:,} of its {rows_of(data):,} rows, drawn with a fixed seed,"
    some = len(data.nodes) * (1 + len(data.regimes))
    out_of = f" (out of {some:,}, drawn with a fixed seed)" if some > LOOKED else ""
    yield plain_text(
        f"Of {len(off):,} combinations{out_of} of a variable and a regime these are the {len(shown)} in which what the "
        f"fitted program predicts is farthest from what was observed, less what chance does; {number} tables like "
        f"{of_rows} were predicted. The farthest has {most:.1%} of its rows misplaced beyond that{usual}. Grey is "
        "what was observed; blue is the median of the predictions, and nine tenths of them are within the whiskers or "
        "the band. A regime's targets keep the values that they took and are not shown. Where many more rows are "
        "misplaced than by chance, the program has not learned how the variable depends on its causes, a cause is "
        "missing, or the regime acted on more than was found."
    )


def _misplaced(result: CausalPosterior, predicted: Any) -> tuple[dict[tuple[str, str | None], float], str]:
    """Rows misplaced beyond what chance does on average, of what is predicted; what chance would do at the farthest."""
    look, off, by_chance = Histograms(result, predicted), {}, []
    places = [(name, regime) for regime in (None, *result.data.regime_names) for name in result.data.nodes]
    drawn = np.sort(np.random.default_rng(0).permutation(len(places))[:LOOKED])
    for name, regime in (places[k] for k in drawn):
        if _any_value(result, name, regime) and not (found := look.of(name, regime)).kept:
            each = found.each
            off[name, regime] = found.misplaced - np.nan_to_num(each.mean())
            by_chance.append(each - each.mean())
    if not off or len(by_chance[0]) == 1:
        return off, ""
    usual = np.max(by_chance, axis=0).mean()
    return off, f"; by chance alone the farthest of so many would have about {usual:.1%}"


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
                ": their last probabilities are averaged as they are. Read edges between 0 and 1 as undecided.",
            )
        )
    if any(chain.belief_logits is None for chain in chains):
        yield plain_text("Beliefs along the steps of the three phases were not kept.")
        return
    figure = constrained_figure(9.0, 5.5)
    plot_beliefs(result, figure.add_subplot())
    yield Picture.of("beliefs", "Beliefs along the last steps of the three phases", figure)
    yield plain_text(
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
        yield plain_text("Nobody wrote them down.")
    else:
        yield Table(["setting", "value"], settings_table(result.settings))


def _arrows(edges: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{cause} -> {effect}" for cause, effect in edges)
