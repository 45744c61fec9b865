"""Effects of many variables on all that is below them, as one table.

A number or a count as a cause moves by one standard deviation, from half of it below the observational mean to half of
it above, within what was seen; of a cause with ordered states the lowest and the highest are compared, of others the
two that occur most, in the order of their codes. Of an effect with states, the one whose probability changes most.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyro
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.missing import present
from pyrocausal.model.exogenous import Exogenous
from pyrocausal.model.handlers import intervene
from pyrocausal.model.intervened_values import Codes
from pyrocausal.model.program import Program
from pyrocausal.queries.asked import typical
from pyrocausal.queries.drawn_programs import DrawnPrograms
from pyrocausal.queries.even_noise import even_noise
from pyrocausal.queries.outcomes import expected

__all__ = ["effect_table", "usual_contrast"]

BETWEEN = 0.05, 0.95  # quantiles of the draws, with 90 % between them


def effect_table(
    programs: DrawnPrograms, data: InterventionalData, causes: Sequence[str], rows: int, seed: int
) -> pd.DataFrame:
    """Effects of some causes, the largest first.

    Returns
    -------
    pandas.DataFrame
        Columns cause, effect; versus and do, what the cause is set to; measured, what changes; mean, low and high of
        the draws (low to high is an interval of 90 %); path, share of the draws in which the cause acts on the effect.
    """
    found = []
    for cause in causes:
        versus, do = usual_contrast(data, cause)
        changes = programs.each(partial(_changes, data, cause, (versus, do), rows, seed))
        paths = programs.each(partial(_acts, cause))
        words = [_in_words(data, cause, code) for code in (versus, do)]
        found += _rows(data, cause, words, changes, paths)
    table = pd.DataFrame(found, columns=["cause", "effect", "versus", "do", "measured", "mean", "low", "high", "path"])
    if table.empty:
        return table
    size = table["mean"].abs() / table.effect.map({name: _spread(data, name) for name in table.effect.unique()})
    return table.loc[size.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def usual_contrast(data: InterventionalData, cause: str) -> tuple[float, float]:
    """Codes of two usual values of a variable."""
    i = data.names.index(cause)
    kind, part = data.kinds[i], data.parts[0]
    if isinstance(kind, Categorical) and kind.ordered:
        return 0.0, float(kind.cardinality - 1)
    column = torch.cat([each.rows[:, i].cpu() for each in data.parts]).double()
    column = column[present(column)]
    if kind.discrete:
        counts = torch.bincount(column.long(), minlength=kind.cardinality)
        first, second = sorted(counts.argsort(descending=True, stable=True)[:2].tolist())
        return float(first), float(second)
    observed = part.rows[:, i].cpu().double()
    observed = observed[present(observed)]
    mean, half = float(observed.mean()), 0.5 * float(observed.std())
    if half == 0:  # a switch that regimes turn
        mean, half = float(column.mean()), 0.5 * float(column.std())
    low, high = max(mean - half, float(column.min())), min(mean + half, float(column.max()))
    return (float(round(low)), float(round(high))) if kind.whole else (low, high)


def _spread(data: InterventionalData, name: str) -> float:
    """Standard deviation of a number or count in all rows, in its units; 1 of what has states."""
    i = data.names.index(name)
    if data.kinds[i].discrete:
        return 1.0
    column = torch.cat([part.rows[:, i].cpu().double() for part in data.parts])
    return float(data.kinds[i].in_units(column[present(column)]).std()) or 1.0


@torch.no_grad()
def _changes(
    data: InterventionalData, cause: str, codes: tuple[float, float], rows: int, seed: int, program: Program
) -> torch.Tensor:
    """What changes of every variable, [d, most states]; NaN where it has fewer."""
    noise = even_noise(program, rows, seed)
    worlds = []
    for code in codes:
        setting = {cause: Codes(torch.tensor(code, dtype=program.dtype)), **typical(data)}
        with pyro.validation_enabled(False), intervene(setting), Exogenous(noise):
            worlds.append(program(rows))
    found = torch.full((len(program.names), max(1, *(kind.cardinality for kind in program.kinds))), torch.nan).double()
    for i, (name, kind) in enumerate(zip(program.names, program.kinds, strict=True)):
        if name == cause or name not in data.nodes:
            continue
        before, after = (expected(kind, program, i, world).mean(0) for world in worlds)
        found[i, : len(before)] = after - before
    return found


def _acts(cause: str, program: Program) -> list[bool]:
    """Whether a variable acts on each."""
    return [cause in program.ancestors(name) for name in program.names]


def _rows(
    data: InterventionalData, cause: str, words: Sequence[str], changes: np.ndarray, paths: np.ndarray
) -> list[list[Any]]:
    found = []
    for i, (name, kind) in enumerate(zip(data.names, data.kinds, strict=True)):
        path = float(paths[..., i].mean())
        if not path:
            continue
        draws = changes[:, :, i].reshape(-1, changes.shape[-1])  # [draws, states]
        state = int(np.nanargmax(np.abs(draws.mean(0)))) if kind.discrete else 0
        measured = "mean"
        if kind.discrete:
            measured = f"P({name}={kind.decode(np.array([float(state)])).iloc[0]})"
        low, high = np.quantile(draws[:, state], BETWEEN)
        found.append([cause, name, *words, measured, float(draws[:, state].mean()), float(low), float(high), path])
    return found


def _in_words(data: InterventionalData, name: str, code: float) -> str:
    value = data.kinds[data.names.index(name)].decode(np.array([code])).iloc[0]
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
