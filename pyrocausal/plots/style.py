"""What pictures share: colours, sizes of texts and axes, a check.

The colours are those of Okabe and Ito, which most colour-blind people can tell apart.

References
----------
M. Okabe and K. Ito (2008), Color Universal Design, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.scale import FuncScale

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.plots.layout import Pair, text_width

__all__ = [
    "BLUE", "DARK", "DISTINCT", "GREY", "PALE", "PINK", "SKY", "VERMILION", "count_scale", "inches", "shortened",
    "truth_among", "widest",
]  # fmt: skip

MARGIN = 0.04  # of an axis, at either end
DARK, GREY, PALE = "#222222", "#999999", "#DDDDDD"
BLUE, VERMILION, PINK, SKY = "#0072B2", "#D55E00", "#CC79A7", "#56B4E9"
DISTINCT = BLUE, VERMILION, "#009E73", PINK, "#E69F00", SKY, "#000000"  # in the order in which they are used


def widest(texts: Iterable[str], size: float) -> float:
    """Width of the widest of some texts in points, at a size in points."""
    return max(text_width(text, size) for text in texts)


def shortened(text: str, longest: int = 26) -> str:
    """A name on one line of so many characters at the most, its middle left out where it is longer."""
    text = " ".join(str(text).split())
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def count_scale(ax: Axes, axis: Literal["x", "y"], low: float, high: float) -> None:
    """Give counts from the lowest to the highest an axis of log(1 + count), which ends a little beyond them."""
    ends = np.log1p([low, high])
    beyond = MARGIN * max(float(ends[1] - ends[0]), 1.0)
    wide = np.expm1([ends[0] - beyond, ends[1] + beyond])
    ax.set(**{f"{axis}lim": tuple(wide)})  # the limits that Matplotlib has chosen may be below -1
    ax.set(**{f"{axis}scale": FuncScale(None, (np.log1p, np.expm1))})
    marks = [0, *(digit * 10**power for power in range(8) for digit in (1, 3))]
    shown = [mark for mark in marks if low <= mark <= high]
    one = ax.xaxis if axis == "x" else ax.yaxis
    one.set_ticks(shown, [f"{mark:,}" for mark in shown], minor=False)


def inches(ax: Axes) -> Pair:
    """Width and height of axes."""
    extent, dpi = ax.get_window_extent(), ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    return extent.width / dpi, extent.height / dpi


def truth_among(data: InterventionalData, truth: nx.DiGraph | None) -> nx.DiGraph | None:
    """A true graph among the nodes of a graph; complain if it has other variables."""
    if truth is None:
        return None
    if odd := sorted(map(str, (set(truth) - set(data.aside)) ^ set(data.nodes))):
        raise ValueError(f"truth must have the variables of the result; these are in one only: {odd}")
    return truth.subgraph(data.nodes)
