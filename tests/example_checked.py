"""Tables to check: clean ones, and a chain of numbers or categories to put faults into."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Count


def numbers(rows: int, seed: int, hit: str | None = None) -> pd.DataFrame:
    """A -> B -> C, one of them drawn anew."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=rows) + 3 * (hit == "A")
    b = rng.normal(size=rows) * 0.3 - 2 if hit == "B" else 1.2 * a + 0.6 * rng.normal(size=rows)
    c = rng.normal(size=rows) + 3 if hit == "C" else np.tanh(b) + 0.4 * rng.normal(size=rows)
    return pd.DataFrame({"A": a, "B": b, "C": c})


def words(rows: int, seed: int, hit: str | None = None) -> pd.DataFrame:
    """The same with states."""
    return numbers(rows, seed, hit).apply(lambda x: np.where(x > 1, "high", np.where(x > -1, "mid", "low")))


def counts(rows: int, seed: int, hit: str | None = None) -> pd.DataFrame:
    """Molecules of genes, one of which is repressed."""
    rng = np.random.default_rng(seed)
    means = {name: mean * (0.2 if hit == name else 1) for name, mean in {"A": 40.0, "B": 3.0, "C": 0.2}.items()}
    return pd.DataFrame({name: rng.poisson(mean * rng.gamma(2, 0.5, rows)) for name, mean in means.items()})


COUNTED = dict.fromkeys("ABC", Count)


def tables(make, rows=400, rows_each=120, seed=0) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Observational rows, and a regime for each variable."""
    return make(rows, 10 * seed), {f"do{hit}": make(rows_each, 10 * seed + k + 1, hit) for k, hit in enumerate("ABC")}


def data_of(control: pd.DataFrame, regimes: dict[str, pd.DataFrame], kinds=None) -> InterventionalData:
    return InterventionalData.from_frames(control, regimes, kinds=kinds)


def changed(make, change, rows=400, rows_each=120, seed=0, kinds=None) -> InterventionalData:
    """Tables of which `change` (table, its name) makes others."""
    control, regimes = tables(make, rows, rows_each, seed)
    return data_of(change(control, ""), {name: change(table, name) for name, table in regimes.items()}, kinds)
