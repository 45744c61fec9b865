"""Outcomes of interventions: probabilities of states, or means, of a variable in every program drawn.

Where all that acts on the variable has states, sums are exact (`pyrocausal.queries.exact_sums`). Else rows are drawn
with even noise, and the mean is that of what the variable's mechanism says of them. What is observed *after* the
intervention weighs rows by how probable it is there (likelihood weighting); how many rows are left by that is the
effective sample size, (sum w)^2 / sum w^2.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pyro
import torch
import xarray as xr
from pyro import poutine

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.kinds import Continuous, Count
from pyrocausal.model.exogenous import Exogenous
from pyrocausal.model.handlers import intervene
from pyrocausal.model.program import Program
from pyrocausal.queries.asked import codes_of, in_words, typical, with_values
from pyrocausal.queries.drawn_programs import SAMPLED, DrawnPrograms, along
from pyrocausal.queries.even_noise import even_noise
from pyrocausal.queries.exact_sums import exact_outcome

__all__ = ["Asked", "contrast", "expected", "labelled", "outcome"]

FEW = 100.0  # rows that are left by what is observed; a warning says if there are fewer


class Asked(NamedTuple):
    """A question to one program.

    Attributes
    ----------
    data
        What was fitted.
    outcome
        The variable that is asked about.
    given
        What is observed after the intervention.
    rows
        That are drawn where sums are not exact.
    seed
        Of their noise.
    """

    data: InterventionalData
    outcome: str
    given: Mapping[str, Any]
    rows: int
    seed: int

    @property
    def place(self) -> int:
        """Of the variable."""
        return self.data.names.index(self.outcome)

    @property
    def kind(self) -> Kind:
        """Of the variable."""
        return self.data.kinds[self.place]


def outcome(programs: DrawnPrograms, asked: Asked, do: Mapping[str, Any]) -> xr.DataArray:
    """Probabilities of states or means, dims ("chain", "draw") and "state" of a variable that has states."""
    world, given = _world("do", do, asked), _given(asked)
    answers = programs.each(lambda program: _answer(program, asked, world, given))
    return _told(programs, asked, answers, {"do": in_words(do)})


def contrast(programs: DrawnPrograms, asked: Asked, do: Mapping[str, Any], versus: Mapping[str, Any]) -> xr.DataArray:
    """The difference that one intervention makes against another, as `outcome`."""

    first, second, given = _world("do", do, asked), _world("versus", versus, asked), _given(asked)

    def difference(program: Program) -> torch.Tensor:
        one, other = (_answer(program, asked, world, given) for world in (first, second))
        return torch.cat([one[:-1] - other[:-1], torch.minimum(one[-1:], other[-1:])])

    return _told(programs, asked, programs.each(difference), {"do": in_words(do), "versus": in_words(versus)})


def labelled(asked: Asked, values: np.ndarray, programs: DrawnPrograms, attributes: Mapping[str, Any]) -> xr.DataArray:
    """Values [C, N, q] under their labels."""
    chains, kind = len(programs.programs), asked.kind
    coordinates = along(programs.number, chains)
    if kind.discrete:
        coordinates["state"] = _labels(kind)
        dims: tuple[str, ...] = (*SAMPLED, "state")
    else:
        values, dims = values[..., 0], SAMPLED
    return xr.DataArray(values, dims=dims, coords=coordinates, name=asked.outcome, attrs=dict(attributes))


def _labels(kind: Kind) -> np.ndarray:
    """Of the states, as the table has them, [states]."""
    labels = kind.decode(np.arange(float(kind.cardinality))).tolist()
    if len({type(each) for each in labels}) == 1 and isinstance(labels[0], str | int | float):
        return np.array(labels)
    found = np.empty(len(labels), dtype=object)  # NumPy would make text of some, and more dims of tuples
    found[:] = labels
    return found


def _told(programs: DrawnPrograms, asked: Asked, answers: np.ndarray, attributes: Mapping[str, Any]) -> xr.DataArray:
    """Answers [C, N, q + 1], the last of them effective sample sizes, as an array."""
    least = float(answers[..., -1].min())
    told = {"measured": "probability" if asked.kind.discrete else "mean", **attributes}
    if asked.given:
        told |= {"given": in_words(asked.given)}
    if np.isfinite(least):
        told["effective_rows"] = least
    if least < FEW and asked.given:
        warnings.warn(
            f"given: {in_words(asked.given)} leaves {least:.0f} of {asked.rows} rows that are drawn; ask for more "
            "rows, or do not trust the last digits",
            RuntimeWarning,
            stacklevel=4,
        )
    return labelled(asked, answers[..., :-1], programs, told)


class _World(NamedTuple):
    """What is done."""

    values: Mapping[str, Any]  # as `pyrocausal.intervene` takes it
    codes: Mapping[int, float] | None  # the same where it is one value of each variable


def _world(argument: str, do: Mapping[str, Any], asked: Asked) -> _World:
    return _World(with_values(argument, do, asked.data, asked.rows, asked.seed), codes_of(do, asked.data))


def _given(asked: Asked) -> Mapping[int, float]:
    """Codes of what is observed."""
    codes = codes_of(asked.given, asked.data)
    if codes is None:
        raise ValueError("given: one value of each variable is observed; ask once for each")
    return codes


@torch.no_grad()
def _answer(program: Program, asked: Asked, world: _World, given: Mapping[int, float]) -> torch.Tensor:
    """Probabilities or a mean, and the effective sample size, infinite where sums are exact: [q + 1]."""
    found = None if world.codes is None else exact_outcome(program, asked.place, world.codes, given)
    if found is not None:
        return torch.cat([found, found.new_full((1,), torch.inf)])
    return _drawn(program, asked, world.values, given)


def _drawn(program: Program, asked: Asked, do: Mapping[str, Any], given: Mapping[int, float]) -> torch.Tensor:
    """The same from rows that are drawn."""
    kind, n = asked.kind, asked.rows
    seen = {program.names[i]: program.kinds[i].typed(torch.full((n,), code)) for i, code in given.items()}
    noise = even_noise(program, n, asked.seed)
    setting = intervene({**do, **typical(asked.data)})
    with pyro.validation_enabled(False), poutine.trace() as trace, setting, Exogenous(noise):
        values = pyro.condition(program, data=seen)(n) if seen else program(n)
    weights = torch.ones(n, dtype=torch.double)
    if seen:
        trace.trace.compute_log_prob(lambda name, site: name in seen)
        logs = sum(trace.trace.nodes[name]["log_prob"].double() for name in seen)
        weights = torch.softmax(torch.as_tensor(logs), 0)
    told = expected(kind, program, asked.place, values) if not seen else _observed(kind, values[:, asked.place])
    mean = (weights[:, None] * told).sum(0) / weights.sum()
    left = weights.sum().square() / weights.square().sum()
    return torch.cat([mean, left[None]])


def expected(kind: Kind, program: Program, place: int, values: torch.Tensor) -> torch.Tensor:
    """What the mechanism says of the variable in every row, [n, q]; less noisy than its values."""
    fn = program.conditional(place, values)
    if kind.discrete:
        return fn.probs.double().expand(len(values), -1)
    if isinstance(kind, Continuous | Count):  # in whose units a mean is a mean of codes
        with suppress(NotImplementedError):  # a distribution of the user may have none
            return kind.in_units(fn.mean.expand(len(values)).double())[:, None]
    return _observed(kind, values[:, place])


def _observed(kind: Kind, codes: torch.Tensor) -> torch.Tensor:
    """Values of every row, or which state it has: [n] -> [n, q]."""
    if kind.discrete:
        return torch.nn.functional.one_hot(codes.long(), kind.cardinality).double()
    return kind.in_units(codes.double())[:, None]
