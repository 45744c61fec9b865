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

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyro
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.exogenous import Exogenous, abduct
from pyrocausal.model.handlers import intervene
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
        seen, found = event.of(rows), []
        for cause, code in versus.items():
            other = torch.tensor(code, dtype=program.dtype)
            changed = event.of(_world(program, {cause: other}, noise, len(rows))) != seen
            place = program.names.index(cause)
            sufficient = _sufficient(program, data, event, cause, rows[:, place], seen, other, population, drawn)
            pair = torch.stack([changed.double(), sufficient])
            found.append(torch.where(rows[:, place] == other, torch.nan, pair))
        return torch.stack(found, -1)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return programs.each(ask)


def _sufficient(
    program: Program,
    data: InterventionalData,
    event: Event,
    cause: str,
    values: torch.Tensor,
    seen: torch.Tensor,
    other: torch.Tensor,
    noise: Mapping[str, torch.Tensor],
    drawn: int,
) -> torch.Tensor:
    """Of every row [n], given the values of the cause [n] and what was seen [n]; rows that are alike are asked once."""
    still = {name: each.values for name, each in typical(data).items()}
    without = event.of(_world(program, {cause: other, **still}, noise, drawn))
    pairs, place = torch.stack([values, seen], 1).unique(dim=0, return_inverse=True)
    shares = []
    for some in pairs.split(max(1, TOGETHER // drawn)):  # each is a block of rows of one run
        many = {name: torch.cat([part] * len(some)) for name, part in noise.items()}
        setting = {cause: some[:, 0].to(program.dtype).repeat_interleave(drawn), **still}
        made = event.of(_world(program, setting, many, len(some) * drawn)).view(len(some), drawn)
        what = some[:, 1:]
        open_rows = without != what
        shares.append(((made == what) & open_rows).double().sum(1) / open_rows.double().sum(1))  # NaN of none
    return torch.cat(shares)[place]


def _world(
    program: Program, setting: Mapping[str, torch.Tensor], noise: Mapping[str, torch.Tensor], n: int
) -> torch.Tensor:
    codes = {name: Codes(value) for name, value in setting.items()}
    with pyro.validation_enabled(False), intervene(codes), Exogenous(noise):
        return program(n)
