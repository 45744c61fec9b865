"""Effects of many variables on all that is below them, as one table.

A number or a count as a cause moves by one standard deviation, from half of it below the observational mean to half of
it above, within what was seen; of a cause with ordered states the lowest and the highest are compared, of others the
two that occur most, in the order of their codes. Of an effect with states, the one whose probability changes most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from pyrocausal.model.handlers import intervene, keep_values
from pyrocausal.model.program import Program
from pyrocausal.queries.asked import typical
from pyrocausal.queries.drawn_programs import DrawnPrograms
from pyrocausal.queries.even_noise import even_noise
from pyrocausal.queries.outcomes import expected
from pyrocausal.search.moves import closure

__all__ = ["effect_table", "usual_contrast"]

TOGETHER = 20  # causes that are asked about in one run of a program
AS_MUCH = 0.999  # of the largest change of a probability is as large: of two states the first is told of
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
    found, paths = [], closure(programs.graphs.flatten(0, 1)).double().mean(0)  # [d, d], effect and cause
    for first in range(0, len(causes), TOGETHER):
        contrasts = {cause: usual_contrast(data, cause) for cause in causes[first : first + TOGETHER]}
        changes = programs.each(partial(_changes, data, contrasts, rows, seed))  # [C, N, causes, d, states]
        for k, (cause, codes) in enumerate(contrasts.items()):
            words = [_in_words(data, cause, code) for code in codes]
            found += _rows(data, cause, words, changes[:, :, k], paths[:, data.names.index(cause)])
    table = pd.DataFrame(found, columns=["cause", "effect", "versus", "do", "measured", "mean", "low", "high", "path"])
    if table.empty:
        return table
    size = table["mean"].abs() / table.effect.map({name: _spread(data, name) for name in table.effect.unique()})
    return table.loc[size.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def usual_contrast(data: InterventionalData, cause: str) -> tuple[float, float]:
    """Codes of two usual values of a variable."""
    i = data.names.index(cause)
    kind, part = data.kinds[i], data.parts[0]
    column = torch.cat([each.rows[:, i].cpu() for each in data.parts]).double()
    column = column[present(column)]
    if isinstance(kind, Categorical) and kind.ordered:
        return float(column.min()), float(column.max())
    if kind.discrete:
        counts = torch.bincount(column.long(), minlength=kind.cardinality)
        first, second = sorted(counts.argsort(descending=True, stable=True)[:2].tolist())  # two at least are seen
        return float(first), float(second)
    observed = part.rows[:, i].cpu().double()
    observed = observed[present(observed)]
    mean, half = float(observed.mean()), 0.5 * float(observed.std())
    if half == 0:  # a switch that regimes turn
        mean, half = float(column.mean()), 0.5 * float(column.std())
    low, high = max(mean - half, float(column.min())), min(mean + half, float(column.max()))
    if not kind.whole:
        return low, high
    whole = float(round(low)), float(round(high))
    return whole if whole[0] < whole[1] else (float(np.floor(low)), min(float(np.floor(low)) + 1, float(column.max())))


def _spread(data: InterventionalData, name: str) -> float:
    """Standard deviation of a number or count in all rows, in its units; 1 of what has states."""
    i = data.names.index(name)
    if data.kinds[i].discrete:
        return 1.0
    column = torch.cat([part.rows[:, i].cpu().double() for part in data.parts])
    return float(data.kinds[i].in_units(column[present(column)]).std()) or 1.0


@torch.no_grad()
def _changes(
    data: InterventionalData, contrasts: Mapping[str, tuple[float, float]], rows: int, seed: int, program: Program
) -> torch.Tensor:
    """What changes of every variable if a cause is set, [causes, d, most states]; NaN where it has fewer.

    All worlds are rows of one run: a run of a program takes as long for many rows as for few.
    """
    worlds = 2 * len(contrasts)
    noise = {name: torch.cat([part] * worlds) for name, part in even_noise(program, rows, seed).items()}
    told = {}
    for k, (cause, codes) in enumerate(contrasts.items()):
        where, value = torch.zeros(worlds, dtype=torch.bool), torch.zeros(worlds, dtype=program.dtype)
        where[2 * k : 2 * k + 2], value[2 * k : 2 * k + 2] = True, torch.tensor(codes, dtype=program.dtype)
        told[cause] = where.repeat_interleave(rows), value.repeat_interleave(rows)
    with pyro.validation_enabled(False), intervene(typical(data)), keep_values(told), Exogenous(noise):
        values = program(worlds * rows)
    most = max(1, *(kind.cardinality for kind in program.kinds))
    found = torch.full((len(contrasts), len(program.names), most), torch.nan, dtype=torch.double)
    for i, (name, kind) in enumerate(zip(program.names, program.kinds, strict=True)):
        if name in data.nodes:
            means = expected(kind, program, i, values).reshape(len(contrasts), 2, rows, -1).mean(2)
            found[:, i, : means.shape[-1]] = means[:, 1] - means[:, 0]
    for k, cause in enumerate(contrasts):
        found[k, program.names.index(cause)] = torch.nan
    return found


def _rows(
    data: InterventionalData, cause: str, words: Sequence[str], changes: np.ndarray, paths: torch.Tensor
) -> list[list[Any]]:
    found = []
    for i, (name, kind) in enumerate(zip(data.names, data.kinds, strict=True)):
        path = float(paths[i])
        if not path:
            continue
        draws = changes[:, :, i].reshape(-1, changes.shape[-1])  # [draws, states]
        size = np.nan_to_num(np.abs(draws.mean(0)))
        state = int(np.argmax(size >= AS_MUCH * size.max())) if kind.discrete else 0
        measured = "mean"
        if kind.discrete:
            measured = f"P({name}={kind.decode(np.array([float(state)])).iloc[0]})"
        low, high = np.quantile(draws[:, state], BETWEEN)
        found.append([cause, name, *words, measured, float(draws[:, state].mean()), float(low), float(high), path])
    return found


def _in_words(data: InterventionalData, name: str, code: float) -> str:
    value = data.kinds[data.names.index(name)].decode(np.array([code])).iloc[0]
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
