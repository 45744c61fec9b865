"""What a report shows of the graph: the picture, one to be explored with what is known of every variable, strengths."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import torch

from pyrocausal.checks.findings import NAMES, Diagnosis
from pyrocausal.plots.graph import LEAST_SHOWN, graph_size, plot_graph
from pyrocausal.plots.mechanism_curves import causes_of
from pyrocausal.plots.mechanisms import mechanism_size, plot_mechanism
from pyrocausal.plots.strengths import plot_strengths, strengths_size
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report.document import Explored, Mono, Part, Picture, Strong, Table, Text
from pyrocausal.report.drawn_graph import drawn_graph
from pyrocausal.report.edge_and_target_sections import edge_table
from pyrocausal.report.effect_section import HEADER, AskedEffects, effect_cells
from pyrocausal.report.pieces import constrained_figure, new_figure, plain_items, plain_text

__all__ = ["explored_graph", "strengths_picture"]

PICTURES, PANELS, DPI = 20, 6, 100  # mechanisms that are drawn at the most, their panels, and their resolution
MOST_TOLD = 8  # effects, and findings, of a variable


def explored_graph(
    result: CausalPosterior, truth: nx.DiGraph | None, diagnosis: Diagnosis, asked: AskedEffects | None
) -> Iterator[Part]:
    """The graph, with a panel for every variable, and a sentence on mechanisms that are not drawn."""
    figure = new_figure(*graph_size(result, truth=truth))
    plot_graph(result, figure.add_axes((0.01, 0.01, 0.98, 0.91)), truth=truth)
    drawn, left = _mechanisms(result, asked)
    panels = tuple((name, tuple(_panel(result, name, drawn, diagnosis, asked))) for name in result.data.nodes)
    yield Explored(Picture.of("graph", "Causal graph", figure), drawn_graph(result, truth=truth), panels)
    if left:
        yield Text(
            (
                f"Mechanisms of the {len(drawn)} variables with the strongest causes, of {len(drawn) + left}, are "
                "drawn; ",
                Mono("pyrocausal.plot_mechanism"),
                " draws the others.",
            )
        )


def strengths_picture(result: CausalPosterior) -> Iterator[Part]:
    """Edges and targets by strength; nothing where strengths are not known."""
    if bool(result.edge_strengths.isnull().all()):
        return
    figure = constrained_figure(*strengths_size(result))
    plot_strengths(result, figure=figure)
    yield Picture.of("strengths", "Strength of edges and targets", figure)


def _mechanisms(result: CausalPosterior, asked: AskedEffects | None) -> tuple[dict[str, Picture], int]:
    """Pictures by variable, of those with the strongest causes; how many more have causes."""
    if asked is None or asked.failure:  # programs cannot be asked
        return {}, 0
    total = result.edge_strengths.fillna(0.0).sum("cause").to_series()
    some = [str(name) for name in total.sort_values(ascending=False, kind="stable").index if causes_of(result, name)]
    found: dict[str, Picture] = {}
    for name in some[:PICTURES]:
        figure = constrained_figure(*mechanism_size(min(PANELS, len(causes_of(result, name)))))
        try:
            plot_mechanism(result, name, most=PANELS, draws=asked.draws // len(result.chains), figure=figure)
        except (ValueError, ArithmeticError, torch.linalg.LinAlgError):  # what data may bring about
            continue
        title = f"What each cause does to {name}, with intervals of 90 %, over the rows"
        found[name] = Picture.of(f"mechanism-{result.data.nodes.index(name)}", title, figure, DPI)
    return found, len(some) - len(found)


def _panel(
    result: CausalPosterior,
    name: str,
    drawn: dict[str, Picture],
    diagnosis: Diagnosis,
    asked: AskedEffects | None,
) -> Iterator[Part]:
    hit = [regime for regime, targets in result.targets().items() if name in targets]
    if hit:
        yield plain_text(f"Target of {', '.join(hit[:MOST_TOLD])}" + (", and more." if len(hit) > MOST_TOLD else "."))
    edges, chains = result.edges(None), [f"chain {number}" for number in range(len(result.chains))]
    edges = edges[(edges.probability > LEAST_SHOWN) & ((edges.effect == name) | (edges.cause == name))]
    yield edge_table(edges, chains) if len(edges) else plain_text("It has neither causes nor effects here.")
    if name in drawn:
        yield drawn[name]
    yield Text((Strong("Checks."),))
    found = [
        f"{NAMES[each.name]}: {each.message}"
        for each in (*diagnosis.findings, *diagnosis.remarks)
        if name in each.subject
    ]
    yield plain_items(found[:MOST_TOLD]) if found else plain_text("Nothing was found that names it.")
    if len(found) > MOST_TOLD:
        yield plain_text(f"And {len(found) - MOST_TOLD} more.")
    if asked is None or asked.table.empty:
        return
    rows = asked.table[(asked.table.cause == name) | (asked.table.effect == name)].head(MOST_TOLD)
    yield Text((Strong("What would happen."),))
    if len(rows):
        yield Table(HEADER, list(map(effect_cells, rows.to_dict("records"))))
    else:
        yield plain_text("No effect that was asked for is from it or on it.")
