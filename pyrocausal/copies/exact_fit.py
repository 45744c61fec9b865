"""A small network fitted to the end to one variable and some parents, and what it predicts.

Inputs are the parents' columns, uncorrelated with variances of 1 (`whitened`): in a dense graph parents all but
determine each other. There are many minima, hundreds of nats apart where parents are many. So a fit begins with the
hidden units of a solution for other parents that is known, as near as the new inputs come to theirs, or else with some
at random (`pyrocausal.copies.random_starts`). A parent that goes may have stood for kinks of others, so that units
which do without it are bent anew, where they are not hopelessly behind.

Solutions are compared by rows that fit alone, so that no choice among them knows the rows that score.

Vocabulary: N rows that fit, n that score, p columns, q inputs with the constant, P weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from pyrocausal.copies.levenberg_marquardt import Squares, minimise, solve_outputs
from pyrocausal.copies.noise_fit import Noise, drawn_scale, noise_of
from pyrocausal.copies.random_starts import FURTHER, bent_anew, fitted_anew
from pyrocausal.copies.small_network import SmallNetwork

__all__ = ["LEAST_SCALE", "FamilyRows", "Solution", "begun_with", "prepared", "solved", "squares_of", "with_mean"]

LEAST_SCALE = 1e-6  # of codes, whose deviation is about 1
LEAST_SHARE = 1e-12  # of the largest variance among columns; one that is smaller is none
IDLE = 0.05  # of the noise: a unit that moves the output by less is of no use
HOPELESS = 0.2  # nats a row behind one with a parent more: its noise is not looked at, nor, for each more, narrow bends
HOPEFUL = 0.5  # likewise for every parent more: units are bent anew


class FamilyRows(NamedTuple):
    """Rows that tell of one variable.

    Attributes
    ----------
    columns
        Of all variables as causes, double, shape [N, all of them].
    values
        Of the variable, double, shape [N].
    weights
        Of rows, double, shape [N].
    """

    columns: torch.Tensor
    values: torch.Tensor
    weights: torch.Tensor

    @property
    def total(self) -> float:
        """How many they count as."""
        return float(self.weights.sum())


class Solution(NamedTuple):
    """A network that was fitted.

    Attributes
    ----------
    parents
        In ascending order.
    places
        Of their columns.
    centre, turn
        Inputs are (columns - centre) @ turn, shapes [p] and [p, q - 1].
    shift, scale
        Of the variable; the network's output is in units of it.
    network
        Of the mean.
    nats
        Half the logarithm of the mean square it leaves, in the variable's units: nats a row but for a constant.
    noise
        Mean and noise where the noise depends on the parents; None where it does not.
    """

    parents: tuple[int, ...]
    places: tuple[int, ...]
    centre: torch.Tensor
    turn: torch.Tensor
    shift: float
    scale: float
    network: SmallNetwork
    nats: float
    noise: Noise | None = None

    @property
    def plain(self) -> tuple[Any, ...]:
        """As tuples, numbers and tensors alone."""
        noise = self.noise and (tuple(self.noise.mean), tuple(self.noise.log_scale), self.noise.seen)
        return (*self[:6], tuple(self.network), self.nats, noise)

    @classmethod
    def of(cls, plain: tuple[Any, ...]) -> Solution:
        """From what `plain` gave."""
        parents, places, centre, turn, shift, scale, network, nats, noise = plain
        found = noise and Noise(SmallNetwork(*noise[0]), SmallNetwork(*noise[1]), noise[2])
        return cls(parents, places, centre, turn, shift, scale, SmallNetwork(*network), nats, found)

    def inputs(self, columns: torch.Tensor) -> torch.Tensor:
        """From columns of all variables [N, ...] to [q, N]."""
        made = (columns[:, list(self.places)] - self.centre) @ self.turn
        return torch.cat([made.new_ones(len(made), 1), made], 1).t().contiguous()


def solved(
    rows: FamilyRows,
    parents: tuple[int, ...],
    places: Sequence[int],
    near: Sequence[Solution],
    seed: int,
) -> Solution:
    """Fit a network.

    Parameters
    ----------
    rows
        What fits.
    parents
        In ascending order.
    places
        Of their columns.
    near
        Solutions for other parents, or for the same ones, to begin with the best of; none: begin anew.
    seed
        Of random starts.
    """
    begun = prepared(rows, parents, places)
    inputs = begun.inputs(rows.columns)
    loss = squares_of(begun, rows)
    rival = -math.inf
    if not begun.turn.shape[1]:
        network = solve_outputs(begun.network, inputs, loss)
    elif near:
        rival = min((each.nats for each in near if len(each.parents) > len(parents)), default=-math.inf)
        network = _continued(begun, near, rows, loss.rows * (rival - math.log(begun.scale)), seed)
    else:
        network = fitted_anew(begun.turn, inputs, loss, seed)
    return with_mean(begun, network, rows, near, seed, rival)


def with_mean(
    solution: Solution,
    mean: SmallNetwork,
    rows: FamilyRows,
    near: Sequence[Solution],
    seed: int,
    rival: float = -math.inf,
) -> Solution:
    """A solution with another network for the mean, and the noise that comes of it unless a rival is far ahead."""
    inputs, loss = solution.inputs(rows.columns), squares_of(solution, rows)
    nats = loss.value(mean(inputs)) / loss.rows + math.log(solution.scale)
    if math.isfinite(rival) and nats > rival + HOPELESS:
        return solution._replace(network=mean, nats=nats, noise=None)
    known = next((_moved(each.noise.log_scale, each, inputs, rows) for each in near if each.noise), None)
    noise = noise_of(mean, inputs, loss, known or drawn_scale(len(inputs), seed))
    return solution._replace(network=mean, nats=nats, noise=noise)


def squares_of(solution: Solution, rows: FamilyRows) -> Squares:
    """The loss of a mean in a solution's units."""
    return Squares((rows.values - solution.shift) / solution.scale, rows.weights, max(rows.total, 1.0))


