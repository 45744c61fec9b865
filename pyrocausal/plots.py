"""Pictures of a result: pure functions that take axes and return them."""

from __future__ import annotations
from typing import Any

def plot_graph(result: Any, ax: Any = None) -> Any: ...
def plot_targets(result: Any, ax: Any = None) -> Any: ...
