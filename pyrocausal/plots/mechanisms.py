"""The picture of a mechanism: what each cause does to an effect, over rows (`pyrocausal.plots.mechanism_curves`)."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from pyrocausal.data.columns import number_of
from pyrocausal.data.kinds import Count
from pyrocausal.plots.layout import Pair, text_width
from pyrocausal.plots.mechanism_curves import (
    ACTED_ON,
    LET_ALONE,
    OBSERVED,
    Curve,
    SeenRows,
    causes_of,
    curve,
    most_seen,
    seen_rows,
    shares,
)
from pyrocausal.plots.style import BLUE, DARK, DISTINCT, GREY, SKY, VERMILION, count_scale, shortened
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["mechanism_size", "plot_mechanism"]

MOST, ACROSS = 9, 3  # panels, and in a row
PANEL, BESIDE = (2.9, 2.5), (0.6, 0.95)  # inches: of a panel, and what is around all of them
POINTS = {OBSERVED: 250, LET_ALONE: 250, ACTED_ON: 120}  # rows that are drawn at the most
STATES, BESIDE_OTHERS = 6, 0.11  # of an effect that are drawn at the most, and how far apart they stand
FONT, SMALL = 8.5, 7.5
KEY = 32.0  # points: of a mark of the legend and the gaps beside it
MANY = 20.0  # a count from which on an axis is logarithmic
NOTHING = "No cause of {} is believed\nwith more than one half."


def plot_mechanism(
    result: CausalPosterior,
    effect: str,
    *,
    most: int = MOST,
    draws: int = 50,
    seed: int = 0,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw what each cause does to an effect, with an interval of 90 %, over the rows.

    A panel is a cause, the strongest first: edges of the settled graph, and others believed with more than one half.
    The line is the mean over programs drawn from the posterior, whose graphs and mechanisms differ, and the band holds
    nine tenths of them; all other variables stand at their typical values (`pyrocausal.plots.mechanism_curves`). Of a
    cause with states these are points with intervals, and of an effect with states lines are their probabilities.

    Points are rows as they are, a sample of them; as their other causes differ, a line need not run through their
    middle. Rows of regimes that are believed to act on the effect, which do not show its mechanism, are drawn apart as
    crosses; of an effect with states points are the shares of its states at a value, or among a tenth of the rows, and
    such regimes are left out.

    Parameters
    ----------
    result
        A fit.
    effect
        A variable of its graph.
    most
        Causes that are drawn at the most.
    draws, seed
        As in `CausalPosterior.programs`.
    figure
        Where to draw; by default a new one, as large as the panels ask for.

    Returns
    -------
    matplotlib.figure.Figure
        Lines and points of curves have the gid "cause -> effect", or "cause -> effect=state". Panels share the axis of
        the effect.

    Raises
    ------
    TypeError
        If `result` is no `CausalPosterior`.
    ValueError
        If the effect is no variable of the graph, or a number out of range.

    Examples
    --------
    >>> figure = plot_mechanism(result, "Erk")  # doctest: +SKIP
    >>> figure.savefig("Erk.pdf")  # doctest: +SKIP
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    if effect not in result.data.nodes:
        raise ValueError(f"effect: {effect!r} is no variable of the graph; variables: {', '.join(result.data.nodes)}")
    check("most", most, whole(1))
    causes = causes_of(result, effect)
    shown = causes[:most]
    if figure is None:
        figure = plt.figure(figsize=mechanism_size(len(shown)), layout="constrained")
    left = f", {len(shown)} of {number_of(len(causes), 'cause')}" if len(shown) < len(causes) else ""
    figure.suptitle(f"Mechanism of {shortened(effect, 60)}{left}", fontsize=FONT + 2, parse_math=False)
    if not shown:
        ax = figure.add_subplot()
        text = NOTHING.format(shortened(effect))
        ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=FONT, color=DARK, parse_math=False)
        ax.set_axis_off()
        return figure
    programs, down = result.programs(draws, seed=seed), -(-len(shown) // ACROSS)
    panels = figure.subplots(down, min(ACROSS, len(shown)), sharey=True, squeeze=False).flatten()
    for ax, cause in zip(panels, shown, strict=False):
        _panel(ax, result, curve(programs, result, cause, effect), seen_rows(result, cause, effect), cause, effect)
    for ax in panels[len(shown) :]:
        ax.set_axis_off()
    _name_effect(panels, result, effect)
    _legend(figure, result, effect)
    return figure


def mechanism_size(causes: int) -> Pair:
    """Width and height in inches of a figure with so many panels."""
    if not causes:
        return 4.0, 1.6
    return BESIDE[0] + PANEL[0] * min(ACROSS, causes), BESIDE[1] + PANEL[1] * -(-causes // ACROSS)


def _panel(ax: Axes, result: CausalPosterior, found: Curve, rows: SeenRows, cause: str, effect: str) -> None:
    name = f"{cause} -> {effect}"
    if found.states:
        shown = most_seen(seen_rows(result, effect, effect), len(found.states), STATES)
        for k, (place, color) in enumerate(zip(shown, DISTINCT, strict=False)):
            beside = BESIDE_OTHERS * (k - (len(shown) - 1) / 2) if found.labels else 0.0
            at, share = shares(rows, place, len(found.labels))
            aside = beside + 0.05 if found.labels else 0.0
            ax.scatter(at + aside, share, s=14, facecolors="none", edgecolors=color, alpha=0.6)
            _line(ax, found, place, color, f"{name}={found.states[place]}", beside)
    else:
        _points(ax, found, rows)
        _line(ax, found, 0, BLUE, name)
    kind = result.data.kinds[result.data.names.index(cause)]
    if found.labels:
        step = -(-len(found.labels) // 8)
        long = max(map(len, found.labels)) * min(len(found.labels), 8) > 24
        labels = [shortened(label, 14) for label in found.labels]
        ax.set_xticks(found.at[::step], labels[::step], rotation=90 if long else 0, parse_math=False)
        ax.set_xlim(-0.6, len(found.labels) - 0.4)
    elif isinstance(kind, Count) and found.at[-1] > MANY:
        count_scale(ax, "x", min(found.at[0], float(rows.cause.min())), max(found.at[-1], float(rows.cause.max())))
    ax.tick_params(labelsize=SMALL)
    ax.set_xlabel(shortened(cause, 40) + _typical_exposure(kind), fontsize=FONT, parse_math=False)
    ax.set_title(_believed(result, cause, effect), fontsize=SMALL, color=DARK)
    ax.spines[["top", "right"]].set_visible(False)


def _line(ax: Axes, found: Curve, state: int, color: str, gid: str, beside: float = 0.0) -> None:
    at, mean, low, high = found.at + beside, found.mean[:, state], found.low[:, state], found.high[:, state]
    if found.labels:
        ax.vlines(at, low, high, color=color, linewidth=1.6, zorder=3)
        ax.plot(at, mean, "o", color=color, markersize=5, zorder=4, gid=gid)
        return
    ax.fill_between(at, low, high, color=color, alpha=0.25, linewidth=0, zorder=2, gid=f"{gid} band")
    ax.plot(at, mean, color=color, linewidth=1.8, zorder=4, gid=gid)


def _points(ax: Axes, found: Curve, rows: SeenRows) -> None:
    """A sample of the rows."""
    rng = np.random.default_rng(0)
    for sort, color, marker in ((OBSERVED, GREY, "o"), (LET_ALONE, SKY, "o"), (ACTED_ON, VERMILION, "x")):
        places = np.flatnonzero(rows.sort == sort)
        if len(places) > POINTS[sort]:
            places = np.sort(rng.choice(places, POINTS[sort], replace=False))
        x = rows.cause[places]
        if found.labels:
            x = x + rng.uniform(-0.25, 0.25, len(x))
        width = 0.6 if marker == "x" else 0
        ax.scatter(x, rows.effect[places], s=9, c=color, marker=marker, alpha=0.45, linewidths=width, zorder=1)


def _believed(result: CausalPosterior, cause: str, effect: str) -> str:
    probability = float(result.edge_probabilities.sel(effect=effect, cause=cause))
    strength = float(result.edge_strengths.sel(effect=effect, cause=cause))
    return f"probability {probability:.2f}" + ("" if np.isnan(strength) else f", {strength:.2g} nats a row")


def _typical_exposure(kind: Any) -> str:
    return f", at a typical {kind.exposure}" if isinstance(kind, Count) and kind.exposure is not None else ""


def _name_effect(panels: NDArray, result: CausalPosterior, effect: str) -> None:
    """Label and scale of the axis that panels share."""
    kind = result.data.kinds[result.data.names.index(effect)]
    ax = panels[0]
    text = f"probability of {shortened(effect)}" if kind.discrete else shortened(effect, 40) + _typical_exposure(kind)
    for first in panels[::ACROSS]:
        first.set_ylabel(text, fontsize=FONT, parse_math=False)
    if kind.discrete:
        ax.set_ylim(-0.03, 1.03)
    elif isinstance(kind, Count) and (high := max(each.dataLim.y1 for each in panels)) > MANY:
        count_scale(ax, "y", 0.0, high)


def _legend(figure: Figure | SubFigure, result: CausalPosterior, effect: str) -> None:
    data, kind = result.data, result.data.kinds[result.data.names.index(effect)]
    style: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    if kind.discrete:
        states = [str(each) for each in kind.decode(np.arange(float(kind.cardinality)))]
        shown = most_seen(seen_rows(result, effect, effect), len(states), STATES)
        handles: list[Any] = [
            Patch(color=color, label=shortened(states[place], 18))
            for place, color in zip(shown, DISTINCT, strict=False)
        ]
        handles.append(Line2D([], [], color=GREY, marker="o", markerfacecolor="none", label="share of rows", **style))
    else:
        acted = result.target_probabilities.sel(variable=effect).values > 0.5
        hit = [name for name, here in zip(data.regime_names, acted, strict=True) if here]
        handles = [
            Line2D([], [], color=BLUE, linewidth=1.8, label="mean and 90 %"),
            Line2D([], [], color=GREY, marker="o", label="rows without intervention", **style),
        ]
        if len(hit) < len(data.regimes):
            handles.append(Line2D([], [], color=SKY, marker="o", label="of regimes that let it alone", **style))
        if hit:
            named = f"of {shortened(hit[0])}, which acts on it" if len(hit) == 1 else f"of {len(hit)} that act on it"
            handles.append(Line2D([], [], color=VERMILION, marker="x", label=named, **style))
    width = float(figure.get_figure(root=True).get_size_inches()[0])
    one_row = sum(text_width(handle.get_label(), SMALL) + KEY for handle in handles) < 72 * width
    columns = len(handles) if one_row else max(1, min(len(handles), int(width / 1.9)))
    legend = figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL, handletextpad=0.4,
        columnspacing=1.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