def prepared(rows: FamilyRows, parents: tuple[int, ...], places: Sequence[int]) -> Solution:
    """Inputs, and units of the variable; a network of nothing."""
    share = rows.weights / max(rows.total, 1e-9)
    columns = rows.columns[:, list(places)]
    centre, shift = share @ columns, float(share @ rows.values)
    scale = max(math.sqrt(float(share @ (rows.values - shift).square())), LEAST_SCALE) if rows.total > 1 else 1.0
    apart = columns - centre
    size, direction = torch.linalg.eigh((apart * share[:, None]).t() @ apart)
    some = size > LEAST_SHARE * size.max() if len(size) else size > 0
    turn = direction[:, some] / size[some].sqrt()
    return Solution(parents, tuple(places), centre, turn, shift, scale, SmallNetwork.constant(1 + turn.shape[1]), 0.0)


def _continued(solution: Solution, near: Sequence[Solution], rows: FamilyRows, rival: float, seed: int) -> SmallNetwork:
    """From the best of some solutions for other parents; a rival is the value of the best one for more parents.

    Where it is not hopelessly behind that, units are bent anew.
    """
    inputs, loss = solution.inputs(rows.columns), squares_of(solution, rows)
    generator = torch.Generator().manual_seed(seed)
    tried = [begun_with(each, inputs, rows, loss, generator) for each in near]
    best = min(tried, key=lambda network: loss.value(network(inputs)))
    found = minimise(best, inputs, loss, FURTHER, rival).network
    behind, gone = loss.value(found(inputs)) - rival, max(len(each.parents) for each in near) - len(solution.parents)
    if best.bend is None or not 0 < behind < HOPEFUL * gone * loss.rows:
        return found
    again = bent_anew(best, inputs, loss, rival + HOPELESS * gone * loss.rows) or found
    return min(found, again, key=lambda network: loss.value(network(inputs)))


def begun_with(
    solution: Solution, inputs: torch.Tensor, rows: FamilyRows, loss: Squares, generator: torch.Generator
) -> SmallNetwork:
    """The units of a solution in other inputs [q, N], as near as they come, and the best outputs for them.

    Others are drawn for units that were of no use there.
    """
    moved = _moved(solution.network, solution, inputs, rows)
    return solve_outputs(revived(moved, inputs, loss, generator), inputs, loss)


def revived(
    network: SmallNetwork, inputs: torch.Tensor, loss: Squares, generator: torch.Generator, most: int | None = None
) -> SmallNetwork:
    """A network with other units at random, as yet without output, for those that are of no use, or for some of them.

    These have all but vanished, and none would come back by itself.
    """
    if not len(network.outputs):
        return network
    drawn = SmallNetwork.drawn(len(inputs), network.bend, generator, len(network.outputs))
    size = network.outputs.abs() * network.columns(inputs)[len(inputs) :].std(1, correction=0)
    idle = size < IDLE * math.sqrt(loss.variance(network(inputs)))
    if most is not None:
        idle &= idle.cumsum(0) <= most
    hidden = torch.where(idle[:, None], drawn.hidden, network.hidden)
    return network._replace(hidden=hidden, outputs=torch.where(idle, 0.0, network.outputs))


def _moved(network: SmallNetwork, solution: Solution, inputs: torch.Tensor, rows: FamilyRows) -> SmallNetwork:
    """A network of a solution in other inputs [q, N], as near as they come."""
    within = (solution.inputs(rows.columns) * rows.weights) @ inputs.t()
    square = (inputs * rows.weights) @ inputs.t()
    square.diagonal().add_(1e-9 * square.diagonal().max())
    turn = torch.linalg.solve(square, within.t()).t()  # [q of old, q]
    return network._replace(linear=network.linear @ turn, hidden=network.hidden @ turn)
