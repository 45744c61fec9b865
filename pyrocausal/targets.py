"""Who was hit: from log-likelihoods per regime and variable to a posterior over the target of each regime.

A rule maps a `TargetEvidence` to probabilities of shape [R, d + 1] whose last column is *none*.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch

__all__ = ["TargetEvidence", "TargetRule", "bayes_factor", "greatest_drop", "known_targets", "target_posterior"]


class TargetEvidence(NamedTuple):
    """What a target rule may look at.

    Attributes
    ----------
    expected
        Log-likelihood per row of each variable in each regime under its observational mechanism, averaged over
        sampled graphs; shape [R, d].
    marginal
        The same with the likelihood averaged, not its logarithm: a variable that *some* sampled graph explains is
        explained, and an extrapolation that went wrong under other graphs does not make it a target; shape [R, d].
    observational
        As `expected`, on observational rows; shape [d].
    new_mechanism
        Log evidence per row of a new mechanism for the variable in that regime; shape [R, d].
    rows
        Rows of each regime; shape [R].
    """

    expected: torch.Tensor
    marginal: torch.Tensor
    observational: torch.Tensor
    new_mechanism: torch.Tensor
    rows: torch.Tensor


TargetRule: TypeAlias = Callable[[TargetEvidence], torch.Tensor]


def greatest_drop(evidence: TargetEvidence) -> torch.Tensor:
    """The paper's rule: the variable whose log-likelihood drops most from observational to interventional rows.

    Parameters
    ----------
    evidence
        See `TargetEvidence`.

    Returns
    -------
    torch.Tensor
        One-hot, shape [R, d + 1]; never *none*.
    """
    drop = evidence.observational - evidence.expected  # [R, d]
    return torch.nn.functional.one_hot(drop.argmax(1), drop.shape[1] + 1).to(drop.dtype)


def bayes_factor(evidence: TargetEvidence) -> torch.Tensor:
    """Posterior of a single target or none, from log Bayes factors of a new mechanism against the observational one.

    The factor of variable i in regime r is n_r (new_mechanism_ri - marginal_ri); every target and *none* are equally
    likely beforehand. An intervention that leaves the distribution as it was cannot be found, and comes out as none.

    Parameters
    ----------
    evidence
        See `TargetEvidence`.

    Returns
    -------
    torch.Tensor
        Shape [R, d + 1], rows sum to one.
    """
    factors = evidence.rows[:, None] * (evidence.new_mechanism - evidence.marginal)
    return torch.nn.functional.pad(factors, (0, 1)).softmax(1)


def known_targets(names: Sequence[str], targets: Sequence[tuple[str, ...] | None]) -> tuple[torch.Tensor, torch.Tensor]:
    """Known targets as arrays.

    Parameters
    ----------
    names
        The variables, length d.
    targets
        Per regime None (unknown) or the targets, empty for none; length R.

    Returns
    -------
    known : torch.Tensor
        True where a regime's targets are known, shape [R].
    hit : torch.Tensor
        True where a variable is a known target, shape [R, d].
    """
    known = torch.tensor([t is not None for t in targets], dtype=torch.bool)
    hit = torch.tensor([[name in (t or ()) for name in names] for t in targets], dtype=torch.bool)
    return known, hit


def target_posterior(
    rule: TargetRule, evidence: TargetEvidence, known: torch.Tensor, hit: torch.Tensor
) -> torch.Tensor:
    """Apply a rule where targets are unknown and the truth where they are known.

    Parameters
    ----------
    rule, evidence
        See this module.
    known, hit
        See `known_targets`.

    Returns
    -------
    torch.Tensor
        Shape [R, d + 1]; a known regime has 1 at each of its targets, or at *none*.
    """
    certain = torch.cat([hit, ~hit.any(1, keepdim=True)], 1).to(evidence.marginal.dtype)
    return torch.where(known[:, None], certain, rule(evidence))
