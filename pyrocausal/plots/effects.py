"""What would happen if variables were set, as intervals: a pure function that takes axes and returns them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.missing import present
from pyrocausal.plots.layout import Pair
from pyrocausal.plots.style import BLUE, DARK, GREY, PALE, shortened, widest
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.checked_settings import check, whole

__all__ = ["draw_effects", "effects_size", "plot_effects"]

MOST = 20  # rows
FONT = 8.5
ROW, INTERVALS = 0.25, 4.2  # inches: height of a row, width of what is drawn beside the labels
LONGEST = 52  # characters of a state and its variable, beyond which the middle is left out
NOTHING = "No variable that was asked about\nacts on another in the graphs drawn."


def plot_effects(
    result: CausalPosterior,
    causes: Sequence[str] | None = None,
    *,
    most: int = MOST,
    draws: int = 50,
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw what happens to variables if others are set, the largest effects first, with intervals of 90 %.

    Parameters
    ----------
    result
        A fit.
    causes
        Whose effects; default: of all variables that a regime is believed to act on, or of all where there is none.
    most
        Effects that are drawn at the most.
    draws, seed
        As in `CausalPosterior.effects`.
    ax
        Where to draw; by default new axes, as large as the rows ask for.

    Returns
    -------
    matplotlib.axes.Axes
        A row is an effect, from the top; its interval is a line whose gid is "cause -> effect". A change of a
        probability is a square, as it is; a change of a number or a count is a dot, in standard deviations of the
        effect over all rows, so that units do not matter. Where the interval holds 0 it is grey.

    Raises
    ------
    TypeError, ValueError
        If a variable is none, or a number is no whole number or out of range.

    Examples
    --------
    Going on from the example of `discover`:

    >>> ax = plot_effects(result, ["X0"])
    >>> ax.figure.savefig("effects.png")
    """
    check("most", most, whole(1))
    table = result.effects(causes, draws=draws, seed=seed).head(most)
    if ax is None:
        _, ax = plt.subplots(figsize=effects_size(table), layout="constrained")
    return draw_effects(table, result.data, ax)


def effects_size(table: pd.DataFrame) -> Pair:
    """Width and height in inches at which a table is drawn best."""
    labels = widest(map(_label, table.to_dict("records")), FONT) / 72 if len(table) else 0.0
    return labels + INTERVALS + 0.5, 1.35 + ROW * max(2, len(table))


def draw_effects(table: pd.DataFrame, data: InterventionalData, ax: Axes) -> Axes:
    """Draw all rows of a table that `CausalPosterior.effects` gave; see `plot_effects`."""
    ax.set_title("What would happen")
    if table.empty:
        ax.text(0.5, 0.5, NOTHING, ha="center", va="center", fontsize=FONT, color=DARK, transform=ax.transAxes)
        ax.set_axis_off()
        return ax
    rows = table.to_dict("records")
    for place, row in enumerate(rows):
        unit = 1.0 if _of_state(row) else _deviation(data, row["effect"])
        low, mean, high = (row[name] / unit for name in ("low", "mean", "high"))
        color = GREY if low <= 0 <= high else BLUE
        ax.plot([low, high], [place, place], color=color, linewidth=1.8, gid=f"{row['cause']} -> {row['effect']}")
        ax.plot([mean], [place], color=color, marker=_marker(row), markersize=5)
    ax.axvline(0, color=DARK, linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=FONT, parse_math=False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=FONT)
    ax.grid(axis="x", color=PALE, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    _name_axis(ax, {_of_state(row) for row in rows})
    return ax


def _name_axis(ax: Axes, sorts: set[bool]) -> None:
    """Say what is measured, of changes of probabilities, of numbers or of both."""
    texts = {True: "change of a probability", False: "change of a mean, in sd of the effect"}
    if len(sorts) == 1:
        ax.set_xlabel(texts[sorts.pop()], fontsize=FONT)
        return
    ax.set_xlabel("change in sd, or of a probability", fontsize=FONT)
    handles = [
        Line2D([], [], color=BLUE, marker="s" if sort else "o", markersize=5, linestyle="none", label=label)
        for sort, label in ((True, "probability"), (False, "mean, in sd of the effect"))
    ]
    ax.legend(handles=handles, frameon=False, fontsize=FONT, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    ax.set_title(ax.get_title(), pad=24)


def _of_state(row: Mapping[Hashable, Any]) -> bool:
    """Whether it is a probability that changes."""
    return bool(row["measured"] != "mean")


def _marker(row: Mapping[Hashable, Any]) -> str:
    return "s" if _of_state(row) else "o"


def _label(row: Mapping[Hashable, Any]) -> str:
    """Such as "PKA low to high: P(Erk=high)"."""
    measured = shortened(row["measured"], LONGEST) if _of_state(row) else f"mean of {shortened(row['effect'])}"
    return f"{shortened(row['cause'])} {shortened(row['versus'])} to {shortened(row['do'])}: {measured}"


def _deviation(data: InterventionalData, name: str) -> float:
    """Standard deviation of a number or a count over all rows, in its units; 1 where it has none."""
    i = data.names.index(name)
    column = torch.cat([part.rows[:, i].cpu().double() for part in data.parts])
    return float(data.kinds[i].in_units(column[present(column)]).std()) or 1.0
