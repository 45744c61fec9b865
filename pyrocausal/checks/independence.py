"""Whether two things hang together beyond what others explain: a permutation test whose p-value takes no permutation.

Rows are put into strata by what is to be explained away. If nothing is left between two sets of scores, those of one
may be dealt out anew among the rows of a stratum; the mean and the covariance of

    T = sum over rows of a (x) b

under all such permutations are known exactly, and T is nearly normal, so that T' V^-1 T is chi-square. For states
against states this is the generalised Mantel-Haenszel test. Numbers that are to be explained away, for which there are
no strata, are regressed out of both sets of scores first.

References
----------
.. [1] H. Strasser, C. Weber, "On the asymptotic theory of permutation statistics", 1999.
.. [2] T. Hothorn, K. Hornik, M. van de Wiel, A. Zeileis, "A Lego system for conditional inference", 2006.
.. [3] N. Mantel, "Chi-square tests with one degree of freedom: extensions of the Mantel-Haenszel procedure", 1963.
.. [4] R. D. Shah, J. Peters, "The hardness of conditional independence testing and the generalised covariance
   measure", 2020: why errors of mechanisms matter little where residuals of both sides are compared.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

__all__ = ["Association", "agreement", "association", "associations"]

LEAST = 10.0  # rows that a product of scores rests on, about: a sum is not normal where fewer decide


class Association(NamedTuple):
    """What a test has found.

    Attributes
    ----------
    statistic
        Chi-square if there is nothing.
    freedom
        Its degrees of freedom; 0 where too few rows tell.
    rows
        Rows that were compared, or their total weight.
    sign
        Of what was found where it is a single number, else 0.
    """

    statistic: float
    freedom: int
    rows: float
    sign: float = 0.0

    @property
    def p_value(self) -> float:
        """Chance of as large a statistic if there is nothing; 1 where too few rows tell."""
        if not self.freedom:
            return 1.0
        half = torch.tensor([self.freedom, self.statistic], dtype=torch.double) / 2
        return float(torch.special.gammaincc(*half))


def association(
    one: torch.Tensor,
    other: torch.Tensor,
    strata: torch.Tensor,
    weights: torch.Tensor | None = None,
    covariates: torch.Tensor | None = None,
) -> Association:
    """Test whether two sets of scores are independent within strata.

    Parameters
    ----------
    one, other
        Scores of every row, shapes [n, a] and [n, b].
    strata
        Of every row, integers from 0, shape [n].
    weights
        How many rows each row counts as, shape [n]; None where all count once.
    covariates
        Numbers that both may depend on, shape [n, c]; none by default.

    Returns
    -------
    Association
        The same for any order of rows, strata and scores.

    Examples
    --------
    >>> x = torch.tensor([0.0, 1.0]).repeat(50)[:, None]
    >>> association(x, x, torch.zeros(100, dtype=torch.long)).p_value < 1e-6
    True
    """
    if not len(one):
        return Association(0.0, 0, 0.0)
    return associations(one, other, strata, torch.zeros_like(strata), weights, covariates)[0]


def associations(
    one: torch.Tensor,
    other: torch.Tensor,
    strata: torch.Tensor,
    groups: torch.Tensor,
    weights: torch.Tensor | None = None,
    covariates: torch.Tensor | None = None,
) -> list[Association]:
    """Test several groups of rows at once: what `association` says of each of them alone, in a fraction of the time.

    Parameters
    ----------
    one, other, strata, weights, covariates
        As for `association`, of the rows of all groups, one after another. Strata of different groups are different
        ones whatever their numbers.
    groups
        Of every row, integers from 0, each with at least one row, shape [n].

    Returns
    -------
    list of Association
        One a group.
    """
    return [_told(found) for found in _Scores.of_groups(one, other, strata, groups, weights, covariates)]


def _told(found: _Scores) -> Association:
    total, variance = found.total.flatten(), found.variance.reshape(2 * [found.total.numel()])
    thick = _rows_behind(*found.powers).flatten() >= LEAST
    if not bool(thick.any()):
        return Association(0.0, 0, found.rows)
    scale = variance.diagonal()[thick].sqrt()
    values, vectors = torch.linalg.eigh(variance[thick][:, thick] / scale[:, None] / scale)
    kept = values > 1e-4  # states of one variable add up to one
    along = vectors[:, kept].t() @ (total[thick] / scale)
    return Association(float((along.square() / values[kept]).sum()), int(kept.sum()), found.rows)


def agreement(
    one: torch.Tensor,
    other: torch.Tensor,
    strata: torch.Tensor,
    weights: torch.Tensor | None = None,
    covariates: torch.Tensor | None = None,
) -> Association:
    """Test whether scores go the same way: the sum of their products, column by column, against none.

    Parameters
    ----------
    one, other
        Scores of every row, both of shape [n, a].
    strata, weights, covariates
        As for `association`.

    Returns
    -------
    Association
        With one degree of freedom, and the sign of the sum.
    """
    if not len(one):
        return Association(0.0, 0, 0.0)
    (found,) = _Scores.of_groups(one, other, strata, torch.zeros_like(strata), weights, covariates)
    total, variance = found.total.trace(), found.variance.diagonal(dim1=0, dim2=1).diagonal(dim1=0, dim2=1).sum()
    if not variance > 0 or _rows_behind(*(each.diagonal().sum() for each in found.powers)) < LEAST:
        return Association(0.0, 0, found.rows)
    return Association(float(total.square() / variance), 1, found.rows, float(total.sign()))


class _Scores(NamedTuple):
    total: torch.Tensor  # sums of products, [a, b]
    variance: torch.Tensor  # [a, b, a, b]
    powers: list[torch.Tensor]  # expected sums of the products' squares and fourth powers, [a, b] each
    rows: float

    @classmethod
    def of_groups(
        cls,
        one: torch.Tensor,
        other: torch.Tensor,
        strata: torch.Tensor,
        groups: torch.Tensor,
        weights: torch.Tensor | None,
        covariates: torch.Tensor | None,
    ) -> list[_Scores]:
        """Of sums over the rows of each group, and how they vary when one side is dealt out anew."""
        count = torch.ones(len(one), dtype=torch.double) if weights is None else weights.double().cpu()
        of_row, G = groups.cpu(), int(groups.max()) + 1
        apart, strata = (strata.cpu() * G + of_row).unique(return_inverse=True)  # [s], [n]
        of_stratum = apart % G
        size = torch.zeros(len(apart), dtype=torch.double).index_add_(0, strata, count)

        def by(places: torch.Tensor, many: int, values: torch.Tensor) -> torch.Tensor:
            return values.new_zeros(many, *values.shape[1:]).index_add_(0, places, values)

        def centred(values: torch.Tensor) -> torch.Tensor:
            values = values.double().cpu()
            return values - (by(strata, len(size), count[:, None] * values) / size[:, None])[strata]

        def outer(x: torch.Tensor, y: torch.Tensor, places: torch.Tensor, many: int) -> torch.Tensor:
            counted = count[:, None] * y
            return torch.stack([by(places, many, x[:, k, None] * counted) for k in range(x.shape[1])], 1)  # [., k, l]

        a, b = centred(one), centred(other)
        if covariates is not None and covariates.shape[1]:
            w = centred(covariates)
            inverse = torch.linalg.pinv(outer(w, w, of_row, G), rtol=1e-9, hermitian=True)  # [G, c, c]
            a, b = (x - _dot(w, (inverse @ outer(w, x, of_row, G))[of_row]) for x in (a, b))
        free = size > 1 + 1e-9
        shrunk = outer(a, a, strata, len(size))[free] / (size[free] - 1)[:, None, None]
        spread = torch.einsum("sij,skl->sikjl", shrunk, outer(b, b, strata, len(size))[free])
        powers = []
        for k in (2, 4):
            left, right = (by(strata, len(size), count[:, None] * x**k) for x in (a, b))
            powers.append(by(of_stratum, G, (left / size[:, None])[:, :, None] * right[:, None]))
        parts = outer(a, b, of_row, G), by(of_stratum[free], G, spread), *powers
        rows = by(of_row, G, count).tolist()
        return [cls(total, variance, list(both), n) for total, variance, *both, n in zip(*parts, rows, strict=True)]


def _dot(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """[n, c] and [n, c, k] -> [n, k]."""
    return (w[:, None] @ x)[:, 0]


def _rows_behind(squares: torch.Tensor, fourths: torch.Tensor) -> torch.Tensor:
    """Rows that sums of products rest on, about."""
    return torch.where(fourths > 1e-24, squares.square() / fourths, 0.0)
