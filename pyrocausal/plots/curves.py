"""Curves, pure functions that take axes and return them: beliefs along the steps of a fit, and reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from pyrocausal.plots.style import DARK, DISTINCT, GREY, PALE, inches
from pyrocausal.posterior.calibration import calibration_error, reliability_curve
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["plot_beliefs", "plot_reliability"]

LINES: Sequence[Literal["solid", "dashed", "dashdot", "dotted"]] = "solid", "dashed", "dashdot", "dotted"
FARTHEST = 12.0  # log odds; a belief that has rounded to 0 or 1 is drawn here
TICKS = 0.00001, 0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999  # probabilities
FONT = 8.0


# ---------------------------------------------------------------------- beliefs along the steps
def plot_beliefs(result: CausalPosterior, ax: Axes | None = None, labels: int = 20) -> Axes:
    """Draw the belief in every edge along the last steps of the three phases, a line per ordered pair and chain.

    The beliefs only propose what settling begins with. Lines that have come to rest, in the same place in all chains,
    are a good sign; how sure an edge is they do not say.

    Parameters
    ----------
    result
        Whose chains have kept their beliefs, as those that `discover` made have.
    ax
        Where to draw; by default new axes.
    labels
        Edges that are named at the most: of the settled graph's those believed most.

    Returns
    -------
    matplotlib.axes.Axes
        The height is the log odds of a belief, marked with probabilities. Edges of the settled graph are lines whose
        gid is "chain 0: cause -> effect"; all other pairs of a chain are one pale collection, gid "chain 0". Pairs that
        are not learned, because they are known or cannot be, are left out.

    Raises
    ------
    TypeError
        If `labels` is no whole number.
    ValueError
        If it is below 0, or a chain has kept no beliefs.

    Examples
    --------
    Going on from the example of `discover`:

    >>> ax = plot_beliefs(result, labels=5)
    """
    check("labels", labels, whole())
    if any(chain.belief_logits is None for chain in result.chains):
        raise ValueError("result: its chains have kept no beliefs; fit again")
    if ax is None:
        _, ax = plt.subplots(figsize=(8.0, 5.0), layout="constrained")
    names, dag = result.data.names, result.best.dag.cpu().numpy()
    nodes = np.isin(names, result.data.nodes)
    last: dict[str, float] = {}  # of the best chain, by edge of its graph
    for c, chain in enumerate(result.chains):
        assert chain.belief_logits is not None
        logits = chain.belief_logits.double().cpu().numpy().clip(-FARTHEST, FARTHEST)  # [steps, d, d]
        steps = chain.trace.index.to_numpy()[len(chain.trace) - len(logits) :]
        free = chain.model.beliefs.free.cpu().numpy() & nodes[:, None] & nodes
        style: dict[str, Any] = {"color": DISTINCT[c % len(DISTINCT)], "linestyle": LINES[c % len(LINES)]}
        rest = [np.column_stack([steps, logits[:, e, k]]) for e, k in np.argwhere(free & ~dag)]
        ax.add_collection(LineCollection(rest, linewidths=0.6, alpha=0.25, gid=f"chain {c}", zorder=1, **style))
        for e, k in np.argwhere(free & dag):
            edge = f"{names[k]} -> {names[e]}"
            ax.plot(steps, logits[:, e, k], gid=f"chain {c}: {edge}", linewidth=1.2, alpha=0.9, zorder=2, **style)
            if chain is result.best:
                last[edge] = float(logits[-1, e, k])
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.autoscale_view()
    ax.margins(x=0)
    low, high = ax.get_ylim()
    shown = [p for p in TICKS if low <= _log_odds(p) <= high]
    ax.set_yticks([_log_odds(p) for p in shown], [f"{p:.5f}".rstrip("0") for p in shown])
    ax.set(xlabel="step", ylabel="belief in an edge", title="Beliefs along the last steps of the three phases")
    ax.spines[["top", "right"]].set_visible(False)
    _name_edges(ax, dict(sorted(last.items(), key=lambda item: -item[1])[:labels]))
    handles = [
        Line2D([], [], color=DISTINCT[c % len(DISTINCT)], linestyle=LINES[c % len(LINES)], label=f"chain {c}")
        for c in range(len(result.chains))
    ]
    handles.append(Line2D([], [], color=GREY, linewidth=0.6, label="pale: not in the settled graph"))
    ax.legend(handles=handles, frameon=False, fontsize=FONT, ncols=min(5, len(handles)), loc="lower left",
              bbox_to_anchor=(0, 1.0), borderaxespad=0.1)  # fmt: skip
    ax.set_title(ax.get_title(), pad=24)
    return ax


def _log_odds(probability: float) -> float:
    return float(np.log(probability) - np.log1p(-probability))


def _name_edges(ax: Axes, heights: dict[str, float]) -> None:
    """Write names beside the right border where lines end, moved apart where they would overlap."""
    (low, high), right = ax.get_ylim(), ax.get_xlim()[1]
    line = 1.15 * FONT / (72 * inches(ax)[1]) * (high - low)  # height of a line of text in units of the axis
    places: list[float] = []
    for height in sorted(heights.values()):
        places.append(max(height, places[-1] + line) if places else height)
    over = max(0.0, places[-1] - high) if places else 0.0
    for i in reversed(range(len(places))):  # down again where the topmost ones left the axes
        places[i] = min(places[i], (places[i + 1] - line) if i + 1 < len(places) else places[i] - over)
    for (edge, height), place in zip(sorted(heights.items(), key=lambda item: item[1]), places, strict=True):
        ax.annotate(
            edge, (right, height), (14, (place - height) / (high - low) * 72 * inches(ax)[1]),
            textcoords="offset points", va="center", fontsize=FONT, color=DARK, parse_math=False, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 1,
                        "relpos": (0, 0.5)},
        )  # fmt: skip


# ---------------------------------------------------------------------- reliability
def plot_reliability(
    probability: ArrayLike, happened: ArrayLike, ax: Axes | None = None, bins: int = 10, label: str | None = None
) -> Axes:
    """Draw how often things happened against how probable they were said to be, with the expected calibration error.

    Call it again with the same axes to compare: every curve has a colour of its own.

    Parameters
    ----------
    probability
        In [0, 1], shape [n]; of edges and a true graph see `pyrocausal.posterior.graph_metrics.ordered_pairs`.
    happened
        0 or 1, shape [n].
    ax
        Where to draw; by default new axes.
    bins
        Equally wide bins of probabilities.
    label
        What the probabilities are of.

    Returns
    -------
    matplotlib.axes.Axes
        Each curve is a line whose gid is "reliability"; beside its marks, whose areas tell so too, are the numbers of
        probabilities in the bins.

    Raises
    ------
    ValueError
        As `pyrocausal.posterior.calibration.calibration_error`.

    Examples
    --------
    >>> ax = plot_reliability([0.1, 0.4, 0.9], [0, 1, 1], bins=5)
    """
    curve, error = reliability_curve(probability, happened, bins), calibration_error(probability, happened, bins)
    if ax is None:
        _, ax = plt.subplots(figsize=(5.6, 5.4), layout="constrained")
    before = sum(line.get_gid() == "reliability" for line in ax.lines)
    color, counts = DISTINCT[before % len(DISTINCT)], curve["count"].to_numpy()
    if not before:
        ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, zorder=1, gid="diagonal")
    told = f"expected calibration error {error:.3f}, n = {counts.sum():,}"
    ax.plot(
        curve.probability, curve.frequency, color=color, linewidth=1.2, linestyle=LINES[before % len(LINES)],
        gid="reliability", label=told if label is None else f"{label}: {told}",
    )  # fmt: skip
    areas = 8 + 120 * (counts / counts.max()) ** 0.5  # square points
    ax.scatter(curve.probability, curve.frequency, s=areas, color=color, zorder=3)
    away = (areas**0.5 / 2 + 5) * (-1 if before % 2 else 1)  # below the second curve, where the first has them above
    for x, y, count, far in zip(curve.probability, curve.frequency, counts, away, strict=True):
        ax.annotate(f"{count:,}", (x, y), (0, far), textcoords="offset points", ha="center", va="center", fontsize=7,
                    color=color, zorder=4)  # fmt: skip
    ax.set(xlim=(-0.06, 1.06), ylim=(-0.08, 1.08), aspect="equal")
    ax.set(xlabel="probability", ylabel="how often it was so", title="Reliability")
    ax.grid(color=PALE, linewidth=0.5, zorder=0)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, fontsize=FONT, loc="lower right")
    return ax
