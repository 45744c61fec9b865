"""What a *new* mechanism would say: closed-form evidence of a variable's rows in one regime.

An intervention puts another mechanism in place of its target's own. Nobody knows which, so it is integrated out under a
conjugate prior: a Dirichlet-multinomial table for a categorical variable, a Bayesian linear regression for a continuous
one; a count has none, and its negative binomial regression is integrated out approximately (see
`pyrocausal.model.count_regression`). The new mechanism may ignore its parents (a hard intervention) or keep them (a
soft one); the two count half each.

References
----------
.. [1] D. Heckerman, D. Geiger, D. M. Chickering, "Learning Bayesian Networks", 1995 (BDeu).
.. [2] C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch

from pyrocausal.data.count import log_levels
from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import join, take_rows, total
from pyrocausal.model.count_regression import count_regression

__all__ = ["NewMechanisms", "dirichlet_multinomial", "linear_regression"]


def dirichlet_multinomial(
    codes: torch.Tensor,
    cells: torch.Tensor,
    tables: torch.Tensor,
    states: int,
    n_cells: int,
    n_tables: int,
    concentration: float = 1.0,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Log evidence of categorical values whose distribution in each cell of a table has a Dirichlet prior.

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
    concentration
        Equivalent sample size, spread evenly over the table (BDeu).
    weights
        How many values each of them counts as, shape [n]; None where all count once.

    Returns
    -------
    torch.Tensor
        Nats per table, shape [n_tables], double.
    """
    entry, cell = concentration / (states * n_cells), concentration / n_cells
    cells = tables * n_cells + cells

    def log_rising(keys: torch.Tensor, size: int, prior: float, per_table: int) -> torch.Tensor:
        if size > 4 * len(keys):  # most of a large table is empty, and what is empty adds nothing
            some, place = keys.unique(return_inverse=True)
            counts = torch.bincount(place, weights, len(some))
        else:
            counts = torch.bincount(keys, weights, size)
            some = counts.nonzero()[:, 0]
            counts = counts[some]
        terms = torch.lgamma(prior + counts.double()) - math.lgamma(prior)
        return terms.new_zeros(n_tables).index_add_(0, some // per_table, terms)

    entries = log_rising(cells * states + codes, n_tables * n_cells * states, entry, n_cells * states)
    return entries - log_rising(cells, n_tables * n_cells, cell, n_cells)


def linear_regression(gram: torch.Tensor, rows: torch.Tensor, shape: float = 1.0, rate: float = 0.1) -> torch.Tensor:
    """Log evidence of y = X w + noise, with a unit-information prior on w and noise on a standardised scale.

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

    Returns
    -------
    torch.Tensor
        Nats, shape [...], double.

    References
    ----------
    R. E. Kass, L. Wasserman, "A reference Bayesian test for nested hypotheses", 1995.
    """
    gram, n = gram.double(), rows.double()
    # In units of each column's own size: a constant far from zero would leave nothing but rounding errors.
    size = torch.cat([gram.diagonal(dim1=-2, dim2=-1)[..., :-1].sqrt(), torch.ones_like(gram[..., -1, -1:])], -1)
    size = torch.where(size > 0, size, torch.ones_like(size))
    gram = gram / (size[..., None] * size[..., None, :])
    data, products, squares = gram[..., :-1, :-1], gram[..., :-1, -1:], gram[..., -1, -1]
    # A constant or repeated column has no precision of its own; a trace of one keeps the determinant.
    trace = 1e-6 * torch.eye(data.shape[-1], dtype=data.dtype, device=data.device)
    prior = (data + trace) / n.clamp(min=1.0)[..., None, None]  # of no rows nothing is said
    precision = prior + data
    factor = torch.linalg.cholesky(precision)
    weights = torch.cholesky_solve(products, factor)
    a = shape + n / 2
    b = rate + 0.5 * (squares - (products * weights).sum((-2, -1))).clamp(min=0.0)
    log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * torch.linalg.slogdet(prior)[1]
    gammas = torch.lgamma(a) - math.lgamma(shape)
    return gammas - 0.5 * n * math.log(2 * math.pi) - log_det + shape * math.log(rate) - a * b.log()


class _Padded(NamedTuple):
    """Regimes of similar size, padded to the same number of rows."""

    regimes: torch.Tensor  # [m]
    designs: torch.Tensor  # [m, n, width]
    values: torch.Tensor  # [m, n, d]
    there: torch.Tensor  # [m, n]


class NewMechanisms:
    """Evidence of a new mechanism for every regime and variable, kept per (variable, parent set).

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    regimes
        Encoded rows of each regime, shapes [n_r, d].
    weights
        How many rows each of them counts as, shapes [n_r], None for a regime where all count once; default: for all.
    """

    max_cells = 20_000
    bins = 3

    def __init__(
        self,
        kinds: Sequence[Kind],
        regimes: Sequence[torch.Tensor],
        weights: Sequence[torch.Tensor | None] | None = None,
    ) -> None:
        self.kinds = tuple(kinds)
        self.rows = torch.tensor([len(rows) for rows in regimes])  # [R]
        self._table = torch.arange(len(regimes)).repeat_interleave(self.rows)
        counting = any(kind.closed_form == "count regression" for kind in kinds)
        self._given_counts = [rows.cpu() for rows in regimes] if counting else []
        regimes = [entering(kinds, rows.cpu()) for rows in regimes]
        self._weights = [None if each is None else each.cpu() for each in weights or [None] * len(regimes)]
        self._weight = join(regimes, self._weights)  # [sum n_r]
        self._codes = torch.stack([self._coded(j, [rows[:, j] for rows in regimes]) for j in range(len(kinds))])
        self._states = [kind.levels(self.bins) for kind in self.kinds]
        self._regimes = regimes
        self._columns = self._places()
        # By the child that has to be there, None for any.
        self._gram: dict[int | None, tuple[torch.Tensor, torch.Tensor]] = {}
        self._padded: list[_Padded] = []
        self._kept: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}

    def evidence(self, graph: torch.Tensor) -> torch.Tensor:
        """Log evidence of a new mechanism, half of it free of parents and half given the parents in `graph`.

        Parameters
        ----------
        graph
            0/1 or boolean, shape [d, d] (effect, cause).

        Returns
        -------
        torch.Tensor
            Nats over all rows of a regime, shape [R, d], double.
        """
        columns = [self.of(i, tuple(j for j, on in enumerate(row) if on)) for i, row in enumerate(graph.tolist())]
        return torch.stack(columns, 1).to(graph.device)

    def of(self, i: int, parents: tuple[int, ...]) -> torch.Tensor:
        """The same for one variable and its parents in ascending order: shape [R], on the CPU."""
        if (i, parents) not in self._kept:
            free, given = self._given(i, ()), self._given(i, parents)
            self._kept[i, parents] = torch.logaddexp(free, given) - math.log(2.0)
        return self._kept[i, parents]

    def _given(self, i: int, parents: tuple[int, ...]) -> torch.Tensor:
        """Log evidence given parents; a table too large to mean anything says nothing."""
        kind = self.kinds[i]
        if kind.closed_form == "count regression":
            return self._count(i, parents)
        if kind.closed_form == "regression":
            columns = [0, *(c for j in parents for c in self._columns[j]), self._columns[i][0]]
            gram, rows = self._grams(i)
            return linear_regression(gram[:, columns][:, :, columns], rows)
        cells, n_cells = torch.zeros_like(self._table), 1
        for j in parents:
            cells, n_cells = cells * self._states[j] + self._codes[j], n_cells * self._states[j]
            if n_cells * kind.cardinality > self.max_cells:
                return torch.full((len(self.rows),), -math.inf, dtype=torch.double)
        codes, table, weight = self._codes[i], self._table, self._weight
        if kind.missing:
            seen = codes < kind.cardinality
            codes, cells, table, weight = codes[seen], cells[seen], table[seen], take_rows(weight, seen)
        sizes = kind.cardinality, n_cells, len(self.rows)
        return dirichlet_multinomial(codes, cells, table, *sizes, weights=weight)

    def _count(self, i: int, parents: tuple[int, ...]) -> torch.Tensor:
        """As `_given`, for a count."""
        if not self._padded:
            self._padded = self._pad()
        found = torch.zeros(len(self.rows), dtype=torch.double)
        for regimes, designs, values, there in self._padded:
            design = designs[:, :, [0, *(c for j in parents for c in self._columns[j])]]
            offset = log_levels([self.kinds[i]], values)[..., 0]
            keep = there * present(values[..., i])
            found[regimes] = count_regression(design, filled(values[..., i]), offset, keep).evidence
        return found

    def _pad(self) -> list[_Padded]:
        """Regimes padded to the same number of rows, those together whose sizes have the same power of two."""
        weights = None if self._weight is None else self._weight.split(self.rows.tolist())
        alike: dict[int, list[int]] = {}
        for r, rows in enumerate(self._regimes):
            alike.setdefault(len(rows).bit_length(), []).append(r)
        pad = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
        padded = []
        for regimes in alike.values():
            values = pad([self._given_counts[r] for r in regimes]).double()
            there = torch.arange(values.shape[1]) < self.rows[regimes][:, None]
            if weights is not None:
                there = pad([weights[r] for r in regimes])
            padded.append(
                _Padded(
                    torch.tensor(regimes),
                    pad([self._design(self._regimes[r].double()) for r in regimes]),
                    values,
                    there,
                )
            )
        return padded

    def _coded(self, j: int, columns: Sequence[torch.Tensor]) -> torch.Tensor:
        """States of a variable as a parent, [sum n_r]; a continuous one is cut, in each regime, into equal counts."""
        kind = self.kinds[j]
        both = zip(columns, self._weights, strict=True)
        return torch.cat([kind.codes(column, kind.cuts(column, self.bins, w)) for column, w in both])

    def _places(self) -> list[list[int]]:
        """Columns of each variable among the regressors, after a constant."""
        ends = list(accumulate((kind.width for kind in self.kinds), initial=1))
        return [list(range(start, end)) for start, end in pairwise(ends)]

    def _grams(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inner products of all regressors per regime, and what its rows count, where variable `i` is not missing.

        Regressors are a constant; one-hot states; values and their squares; whether a value is missing.
        """
        key = i if self.kinds[i].missing else None
        if key not in self._gram:
            grams, sizes = [], []
            for rows, weights in zip(self._regimes, self._weights, strict=True):
                if key is not None:
                    seen = present(rows[:, i])
                    rows, weights = rows[seen], take_rows(weights, seen)
                design = self._design(rows.double())  # [n_r, width]
                grams.append(design.t() @ (design if weights is None else design * weights[:, None]))
                sizes.append(total(rows, weights))
            self._gram[key] = torch.stack(grams), torch.tensor(sizes)
        return self._gram[key]

    def _design(self, rows: torch.Tensor) -> torch.Tensor:
        columns = [kind.regressors(rows[:, j], squares=True) for j, kind in enumerate(self.kinds)]
        return torch.cat([torch.ones_like(rows[:, :1]), *columns], 1)
