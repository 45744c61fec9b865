"""Multinomial logistic regression of states, with Laplace's approximation of its evidence.

A logit is written as s - 1 orthonormal contrasts of the s states, so that no state is special. Coefficients are N(0, 1)
beforehand; `SPREAD`, in logits, is what columns are multiplied with for that to be wide.

Vocabulary: n rows, or places that rows share, k regressors, s states.

References
----------
C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, sections 4.3 and 4.5.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple, Protocol

import torch

__all__ = [
    "SPREAD", "Design", "LogisticRegression", "Rows", "contrasts_of", "information_of", "log_probs_at", "log_probs_of",
    "logistic_regression", "seen_in_rows", "slopes_of",
]  # fmt: skip

SPREAD = 2.0  # standard deviation of a coefficient beforehand, in logits
STEPS, HALVINGS = 30, 20  # of Newton's method at the most
LEAST_GAIN = 1e-2  # nats of a step of it
FAST = 0.3  # of what the step before has gained: a step that gains more asks for another second derivative
TOGETHER = 300_000  # numbers in the weighted regressors that are taken at a time
NEAR = 1.0  # nats, from a place whose second derivative is good enough for another one


class Design(Protocol):
    """Regressors, in units of the prior, however they are kept: n rows, k columns."""

    @property
    def width(self) -> int:
        """Columns."""
        ...

    def applied(self, weights: torch.Tensor) -> torch.Tensor:
        """Columns times coefficients: [k, c] -> [n, c]."""
        ...

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """Over rows, of columns times values: [n, c] -> [k, c]."""
        ...

    def information(self, second: torch.Tensor) -> torch.Tensor:
        """As `information_of` has it, of [n, c, c]."""
        ...


class Rows:
    """Regressors that are there, shape [n, k], double."""

    def __init__(self, design: torch.Tensor) -> None:
        self._design, self.width = design, design.shape[1]

    def applied(self, weights: torch.Tensor) -> torch.Tensor:
        """See `Design`."""
        return self._design @ weights

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """See `Design`."""
        return self._design.mT @ values

    def information(self, second: torch.Tensor) -> torch.Tensor:
        """See `Design`."""
        return information_of(self._design, second)


class LogisticRegression(NamedTuple):
    """The most probable regression, and how probable the states are under all of them.

    Attributes
    ----------
    weights
        Coefficients of the contrasts, shape [k, s - 1].
    information
        Minus the second derivative of the log-likelihood there, regressor first, shape [k (s - 1), k (s - 1)].
    root
        Lower one of the precision: around them they are N(weights, precision^-1), shape [k (s - 1), k (s - 1)].
    evidence
        Laplace's approximation of the log probability of all states, nats.
    """

    weights: torch.Tensor
    information: torch.Tensor
    root: torch.Tensor
    evidence: float


def logistic_regression(
    design: torch.Tensor | Design,
    seen: torch.Tensor,
    *,
    start: torch.Tensor | None = None,
    tightness: torch.Tensor | None = None,
    information: torch.Tensor | None = None,
) -> LogisticRegression:
    """Find the most probable coefficients by Newton's method.

    The second derivative takes nearly all of the time, so steps go on with one as long as these converge fast.

    Parameters
    ----------
    design
        Regressors, in units of the prior, shape [n, k], double.
    seen
        How often each state was seen at each, shape [n, s], double; of rows with a state each see `seen_in_rows`.
    start
        Where to begin, shape [k, s - 1]; None: at 0.
    tightness
        Precision of the prior of each column, shape [k]; None: 1 of all.
    information
        Minus the second derivative of the log-likelihood of what was seen at the start, as `LogisticRegression` has it;
        None: unknown.
    """
    rows = Rows(design) if isinstance(design, torch.Tensor) else design
    shape = rows.width, seen.shape[1] - 1
    prior = seen.new_ones(shape) if tightness is None else tightness[:, None].expand(shape).to(seen)
    weights = seen.new_zeros(shape) if start is None else start

    def objective(at: torch.Tensor) -> tuple[float, torch.Tensor]:
        log_probs = log_probs_at(rows.applied(at))
        return float((seen * log_probs).sum() - 0.5 * (prior * at.square()).sum()), log_probs

    def informed(log_probs: torch.Tensor) -> torch.Tensor:
        return rows.information(_moments_of(log_probs)[1] * seen.sum(1)[:, None, None])

    def root(information: torch.Tensor) -> torch.Tensor:
        return torch.linalg.cholesky(information + torch.diag(prior.flatten()))

    value, log_probs = objective(weights)
    if information is None:
        information = informed(log_probs)
    factor, gain, there = root(information), math.inf, weights  # where the information is of
    for _ in range(STEPS):
        slope = _slope(rows, seen, log_probs) - prior * weights
        step = torch.cholesky_solve(slope.reshape(-1, 1), factor).view(shape)
        for _ in range(HALVINGS):
            found, log_probs_found = objective(weights + step)
            if found >= value:
                break
            step = 0.5 * step
        else:
            break
        before, gain = gain, found - value
        value, weights, log_probs = found, weights + step, log_probs_found
        if gain < LEAST_GAIN:
            break
        if gain > FAST * before:
            information, there = informed(log_probs), weights
            factor, gain = root(information), math.inf
    apart = (weights - there).flatten()
    if 0.5 * float(apart @ information @ apart) > NEAR:
        information = informed(log_probs)
        factor = root(information)
    evidence = value + 0.5 * float(prior.log().sum()) - float(factor.diagonal().log().sum())
    return LogisticRegression(weights, information, factor, evidence)


def seen_in_rows(states: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """What `logistic_regression` takes, of states [n], of 0 to count - 1, of rows that count as many each [n]."""
    return rows.new_zeros(len(states), count).scatter_(1, states[:, None], rows[:, None])


def log_probs_of(design: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Log probabilities of states: [..., k] and [k, s - 1] -> [..., s]."""
    return log_probs_at(design @ weights)


