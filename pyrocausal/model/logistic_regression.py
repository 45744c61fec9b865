"""Multinomial logistic regression of states, with Laplace's approximation of its evidence.

A logit is written as s - 1 orthonormal contrasts of the s states, so that no state is special. Coefficients are N(0, 1)
beforehand; `SPREAD`, in logits, is what columns are multiplied with for that to be wide.

Vocabulary: n rows, k regressors, s states.

References
----------
C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, sections 4.3 and 4.5.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch

__all__ = ["SPREAD", "LogisticRegression", "information_of", "log_probs_of", "logistic_regression", "slopes_of"]

SPREAD = 2.0  # standard deviation of a coefficient beforehand, in logits
STEPS, HALVINGS = 12, 20  # of Newton's method at the most
LEAST_GAIN = 1e-2  # nats of a step of it


class LogisticRegression(NamedTuple):
    """The most probable regression, and how probable the states are under all of them.

    Attributes
    ----------
    weights
        Coefficients of the contrasts, shape [k, s - 1].
    precision
        Around them they are N(weights, precision^-1), regressor first, shape [k (s - 1), k (s - 1)].
    evidence
        Laplace's approximation of the log probability of all states, nats.
    """

    weights: torch.Tensor
    precision: torch.Tensor
    evidence: float


def logistic_regression(
    design: torch.Tensor,
    states: torch.Tensor,
    rows: torch.Tensor,
    count: int,
    *,
    start: torch.Tensor | None = None,
    tightness: torch.Tensor | None = None,
) -> LogisticRegression:
    """Find the most probable coefficients by Newton's method.

    Parameters
    ----------
    design
        Regressors, in units of the prior, shape [n, k], double.
    states
        Shape [n], of 0 to count - 1.
    rows
        As how many rows each counts, shape [n].
    count
        Number of states.
    start
        Where to begin, shape [k, s - 1]; None: at 0.
    tightness
        Precision of the prior of each column, shape [k]; None: 1 of all.
    """
    shape = design.shape[1], count - 1
    prior = design.new_ones(shape) if tightness is None else tightness[:, None].expand(shape).to(design)
    weights = design.new_zeros(shape) if start is None else start

    def objective(at: torch.Tensor) -> tuple[float, torch.Tensor]:
        log_probs = log_probs_of(design, at)
        likely = log_probs.gather(1, states[:, None])[:, 0] @ rows
        return float(likely - 0.5 * (prior * at.square()).sum()), log_probs

    value, log_probs = objective(weights)
    for _ in range(STEPS):
        factor, slope = _newton(design, states, rows, log_probs, prior, weights)
        step = torch.cholesky_solve(slope.reshape(-1, 1), factor).view(shape)
        for _ in range(HALVINGS):
            there, log_probs_there = objective(weights + step)
            if there >= value:
                break
            step = 0.5 * step
        else:
            break
        gain, value, weights, log_probs = there - value, there, weights + step, log_probs_there
        if gain < LEAST_GAIN:
            break
    factor, _ = _newton(design, states, rows, log_probs, prior, weights)
    evidence = value + 0.5 * float(prior.log().sum()) - float(factor.diagonal().log().sum())
    return LogisticRegression(weights, factor @ factor.mT, evidence)


def log_probs_of(design: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Log probabilities of states: [..., k] and [k, s - 1] -> [..., s]."""
    return (design @ weights @ _contrasts(weights.shape[1] + 1).to(design).mT).log_softmax(-1)


def slopes_of(states: torch.Tensor, log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First and minus second derivatives of every row's log-likelihood in its contrasts: [n, s-1], [n, s-1, s-1]."""
    contrasts = _contrasts(log_probs.shape[1]).to(log_probs)
    probs, c = log_probs.exp(), contrasts.shape[1]
    expected = probs @ contrasts
    second = (probs @ (contrasts[:, :, None] * contrasts[:, None]).flatten(1)).view(-1, c, c)
    return contrasts[states] - expected, second - expected[:, :, None] * expected[:, None]


def information_of(design: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Sum over rows of design [n, k] and weighted second derivatives [n, s-1, s-1]: [k (s-1), k (s-1)]."""
    (_, k), c = design.shape, second.shape[1]
    made = design.new_empty(k, c, k, c)
    for i in range(c):
        for j in range(i, c):
            made[:, i, :, j] = made[:, j, :, i] = design.mT @ (design * second[:, i, j, None])
    return made.view(k * c, k * c)


@cache
def _contrasts(states: int) -> torch.Tensor:
    """Orthonormal contrasts of states, which sum to zero: [s, s - 1], double."""
    every = torch.cat([torch.ones(states, 1), torch.eye(states)[:, : states - 1]], 1).double()
    return torch.linalg.qr(every).Q[:, 1:]


def _newton(
    design: torch.Tensor,
    states: torch.Tensor,
    rows: torch.Tensor,
    log_probs: torch.Tensor,
    prior: torch.Tensor,
    weights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Root of the precision, lower, and slope [k, s - 1] of the log joint density."""
    first, second = slopes_of(states, log_probs)
    precision = information_of(design, second * rows[:, None, None])
    precision.diagonal().add_(prior.flatten())
    return torch.linalg.cholesky(precision), design.mT @ (first * rows[:, None]) - prior * weights
