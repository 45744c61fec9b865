"""Evidence of regressions of counts over all regimes: a common mechanism with drift.

Every table has a negative binomial regression of its own (`pyrocausal.model.count_regression`). Around its mode the
log-likelihood is a quadratic function of the coefficients, and what follows is as for numbers
(`pyrocausal.evidence.pooled_regression`), with the logarithm of the size in place of that of the noise.

Vocabulary: d variables, R tables (regimes, and last the observational one), M families, k regressors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from pyrocausal.data.count import log_levels
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import filled, present
from pyrocausal.data.weights import Part
from pyrocausal.evidence.drift import (
    Pooled,
    Spared,
    best_sizes,
    coefficients,
    integrate_drift,
    integrate_own,
    pool,
    spared_evidence,
)
from pyrocausal.evidence.regressors import LINEAR, Regressors, aligned, placed
from pyrocausal.model.count_regression import count_regression
from pyrocausal.model.mechanisms import Family
from pyrocausal.model.partly_hit import may_be_partly_hit, partly_hit

__all__ = ["CountModes", "PooledCounts", "counts_alone", "pooled_counts"]

SIZE = 0.1, 1.0  # least and greatest drift of the logarithm of the size
WIDE = 1.0, 2.0  # mean and standard deviation of the logarithm of the size of a table by itself


class CountModes(NamedTuple):
    """The regressions of every table around their modes, for M families.

    Attributes
    ----------
    information, product, constant
        The log-likelihood of coefficients b, constant + product' b - b' information b / 2; shapes [M, R, k, k],
        [M, R, k] and [M, R].
    log_size, curvature
        Most probable logarithm of the size, and how sharply, [M, R] each.
    second
        Second moments of the regressors, [M, R, k, k].
    drifting
        Of the first c regressors the coefficients may drift.
    """

    information: torch.Tensor
    product: torch.Tensor
    constant: torch.Tensor
    log_size: torch.Tensor
    curvature: torch.Tensor
    second: torch.Tensor
    drifting: int


class PooledCounts:
    """Evidence of regressions of counts on any parents.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    parts
        All rows of every table, R of them, encoded, the observational one last; on the CPU.
    regressors
        Of the same rows.
    """

    def __init__(self, kinds: Sequence[Kind], parts: Sequence[Part], regressors: Regressors) -> None:
        self.kinds, self.parts, self.regressors = tuple(kinds), tuple(parts), regressors
        alike: dict[int, list[int]] = {}
        for r, part in enumerate(parts):
            alike.setdefault(len(part.rows).bit_length(), []).append(r)
        self._groups = list(alike.values())  # of tables of about one size, which are padded to the same
        self._rows = [self._padded([parts[r].rows.double() for r in group]) for group in self._groups]
        weights = regressors.weights.split([len(part.rows) for part in parts])
        self._there = [self._padded([weights[r] for r in group]) for group in self._groups]

    def modes(self, families: Sequence[Family], level: int = LINEAR) -> CountModes:
        """Fit every table by itself, with regressors of a level."""
        return _stacked([self._modes(i, parents, level) for i, parents in families])

    def _modes(self, i: int, parents: tuple[int, ...], level: int) -> CountModes:
        columns = self.regressors.columns(parents, level).split([len(part.rows) for part in self.parts])
        k, R = columns[0].shape[1], len(self.parts)
        shapes = [(R, k, k), (R, k), (R,), (R,), (R,), (R, k, k)]
        found = [torch.zeros(1, *shape, dtype=torch.double) for shape in shapes]
        for group, rows, there in zip(self._groups, self._rows, self._there, strict=True):
            design, values = self._padded([columns[r] for r in group]), rows[..., i]
            keep = there.double() * present(values)
            offset = log_levels([self.kinds[i]], rows)[..., 0]
            fit = count_regression(design, filled(values), offset, keep)
            bent = (fit.information @ fit.weights[..., None])[..., 0]
            constant = fit.log_likelihood - ((fit.slope + 0.5 * bent) * fit.weights).sum(-1)
            second = (design * keep[..., None]).mT @ design / keep.sum(-1).clamp(min=1.0)[..., None, None]
            parts = (fit.information, fit.slope + bent, constant, fit.log_size, fit.curvature, second)
            for place, part in zip(found, parts, strict=True):
                place[0, group] = part
        information, product, constant, log_size, curvature, second = found
        drifting = self.regressors.drifting(parents, level)
        return CountModes(information, product, constant, log_size, curvature, second, drifting)

    def partly_gain(
        self, families: Sequence[Family], level: int, modes: CountModes, usual: torch.Tensor
    ) -> torch.Tensor:
        """How much better every table is if the variable was hit in a part of its rows than if it was let alone.

        A mixture also makes up for a regression that is not quite right, and does so where nothing was done: what the
        observational table gains a row is taken from what the others gain.

        Parameters
        ----------
        families, level, modes
            M families, and what `modes` says of them.
        usual
            Coefficients of every table where they were let alone, [M, R, k].

        Returns
        -------
        torch.Tensor
            Nats, shape [M, R]; minus infinity where that cannot be, and in the observational table.
        """
        found = torch.full((len(families), len(self.parts)), -torch.inf, dtype=torch.double)
        for m, (i, parents) in enumerate(families):
            if not may_be_partly_hit(self.kinds[i]):
                continue
            columns = self.regressors.columns(parents, level).split([len(part.rows) for part in self.parts])
            c, k = self.regressors.drifting(parents, level), columns[0].shape[1]
            weights = torch.cat([usual[m, :, :c], usual[m, :, modes.drifting :][:, : k - c]], 1)
            gains, counted = torch.zeros(2, len(self.parts), dtype=torch.double)
            for group, rows, there in zip(self._groups, self._rows, self._there, strict=True):
                design, values = self._padded([columns[r] for r in group]), rows[..., i]
                log_mean = log_levels([self.kinds[i]], rows)[..., 0] + (design @ weights[group][..., None])[..., 0]
                keep, size = there.double() * present(values), modes.log_size[m, -1]
                gains[group] = partly_hit(filled(values), log_mean, size, keep).gain
                counted[group] = keep.sum(-1)
            wrong = gains[-1].clamp(min=0.0) / counted[-1].clamp(min=1.0)  # nats per row
            found[m, :-1] = (gains - wrong * counted)[:-1]
        return found

    _padded = staticmethod(partial(torch.nn.utils.rnn.pad_sequence, batch_first=True))


def counts_alone(modes: CountModes) -> torch.Tensor:
    """Evidence of every table by itself, coefficients being N(0, 1): nats, [M, R]."""
    own = integrate_own(modes.information, modes.product)
    level, spread = (torch.full_like(modes.constant[:, 0], value) for value in WIDE)
    return _given_size(modes, level, spread) + own.constant


def pooled_counts(modes: CountModes, hit: torch.Tensor, drift: bool = True) -> tuple[Spared, torch.Tensor]:
    """Evidence where the variable was let alone, and its most probable coefficients there, drift included, [M, R, k].

    Parameters
    ----------
    modes
        Of M families.
    hit
        Nats where it is hit, see `pyrocausal.evidence.drift.spared_evidence`; shape [M, R].
    drift
        Whether mechanisms may drift between tables.
    """
    c, most = modes.drifting, SIZE[1] if drift else SIZE[0]

    def at(sizes: torch.Tensor) -> Pooled:
        drifted = integrate_drift(modes.information, modes.product, coefficients(sizes, c))
        return pool(drifted, sizes, hit, lambda share: _given_size(modes, *_size_prior(modes.log_size, share, most)))

    def evidence(sizes: torch.Tensor) -> torch.Tensor:
        found = at(sizes)
        return spared_evidence(found.spared, found.common, hit)

    sizes = best_sizes(len(hit), evidence) if drift else hit.new_zeros(len(hit), 2)
    found = at(sizes)
    slope = modes.product - (modes.information @ found.mean[:, None, :, None])[..., 0]
    moved = integrate_drift(modes.information, modes.product, coefficients(sizes, c)).moved(slope)
    squares = (moved * (modes.second @ moved[..., None])[..., 0]).sum(-1).clamp(min=0.0)
    return Spared(found.spared, found.common, squares.sqrt()), found.mean[:, None] + moved


def _size_prior(log_size: torch.Tensor, share: torch.Tensor, most: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Typical logarithm of the size, and how far that of a table is from it, at the most so far: [..., M] each."""
    weight = share + 1e-9
    whole = weight.sum(-1)
    level = (weight * log_size).sum(-1) / whole
    spread = ((weight * (log_size - level[..., None]).square()).sum(-1) / whole).sqrt()
    return level, spread.clamp(SIZE[0], most)


def _given_size(modes: CountModes, level: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """What does not depend on coefficients, with the logarithm of the size integrated out: nats, [..., M, R]."""
    variance = modes.curvature.reciprocal() + spread[..., None].square()
    away = (modes.log_size - level[..., None]).square() / variance
    return modes.constant - 0.5 * (away + variance.log() + modes.curvature.log())


def _stacked(modes: Sequence[CountModes]) -> CountModes:
    """Of one family each, with columns of zeros where one has fewer."""
    places = aligned([each.drifting for each in modes], [each.product.shape[-1] for each in modes])
    both = list(zip(modes, places, strict=True))
    return CountModes(
        information=torch.cat([placed(each.information, at, 2) for each, at in both]),
        product=torch.cat([placed(each.product, at) for each, at in both]),
        constant=torch.cat([each.constant for each in modes]),
        log_size=torch.cat([each.log_size for each in modes]),
        curvature=torch.cat([each.curvature for each in modes]),
        second=torch.cat([placed(each.second, at, 2) for each, at in both]),
        drifting=max(each.drifting for each in modes),
    )
