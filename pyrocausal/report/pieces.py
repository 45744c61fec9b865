"""What sections of a report are made of: plain text, lists of it, and figures that need no screen."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pyrocausal.report.document import Items, Text

__all__ = ["constrained_figure", "new_figure", "plain_items", "plain_text"]


def plain_text(text: str) -> Text:
    """A paragraph."""
    return Text((text,))


def plain_items(texts: Iterable[str]) -> Items:
    """A list of paragraphs."""
    return Items(tuple(map(plain_text, texts)))


def new_figure(width: float, height: float) -> Figure:
    """A figure, in inches, that needs no screen, and that pyplot does not know of."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def constrained_figure(width: float, height: float) -> Figure:
    """The same, whose axes make room for their labels."""
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained")
    return figure
