"""A result as files: tables, pictures, a page that explains them, and the fitted programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

import networkx as nx
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pyrocausal.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.metrics import shd
from pyrocausal.plots import graph_size, plot_graph, plot_targets, targets_size, targets_with_none
from pyrocausal.result import CausalPosterior
from pyrocausal.weights import join, of_total

__all__ = ["compare", "edge_table", "target_table", "write_report"]

UNDECIDED = 0.2, 0.8


def edge_table(result: CausalPosterior) -> pd.DataFrame:
    """All ordered pairs of variables, the surest edges first: columns cause, effect, probability, lowest, highest.

    The last two are the range over chains.
    """
    names, mean = result.data.names, result.edge_probabilities.values
    chains = [chain.edge_probability.cpu().numpy() for chain in result.chains]
    rows = [
        (names[c], names[e], float(mean[e, c]), *(float(pick(p[e, c] for p in chains)) for pick in (min, max)))
        for c in range(len(names))
        for e in range(len(names))
        if c != e
    ]
    table = pd.DataFrame(rows, columns=["cause", "effect", "probability", "lowest", "highest"])
    return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def target_table(result: CausalPosterior) -> pd.DataFrame:
    """Every regime with every variable and none, the surest targets of a regime first.

    Columns regime, variable, probability; regimes in their order.
    """
    columns, table = targets_with_none(result)
    blocks = [
        pd.DataFrame({"regime": regime, "variable": columns, "probability": row}).sort_values(
            "probability", ascending=False, kind="stable"
        )
        for regime, row in zip(result.data.regime_names, table, strict=True)
    ]
    return pd.concat(blocks, ignore_index=True)


def compare(found: nx.DiGraph, truth: nx.DiGraph) -> dict[str, list[tuple[str, str]]]:
    """Edges (cause, effect) that are right, extra, reversed (as found) and missing."""
    rest = [edge for edge in found.edges if not truth.has_edge(*edge)]
    return {
        "right": [edge for edge in found.edges if truth.has_edge(*edge)],
        "extra": [edge for edge in rest if not truth.has_edge(*edge[::-1])],
        "reversed": [edge for edge in rest if truth.has_edge(*edge[::-1])],
        "missing": [(c, e) for c, e in truth.edges if not found.has_edge(c, e) and not found.has_edge(e, c)],
    }


def write_report(result: CausalPosterior, directory: str | PathLike[str]) -> Path:
    """Write tables, pictures, the fitted programs and a page about them.

    The files are `report.md`, `edges.csv` (cause, effect, probability), `targets.csv` (regime, variable,
    probability), `graph.png`, `targets.png` and `model.pt`; earlier ones are replaced.

    Parameters
    ----------
    result
        What to report; where its data know the true graph, the report compares with it.
    directory
        Where to; made if it does not exist.

    Returns
    -------
    pathlib.Path
        Of `report.md`.

    Raises
    ------
    OSError
        If the directory cannot be made or written to.

    Examples
    --------
    >>> write_report(result, "results")  # doctest: +SKIP
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    edges, targets = edge_table(result), target_table(result)
    edges[["cause", "effect", "probability"]].to_csv(folder / "edges.csv", index=False, float_format="%.6g")
    targets.to_csv(folder / "targets.csv", index=False, float_format="%.6g")
    truth = result.data.truth
    figure = _figure(*graph_size(result, truth=truth))
    plot_graph(result, figure.add_axes((0.01, 0.01, 0.98, 0.91)), truth=truth)
    figure.savefig(folder / "graph.png", dpi=150, bbox_inches="tight")
    figure = _figure(*targets_size(result))
    figure.set_layout_engine("constrained")
    plot_targets(result, figure.add_subplot())
    figure.savefig(folder / "targets.png", dpi=150)
    result.save(folder / "model.pt")
    page = folder / "report.md"
    page.write_text(_page(result, edges, targets), encoding="utf-8")
    return page


