"""Pictures of strength: edges and targets by what a row tells of them, and an edge by what every table says of it."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from pyrocausal.data.columns import number_of
from pyrocausal.plots.layout import Pair
from pyrocausal.plots.style import BLUE, DARK, GREY, PALE, VERMILION, shortened, widest
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.edge_evidence import edge_evidence
from pyrocausal.posterior.tables import STRONG
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["plot_evidence", "plot_strengths", "strengths_size"]

MOST = 20  # rows of a panel
FONT, SMALL = 8.5, 7.5
ROW, LINES, WORDS = 0.25, 2.8, 2.4  # inches: height of a row, width of lines, and of what is said beside them
LEAST = 1e-4  # nats a row; what is less, or below 0, is drawn there, with an open dot


# ---------------------------------------------------------------------- strengths
def plot_strengths(
    result: CausalPosterior, *, most: int = MOST, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """Draw edges and targets by strength, the strongest first, on a logarithmic axis.

    Edges and targets are those believed with more than one half. Beside each are its probability and its size; blue is
    a size above 0, vermilion one below, grey none. A line marks where strong ones begin.

    Parameters
    ----------
    result
        A fit that has settled.
    most
        Edges, and targets, that are drawn at the most.
    figure
        Where to draw; by default a new one, as large as the rows ask for.

    Returns
    -------
    matplotlib.figure.Figure
        Axes of edges and of targets, as far as there are any; dots have the gid "cause -> effect" or "regime:
        variable". A strength below 0.0001 nats a row is an open dot at the left end.

    Raises
    ------
    TypeError
        If `result` is no `CausalPosterior`.
    ValueError
        If `most` is no whole number from 1 on, or the fit has not settled, so that no strengths are known.

    Examples
    --------
    >>> figure = plot_strengths(result)  # doctest: +SKIP
    """
    check("most", most, whole(1))
    tables = _tables(result, most)
    if figure is None:
        figure = plt.figure(figsize=strengths_size(result, most), layout="constrained")
    if not tables:
        ax = figure.add_subplot()
        text = "No edge and no target is believed\nwith more than one half."
        ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=FONT, color=DARK)
        ax.set_axis_off()
        return figure
    heights = [len(table) + 1.5 for table in tables.values()]
    panels = figure.subplots(len(tables), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (title, table) in zip(panels, tables.items(), strict=True):
        _strengths(ax, title, table)
    panels[0].set_xlim(LEAST, max(2.0, *(1.3 * float(table.strength.max()) for table in tables.values())))
    panels[-1].set_xlabel("strength, nats a row", fontsize=FONT)
    return figure


def strengths_size(result: CausalPosterior, most: int = MOST) -> Pair:
    """Width and height in inches at which `plot_strengths` is at its best."""
    tables = _tables(result, most).values()
    labels = max((widest(table.label, FONT) for table in tables), default=0.0) / 72
    return labels + LINES + WORDS, 0.7 + sum(0.5 + ROW * len(table) for table in tables)


def _tables(result: CausalPosterior, most: int) -> dict[str, pd.DataFrame]:
    """By title what is drawn; columns label, gid, strength, probability, size and measured."""
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    if bool(result.edge_strengths.isnull().all()):
        raise ValueError("result: it has not settled its graph, so no strengths are known; draw plot_edges instead")
    found = {}
    for what, table, columns, sign in (
        ("edge", result.edges(), ("cause", "effect"), " -> "),
        ("target", result.target_table(), ("regime", "variable"), ": "),
    ):
        if table.empty:
            continue
        shown = table.head(most).rename(columns={"measured as": "measured"})
        first, second = (shown[column] for column in columns)
        label = [f"{shortened(a)}{sign.replace('->', '→')}{shortened(b)}" for a, b in zip(first, second, strict=True)]
        some = f"the {len(shown)} strongest of " if len(shown) < len(table) else ""
        found[f"{some}{number_of(len(table), what)}"] = shown.assign(label=label, gid=first + sign + second)
    return found


def _strengths(ax: Axes, title: str, table: pd.DataFrame) -> None:
    ax.set_xscale("log")
    beside: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "fontsize": SMALL, "color": DARK}
    for place, row in enumerate(table.to_dict("records")):
        strength, size = row["strength"], row["size"]
        color = GREY if not size or math.isnan(size) else BLUE if size > 0 else VERMILION
        at = strength if strength >= LEAST else LEAST
        ax.plot([LEAST, at], [place, place], color=color, linewidth=1.2)
        face = color if strength >= LEAST else "white"
        ax.plot([at], [place], "o", color=color, markerfacecolor=face, markersize=5, gid=row["gid"], clip_on=False)
        told = "" if math.isnan(size) else f"   {size:+.2g} {shortened(row['measured'], 34)}"
        ax.text(1.03, place, f"{row['probability']:.2f}{told}", va="center", parse_math=False, **beside)
    ax.axvline(STRONG, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    ax.set_yticks(range(len(table)), table.label, fontsize=FONT, parse_math=False)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_title(title, fontsize=FONT, loc="left")
    ax.text(1.03, -0.55, "probability and size", va="bottom", **beside)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=SMALL, which="both")
    ax.grid(axis="x", color=PALE, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)


# ---------------------------------------------------------------------- evidence
def plot_evidence(
    result: CausalPosterior, cause: str, effect: str, *, most: int = MOST, ax: Axes | None = None
) -> Axes:
    """Draw what every regime says for an edge, to the right, and against it, to the left.

    A bar is the nats by which the rows of a regime are more probable under the settled graph with the edge than under
    that without it, targets being summed out (`pyrocausal.posterior.edge_evidence`); 3 nats are odds of twenty to one.

    Parameters
    ----------
    result
        A fit.
    cause, effect
        The edge, which need not be in the graph, but must not close a cycle in it.
    most
        Bars that are drawn at the most; the last of them is then what all smaller ones add up to.
    ax
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        The longest bar is at the top; the gid of a bar is the regime. The title says what they add up to. Regimes that
        are believed to act on the cause or the effect are marked so.

    Raises
    ------
    TypeError, ValueError
        If `result` is no `CausalPosterior`, `most` is no whole number from 2 on, a variable is none, or the edge would
        close a cycle.

    Examples
    --------
    >>> ax = plot_evidence(result, "PKA", "Erk")  # doctest: +SKIP
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    check("most", most, whole(2))
    told = edge_evidence(result, cause, effect)
    total = float(told.sum())
    told = told.iloc[np.argsort(-told.abs().to_numpy(), kind="stable")]
    labels = [f"{shortened(str(name), 32)}{_acts_on(result, str(name), cause, effect)}" for name in told.index]
    if len(told) > most:
        rest = told.iloc[most - 1 :]
        told = pd.concat([told.iloc[: most - 1], pd.Series([rest.sum()], index=["others"])])
        labels = [*labels[: most - 1], f"{len(rest)} others"]
    if ax is None:
        width = widest(labels, FONT) / 72 + LINES + 0.6
        _, ax = plt.subplots(figsize=(width, 1.2 + ROW * max(2, len(told))), layout="constrained")
    for place, (name, nats) in enumerate(told.items()):
        (bar,) = ax.barh(place, nats, height=0.66, color=BLUE if nats > 0 else VERMILION)
        bar.set_gid(str(name))
        beside = 3 if nats >= 0 else -3
        ax.annotate(
            f"{nats:+.1f}", (nats, place), (beside, 0), textcoords="offset points", va="center", fontsize=SMALL,
            ha="left" if nats >= 0 else "right", color=DARK,
        )  # fmt: skip
    ax.axvline(0, color=DARK, linewidth=0.8)
    ax.margins(x=0.18)
    ax.set_yticks(range(len(told)), labels, fontsize=FONT, parse_math=False)
    ax.set_ylim(len(told) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=SMALL)
    ax.set_xlabel("against   ←   nats   →   for", fontsize=FONT)
    title = f"{shortened(cause)} → {shortened(effect)}: {total:+,.1f} nats in all"
    ax.set_title(title, fontsize=FONT + 1, parse_math=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def _acts_on(result: CausalPosterior, regime: str, cause: str, effect: str) -> str:
    hit = [name for name in result.targets().get(regime, ()) if name in (cause, effect)]
    return f" (acts on {' and '.join(shortened(name, 16) for name in hit)})" if hit else ""
