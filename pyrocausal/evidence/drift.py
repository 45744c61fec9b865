"""Coefficients that drift between regimes: what quadratic log-likelihoods say of their common value.

The log-likelihood of every regime's coefficients b_r is quadratic,

    l_r(b) = h_r' b - b' H_r b / 2        b_r ~ N(m, diag(t^2))

as it is for a regression given its noise, and near its mode for a regression of counts. The drift b_r - m is integrated
out, which leaves a quadratic function of the common coefficients m; then these are, under N(0, 1). No H_r needs an
inverse: a regime may have fewer rows than coefficients, and t may be 0.

Vocabulary: M families, R regimes (tables, the observational one among them), k coefficients, the first c of which
drift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

__all__ = [
    "SIZES", "Drifted", "Own", "Pooled", "Spared", "best_sizes", "coefficients", "common_mean", "integrate_drift",
    "integrate_own", "log_size_prior", "pool", "spared_evidence",
]  # fmt: skip

SIZES = (0.0, 0.03, 0.1, 0.3)  # of a drift, standard deviations of its coefficient; zero is one of them
ROUNDS = 3  # of the common mechanism and of who was let alone, each given the other
TYPICAL = 0.1  # scale of the half-Cauchy prior of a size


class Drifted(NamedTuple):
    """What a regime says of the common coefficients m: constant + (h - S's)' m - m' (H - S'S) m / 2.

    S'S is what the drift takes from the information; as c is small, H - S'S is never made.

    Attributes
    ----------
    information, product
        H and h, shapes [..., R, k, k] and [..., R, k]; perhaps without the first dimension of the others.
    seen, seen_product
        S and s, shapes [..., R, c, k] and [..., R, c].
    constant
        Nats, shape [..., R].
    sizes, factor
        Those of the drift, [..., 1, c], and the root of the precision of a drift of size 1, lower, [..., R, c, c].
    """

    information: torch.Tensor
    product: torch.Tensor
    seen: torch.Tensor
    seen_product: torch.Tensor
    constant: torch.Tensor
    sizes: torch.Tensor
    factor: torch.Tensor

    def at(self, mean: torch.Tensor) -> torch.Tensor:
        """Nats of every regime where the common coefficients are [..., k]: [..., R]."""
        bent = _bent(self.information, mean)
        seen = (self.seen @ mean[..., None, :, None])[..., 0]
        linear = ((self.product - 0.5 * bent) * mean[..., None, :]).sum(-1)
        return self.constant + linear + ((0.5 * seen - self.seen_product) * seen).sum(-1)

    def moved(self, slope: torch.Tensor) -> torch.Tensor:
        """Expected drift of every regime, from the slope of its log-likelihood where it has none: [..., R, k]."""
        c = self.sizes.shape[-1]
        found = torch.cholesky_solve((self.sizes * slope[..., :c])[..., None], self.factor)[..., 0]
        return torch.nn.functional.pad(self.sizes * found, (0, slope.shape[-1] - c))

    @property
    def freedom(self) -> torch.Tensor:
        """Coefficients that the drift has found in a regime's rows, shape [..., R]."""
        one = torch.eye(self.factor.shape[-1], dtype=self.factor.dtype, device=self.factor.device)
        inverse = torch.linalg.solve_triangular(self.factor, one.expand(self.factor.shape), upper=False)
        return len(one) - inverse.square().sum((-2, -1))


def integrate_drift(information: torch.Tensor, product: torch.Tensor, sizes: torch.Tensor) -> Drifted:
    """Integrate the drift out.

    Parameters
    ----------
    information
        H_r, positive semi-definite, shape [..., R, k, k].
    product
        h_r, shape [..., R, k].
    sizes
        Standard deviations t of the drift of the first coefficients, at least 0, shape [..., c]; the others do not
        drift. They may have one dimension more before those of H.
    """
    t, c = sizes[..., None, :], sizes.shape[-1]  # for every regime the same
    scaled = t[..., None] * information[..., :c, :]
    inner = scaled[..., :c] * t[..., None, :]
    inner.diagonal(dim1=-2, dim2=-1).add_(1.0)
    factor = torch.linalg.cholesky(inner)
    both = torch.cat([scaled, (t * product[..., :c])[..., None]], -1)
    seen = torch.linalg.solve_triangular(factor, both, upper=False)
    constant = 0.5 * seen[..., -1].square().sum(-1) - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return Drifted(information, product, seen[..., :-1], seen[..., -1], constant, t, factor)