def _figure(width: float, height: float) -> Figure:
    """A figure that needs no screen, and that pyplot does not know of."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _page(result: CausalPosterior, edges: pd.DataFrame, targets: pd.DataFrame) -> str:
    low, high = UNDECIDED
    found = edges[edges.probability > 0.5]
    undecided = edges[(edges.probability >= low) & (edges.probability <= high)]
    parts = [
        "# What causes what",
        *_fitted(result),
        "## Graph",
        "![Causal graph](graph.png)",
        "An arrow points from a cause to its effect: changing the cause changes the effect, directly with respect to "
        "the variables measured. The wider the arrow, the more the edge is believed; dashed edges are undecided, and "
        "filled variables are targets of at least one regime. Colours compare with the true graph where it is known.",
        *_against_truth(result),
        *_cycle(result),
        f"### Edges believed with more than 0.5 ({len(found)})",
        _edges(found, result) if len(found) else "None.",
        f"### Undecided edges, between {low:g} and {high:g} ({len(undecided)})",
        _edges(undecided, result) if len(undecided) else "None.",
        "All ordered pairs of variables are in [edges.csv](edges.csv).",
        "## Targets",
        "![Targets of the regimes](targets.png)",
        "Which variable each regime acted on. *None* means that no variable's distribution given its causes has "
        "visibly changed. All probabilities are in [targets.csv](targets.csv).",
        _targets(result, targets),
        "## Read the fit in Python",
        '```python\nfrom pyrocausal import CausalPosterior\n\nresult = CausalPosterior.load("model.pt")\n'
        "result.edge_probabilities    # labelled by effect and cause\n"
        "result.target_probabilities  # labelled by regime and variable\n"
        "result.dag()                 # the settled graph, edges cause -> effect\n"
        "result.to_networkx()         # the edges above one half\n"
        "result.model                 # the fitted Pyro program\n```",
        "`model.pt` is a Python pickle and holds the data: open only files that you trust, share it as you would the "
        "data.",
    ]
    return "\n\n".join(parts) + "\n"


def _cycle(result: CausalPosterior) -> list[str]:
    graph = result.to_networkx()
    if nx.is_directed_acyclic_graph(graph):
        return []
    found = nx.find_cycle(graph)
    cycle = " -> ".join([cause for cause, _ in found] + [found[0][0]])
    return [f"**The edges above 0.5 hold the cycle {cycle}: at least one of them is wrong.**"]


def _fitted(result: CausalPosterior) -> list[str]:
    data, chains = result.data, result.chains
    sorts = {"categorical": Categorical, "continuous": Continuous, "counts": Count, "exposures": Exposure}
    held = {what: sum(isinstance(kind, sort) for kind in data.kinds) for what, sort in sorts.items()}
    listed = [f"{number} {what}" for what, number in held.items() if number or what in ("categorical", "continuous")]
    in_regimes = [len(regime.rows) for regime in data.regimes]
    weights = join([regime.rows for regime in data.regimes], [regime.weights for regime in data.regimes])
    known = sum(regime.targets is not None for regime in data.regimes)
    settled = sum(chain.settled for chain in chains)
    facts = {
        "variables": f"{data.d} ({', '.join(listed)})",
        "observational rows": f"{data.n:,}" + of_total(data.observational_weights),
        "regimes": f"{len(in_regimes)} with {sum(in_regimes):,} rows{of_total(weights)}; "
        f"targets of {known} known beforehand",
        "chains, independent restarts": f"{len(chains)}, settled: {settled}",
        "steps of the three phases": ", ".join(str(len(chain.trace)) for chain in chains),
        "seed": str(result.seed),
        "processor time": f"{sum(chain.cpu_seconds for chain in chains):.1f} s",
    }
    if any(len(chain.rounds) for chain in chains):
        facts["rounds of settling"] = ", ".join(str(len(chain.rounds)) for chain in chains)
        facts["edges of the settled graphs"] = ", ".join(str(int(chain.dag.sum())) for chain in chains)
        most = max(chain.evidence for chain in chains if not math.isnan(chain.evidence))
        facts["evidence, below the most (nats)"] = ", ".join(f"{most - chain.evidence:.1f}" for chain in chains)
    parts = [_table(["fitted", ""], facts.items())]
    if result.stopped:
        parts.append(f"**{result.stopped}.**")
    if settled < len(chains):
        parts.append(
            f"**{len(chains) - settled} of {len(chains)} chains have not settled**: their last probabilities are "
            "averaged as they are. Allow more steps or rounds, or read edges between 0 and 1 as undecided."
        )
    return parts


def _against_truth(result: CausalPosterior) -> list[str]:
    if result.data.truth is None:
        return []
    found, settled = result.to_networkx(), shd(result.dag(), result.data.truth)
    verdict = compare(found, result.data.truth)
    rows = [(what, len(those), ", ".join(f"{c} -> {e}" for c, e in those) or "none") for what, those in verdict.items()]
    return [
        "### Against the true graph",
        f"Structural Hamming distance: **{shd(found, result.data.truth)}**; of the graph without cycles: {settled}",
        _table(["edges", "number", "which, as cause -> effect"], rows),
    ]


def _edges(edges: pd.DataFrame, result: CausalPosterior) -> str:
    header = ["cause", "effect", "probability"]
    rows = [
        (r.cause, r.effect, f"{r.probability:.3f}", f"{r.lowest:.3f} to {r.highest:.3f}") for r in edges.itertuples()
    ]
    if len(result.chains) == 1:
        return _table(header, [row[:3] for row in rows])
    return _table([*header, "range over chains"], rows)


def _targets(result: CausalPosterior, targets: pd.DataFrame) -> str:
    rows, by_regime = [], dict(list(targets.groupby("regime", sort=False)))
    for regime in result.data.regimes:
        if regime.targets is None:
            ranked = by_regime[regime.name]
            first = max(1, int((ranked.probability > 0.5).sum()))  # there may be several
            told = [f"{r.variable} ({r.probability:.3f})" for r in ranked.itertuples()]
            rows.append((regime.name, len(regime.rows), ", ".join(told[:first]), "".join(told[first : first + 1])))
        else:
            rows.append((regime.name, len(regime.rows), ", ".join(regime.targets) or "none", "known beforehand"))
    return _table(["regime", "rows", "most probable target", "next"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), line("---" for _ in header), *map(line, rows)])
