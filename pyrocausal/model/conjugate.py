"""Conjugate priors: evidence of tables of states, evidence and posteriors of linear regressions, in closed form.

References
----------
.. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

__all__ = ["CONCENTRATIONS", "ConjugateRegression", "counted", "dirichlet_multinomial", "linear_regression"]

CONCENTRATIONS = 0.1, 0.3, 1.0, 3.0, 10.0  # of a table's entries, from nearly certain states to nearly even ones


def dirichlet_multinomial(
    codes: torch.Tensor,
    cells: torch.Tensor,
    tables: torch.Tensor,
    states: int,
    n_cells: int,
    n_tables: int,
    concentrations: Sequence[float] = CONCENTRATIONS,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Log evidence of categorical values whose distribution in each cell of a table has a Dirichlet prior.

    How far distributions are from even ones beforehand is the same in all cells of a table, and summed out.

    Parameters
    ----------
    codes
        Values, shape [n], integers in [0, states).
    cells
        Parent configuration of each row, shape [n], integers in [0, n_cells).
    tables
        The table that each row belongs to, shape [n], integers in [0, n_tables); each has a distribution of its own.
    states, n_cells, n_tables
        Sizes.
    concentrations
        Parameters of the prior, each for all entries of a table; all equally likely.
    weights
        How many values each of them counts as, shape [n]; None where all count once.

    Returns
    -------
    torch.Tensor
        Nats per table, shape [n_tables], double.
    """
    cells = tables * n_cells + cells
    entries = counted(cells * states + codes, n_tables * n_cells * states, weights)
    totals = counted(cells, n_tables * n_cells, weights)

    def rising(found: tuple[torch.Tensor, torch.Tensor], per_table: int, prior: float) -> torch.Tensor:
        key, size = found
        terms = torch.lgamma(prior + size) - math.lgamma(prior)
        return terms.new_zeros(n_tables).index_add_(0, key // per_table, terms)

    found = [
        rising(entries, n_cells * states, each) - rising(totals, n_cells, states * each) for each in concentrations
    ]
    return torch.stack(found).logsumexp(0) - math.log(len(found))


def counted(keys: torch.Tensor, size: int, weights: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Which keys below a size occur, ascending, and how often, double: of entries of a table, however large.

    Parameters
    ----------
    keys
        Integers in [0, size), shape [n].
    size
        More than every key.
    weights
        How often each of them counts, shape [n]; None where all count once.

    Returns
    -------
    tuple of torch.Tensor
        Keys and how often they occur, shape [m] each.

    Examples
    --------
    >>> counted(torch.tensor([2, 0, 2]), 1_000_000, None)
    (tensor([0, 2]), tensor([1., 2.], dtype=torch.float64))
    """
    if size > 4 * len(keys):  # most of a large table is empty
        some, place = keys.unique(return_inverse=True)
        return some, torch.bincount(place, weights, len(some)).double()
    counts = torch.bincount(keys, weights, size)
    some = counts.nonzero()[:, 0]
    return some, counts[some].double()


class ConjugateRegression(NamedTuple):
    """The posterior of y = X w + noise: s^2 is inverse-gamma(shape, rate), w given it N(weights, s^2 (L L')^-1).

    Attributes
    ----------
    weights
        Shape [..., p], in units of the columns' own sizes, as `factor`.
    factor
        L, shape [..., p, p].
    size
        What columns are divided by, shape [..., p].
    shape, rate
        Shape [...].
    evidence
        Log probability of y, nats; shape [...].
    """

    weights: torch.Tensor
    factor: torch.Tensor
    size: torch.Tensor
    shape: torch.Tensor
    rate: torch.Tensor
    evidence: torch.Tensor


def linear_regression(
    gram: torch.Tensor,
    rows: torch.Tensor,
    shape: float = 1.0,
    rate: float = 0.1,
    tightness: torch.Tensor | None = None,
) -> ConjugateRegression:
    """Posterior of y = X w + noise, with a unit-information prior on w and noise on a standardised scale.

    Given the noise variance s^2, which is inverse-gamma(shape, rate), weights are N(0, s^2 (X'X / n)^-1): as much as
    one row would tell, whatever the units of a regressor or the scale of the noise.

    Parameters
    ----------
    gram
        Inner products of the p columns of X and, last, y; shape [..., p + 1, p + 1].
    rows
        Number of rows n, or their total weight, shape [...].
    shape, rate
        Prior of the noise variance.
    tightness
        As how many rows the prior of each column tells that it is of no use, shape [p]; None: 1 of all.

    Returns
    -------
    ConjugateRegression
        Double.

    References
    ----------
    R. E. Kass, L. Wasserman, "A reference Bayesian test for nested hypotheses", 1995.
    """
    gram, n = gram.double(), rows.double()
    # In units of each column's own size: a constant far from zero would leave nothing but rounding errors.
    size = gram.diagonal(dim1=-2, dim2=-1)[..., :-1].sqrt()
    size = torch.where(size > 0, size, torch.ones_like(size))
    both = torch.cat([size, torch.ones_like(gram[..., -1, -1:])], -1)
    gram = gram / (both[..., None] * both[..., None, :])
    data, products, squares = gram[..., :-1, :-1], gram[..., :-1, -1:], gram[..., -1, -1]
    # A constant or repeated column has no precision of its own; a trace of one keeps the determinant.
    trace = 1e-6 * torch.eye(data.shape[-1], dtype=data.dtype, device=data.device)
    prior = (data + trace) / n.clamp(min=1.0)[..., None, None]  # of no rows nothing is said
    if tightness is not None:
        prior = prior * torch.outer(tightness, tightness).sqrt()
    precision = prior + data
    factor = torch.linalg.cholesky(precision)
    weights = torch.cholesky_solve(products, factor)
    a = shape + n / 2
    b = rate + 0.5 * (squares - (products * weights).sum((-2, -1))).clamp(min=0.0)
    log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * torch.linalg.slogdet(prior)[1]
    gammas = torch.lgamma(a) - math.lgamma(shape)
    evidence = gammas - 0.5 * n * math.log(2 * math.pi) - log_det + shape * math.log(rate) - a * b.log()
    return ConjugateRegression(weights[..., 0], factor, size, a, b, evidence)