def _bent(information: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """H_r m for m [..., k], of which there may be several for the same H: [..., R, k]."""
    *_, R, k, _ = information.shape
    several = mean if mean.dim() == information.dim() - 1 else mean[None]  # [tries, ..., k]
    found = information.flatten(-3, -2) @ several.movedim(0, -1)  # [..., R k, tries]
    found = found.movedim(-1, 0).unflatten(-1, (R, k))
    return found if several is mean else found[0]


def _shared(weights: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Sum over regimes of parts [..., R, k, k] by weights [..., R], of which there may be several: [..., k, k]."""
    several = weights if weights.dim() == parts.dim() - 1 else weights[None]  # [tries, ..., R]
    found = several.movedim(0, -2) @ parts.flatten(-2)  # [..., tries, k k]
    found = found.movedim(-2, 0).unflatten(-1, parts.shape[-2:])
    return found if several is weights else found[0]


class Own(NamedTuple):
    """Coefficients of each regime by itself, N(0, 1) beforehand.

    Attributes
    ----------
    constant
        Nats, with coefficients integrated out, shape [..., R].
    mean
        Shape [..., R, k].
    freedom
        Coefficients that are found in a regime's rows, shape [..., R].
    """

    constant: torch.Tensor
    mean: torch.Tensor
    freedom: torch.Tensor


def integrate_own(information: torch.Tensor, product: torch.Tensor) -> Own:
    """Integrate the coefficients of each regime out, as `integrate_drift` where they drift by 1 from 0, and faster."""
    inner = information.clone()
    inner.diagonal(dim1=-2, dim2=-1).add_(1.0)
    factor = torch.linalg.cholesky(inner)
    mean = torch.cholesky_solve(product[..., None], factor)[..., 0]
    half_log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    left = torch.cholesky_inverse(factor).diagonal(dim1=-2, dim2=-1).sum(-1)
    return Own(0.5 * (mean * product).sum(-1) - half_log_det, mean, factor.shape[-1] - left)


def common_mean(drifted: Drifted, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Posterior mean of the common coefficients, which are N(0, 1) beforehand.

    Parameters
    ----------
    drifted
        Of every regime.
    share
        How far each regime counts, in [0, 1], shape [..., R].

    Returns
    -------
    tuple of torch.Tensor
        The mean, shape [..., k], and nats that integrating them out takes from the regimes' terms there, [...].
    """
    seen = (share.sqrt()[..., None, None] * drifted.seen).flatten(-3, -2)  # [..., R c, k]
    total = _shared(share, drifted.information) - seen.mT @ seen
    total.diagonal(dim1=-2, dim2=-1).add_(1.0)
    factor = torch.linalg.cholesky(total)
    told = (share.sqrt()[..., None] * drifted.seen_product).flatten(-2)[..., None]
    product = (share[..., None, :] @ drifted.product).mT - seen.mT @ told
    mean = torch.cholesky_solve(product, factor)[..., 0]
    half_log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return mean, -half_log_det - 0.5 * mean.square().sum(-1)


class Pooled(NamedTuple):
    """M families at some sizes of the drift.

    Attributes
    ----------
    spared
        See `Spared.log_prob`, [..., M, R].
    common
        See `Spared.common`, [..., M].
    mean
        Common coefficients, [..., M, k].
    share
        How far each table counts in them, [..., M, R].
    """

    spared: torch.Tensor
    common: torch.Tensor
    mean: torch.Tensor
    share: torch.Tensor


def pool(
    drifted: Drifted, sizes: torch.Tensor, hit: torch.Tensor, beside: Callable[[torch.Tensor], torch.Tensor]
) -> Pooled:
    """Find the common coefficients and who was let alone, each given the other.

    Parameters
    ----------
    drifted
        Of every table.
    sizes
        Of the drift, of the constant and of the other coefficients, [..., M, 2].
    hit
        See `spared_evidence`.
    beside
        From how far each table counts [..., M, R] to what does not depend on coefficients, [..., M, R].
    """
    share = (hit < torch.inf).to(hit.dtype).expand(drifted.constant.shape)
    for _ in range(ROUNDS):
        counted = share
        mean, common = common_mean(drifted, counted)
        spared = beside(counted) + drifted.at(mean)
        share = torch.sigmoid(spared - hit)
    return Pooled(spared, common + log_size_prior(sizes).sum(-1), mean, counted)


def coefficients(sizes: torch.Tensor, c: int) -> torch.Tensor:
    """Sizes of the drift of c coefficients from those of the constant and of the others: [..., 2] -> [..., c]."""
    return torch.cat([sizes[..., :1], sizes[..., 1:].expand(*sizes.shape[:-1], c - 1)], -1)


def best_sizes(families: int, evidence: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Sizes of the drift with the most evidence: both together, and then each by itself around the best.

    Parameters
    ----------
    families
        Their number M.
    evidence
        From sizes [tries, M, 2] to the evidence there, [tries, M].

    Returns
    -------
    torch.Tensor
        Shape [M, 2].
    """
    most, every = len(SIZES), torch.tensor(SIZES, dtype=torch.double)

    def best(at: torch.Tensor) -> torch.Tensor:
        chosen = evidence(every[at]).argmax(0)
        return at[chosen, torch.arange(families)]

    at = best(torch.arange(most)[:, None, None].expand(-1, families, 2))
    around = torch.tensor([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])[:, None]
    return every[best((at + around).clamp(0, most - 1))]


def log_size_prior(sizes: torch.Tensor) -> torch.Tensor:
    """Half-Cauchy log density of sizes of a drift, but for a constant, so that none costs nothing: of any shape."""
    return -torch.log1p((sizes / TYPICAL).square())


class Spared(NamedTuple):
    """What tables say of a variable that was let alone there, for M families of it, R tables.

    Attributes
    ----------
    log_prob
        Nats of its values in each table under the common mechanism up to drift, shape [M, R].
    common
        Nats that integrating out the common mechanism takes from their sum over the tables that it is learned from, and
        the prior of the drift; shape [M].
    drift
        How far the mechanism of each table is from the common one, shape [M, R].
    """

    log_prob: torch.Tensor
    common: torch.Tensor
    drift: torch.Tensor


def spared_evidence(log_prob: torch.Tensor, common: torch.Tensor, hit: torch.Tensor) -> torch.Tensor:
    """Evidence of families where every table is hit or not: [..., M].

    Parameters
    ----------
    log_prob, common
        See `Spared`; [..., M, R] and [..., M].
    hit
        Nats where it is hit, prior odds included; -inf where that cannot be, inf where it must be; [M, R].
    """
    told = hit < torch.inf  # where it must be hit, a table tells nothing of the common mechanism
    either = torch.logaddexp(log_prob, torch.where(told, hit, -torch.inf))
    return torch.where(told, either, 0.0).sum(-1) + common
