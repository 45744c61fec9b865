"""Which cause was necessary for what was seen in a row, and which would have been sufficient.

The event is that Y is in the state that it has in the row, or on the same side of a threshold. For a cause X with the
value x in the row, held against another value x':

- necessary: the probability that the event would not have been, had X been x' in this very row, its noise as it was;
- sufficient: among rows in which there is no event under x', the probability that x makes it.

Both are properties of how noise and mechanism are joined (`pyrocausal.model.couplings`), which no data can test.

References
----------
J. Pearl, "Probabilities of Causation", 1999.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyro
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.exogenous import Exogenous, abduct
from pyrocausal.model.handlers import intervene, keep_values
from pyrocausal.model.intervened_values import Codes
from pyrocausal.model.program import Program
from pyrocausal.queries.asked import typical
from pyrocausal.queries.drawn_programs import DrawnPrograms
from pyrocausal.queries.even_noise import even_noise

__all__ = ["Event", "necessary_and_sufficient"]

TOGETHER = 100_000  # rows that are drawn in one run of a program


class Event(NamedTuple):
    """That a variable is what it is in a row.

    Attributes
    ----------
    variable
        Its place.
    above
        The code of a threshold, of a number or a count; None of states.
    """

    variable: int
    above: float | None

    def of(self, values: torch.Tensor) -> torch.Tensor:
        """What of the variable counts: its state, or whether it is above the threshold: [..., d] -> [...]."""
        column = values[..., self.variable]
        return column if self.above is None else (column > self.above).to(column)


@torch.no_grad()
def necessary_and_sufficient(
    programs: DrawnPrograms,
    data: InterventionalData,
    rows: torch.Tensor,
    event: Event,
    versus: Mapping[str, float],
    drawn: int,
    seed: int,
) -> np.ndarray:
    """Ask every program; Torch's random state is left as it was.

    Parameters
    ----------
    programs
        The programs.
    data
        What was fitted.
    rows
        Encoded, shape [n, d].
    event
        What is explained.
    versus
        Of every cause the code that it is held against.
    drawn
        Rows that are drawn to ask what is sufficient.
    seed
        Of their noise, and of that behind the rows.

    Returns
    -------
    numpy.ndarray
        Shape [C, N, 2, n, causes]: necessary (0 or 1, of a draw of the noise) and sufficient. NaN where a row has the
        value already that a cause is held against, or where every row has the event under that.
    """

    def ask(program: Program) -> torch.Tensor:
        noise, population = abduct(program, rows), even_noise(program, drawn, seed)
        seen, columns = event.of(rows), {cause: rows[:, program.names.index(cause)] for cause in versus}
        changed = _worlds(program, event, [*versus.items()], noise, len(rows), {}) != seen
        wanted = [(cause, code) for cause, column in columns.items() for code in column.unique().tolist()]
        settings = [*dict.fromkeys([*versus.items(), *wanted])]
        made = dict(zip(settings, _worlds(program, event, settings, population, drawn, typical(data)), strict=True))
        found = []
        for differs, (cause, other) in zip(changed, versus.items(), strict=True):
            pair = torch.stack([differs.double(), _sufficient(made, cause, columns[cause], seen, other)])
            found.append(torch.where(columns[cause] == torch.tensor(other).to(rows), torch.nan, pair))
        return torch.stack(found, -1)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return programs.each(ask)


def _worlds(
    program: Program,
    event: Event,
    settings: Sequence[tuple[str, float]],
    noise: Mapping[str, torch.Tensor],
    n: int,
    still: Mapping[str, Codes],
) -> torch.Tensor:
    """What of the variable counts in n rows with this noise, of every cause and code that it is set to: [settings, n].

    Many worlds are rows of one run: a run of a program takes about as long for many rows as for few.
    """
    found = []
    for first in range(0, len(settings), max(1, TOGETHER // n)):
        some = settings[first : first + max(1, TOGETHER // n)]
        many = {name: torch.cat([part] * len(some)) for name, part in noise.items()}
        codes, told = torch.tensor([code for _, code in some], dtype=program.dtype).repeat_interleave(n), {}
        for cause in {cause for cause, _ in some}:
            told[cause] = torch.tensor([each == cause for each, _ in some]).repeat_interleave(n), codes
        with pyro.validation_enabled(False), intervene(still), keep_values(told), Exogenous(many):
            found.append(event.of(program(len(codes))).view(len(some), n))
    return torch.cat(found)


def _sufficient(
    made: Mapping[tuple[str, float], torch.Tensor], cause: str, column: torch.Tensor, seen: torch.Tensor, other: float
) -> torch.Tensor:
    """Of every row [n], given the values of the cause [n] and what was seen [n]; rows that are alike are asked once."""
    pairs, place = torch.stack([column, seen.to(column)], 1).unique(dim=0, return_inverse=True)
    what = pairs[:, 1:]
    open_rows = made[cause, other] != what
    brought = torch.stack([made[cause, code] for code in pairs[:, 0].tolist()]) == what  # [pairs, drawn]
    return ((brought & open_rows).double().sum(1) / open_rows.double().sum(1))[place]  # NaN where none is open