def log_probs_at(logits: torch.Tensor) -> torch.Tensor:
    """Log probabilities of states from their contrasts: [..., s - 1] -> [..., s]."""
    return (logits @ contrasts_of(logits.shape[-1] + 1).to(logits).mT).log_softmax(-1)


def slopes_of(states: torch.Tensor, log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First and minus second derivatives of every row's log-likelihood in its contrasts: [n, s-1], [n, s-1, s-1]."""
    expected, second = _moments_of(log_probs)
    return contrasts_of(log_probs.shape[1]).to(log_probs)[states] - expected, second


def information_of(design: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Sum over rows of design [n, k] and weighted second derivatives [n, s-1, s-1]: [k (s-1), k (s-1)]."""
    (n, k), c = design.shape, second.shape[1]
    made, step = design.new_zeros(k, c, k, c), max(1, TOGETHER // max(1, k * c))
    for first in range(0, n, step):
        some, by = design[first : first + step], second[first : first + step]
        for i in range(c):
            block = some.mT @ (by[:, i, i:, None] * some[:, None]).flatten(1)
            made[:, i, :, i:] += block.view(k, c - i, k).transpose(1, 2)
    for i in range(c):
        made[:, i + 1 :, :, i] = made[:, i, :, i + 1 :].transpose(1, 2)
    return made.view(k * c, k * c)


@cache
def contrasts_of(states: int) -> torch.Tensor:
    """Orthonormal contrasts of states, which sum to zero: [s, s - 1], double."""
    every = torch.cat([torch.ones(states, 1), torch.eye(states)[:, : states - 1]], 1).double()
    return torch.linalg.qr(every).Q[:, 1:]


def _slope(rows: Design, seen: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
    """First derivative of the log-likelihood, [k, s - 1]."""
    return rows.sums((seen - seen.sum(1, keepdim=True) * log_probs.exp()) @ contrasts_of(seen.shape[1]).to(seen))


def _moments_of(log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of the contrasts of a state, [n, s - 1] and [n, s - 1, s - 1]."""
    contrasts = contrasts_of(log_probs.shape[1]).to(log_probs)
    probs, c = log_probs.exp(), contrasts.shape[1]
    expected = probs @ contrasts
    second = (probs @ (contrasts[:, :, None] * contrasts[:, None]).flatten(1)).view(-1, c, c)
    return expected, second - expected[:, :, None] * expected[:, None]
