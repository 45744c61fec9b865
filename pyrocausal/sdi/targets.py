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

__all__ = [
    "TargetEvidence",
    "TargetRule",
    "bayes_factor",
    "draw_targets",
    "greatest_drop",
    "known_targets",
    "target_posterior",
]


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
        Rows of each regime, or their total weight; shape [R].
    log_odds
        Prior log odds of every target, see `pyrocausal.sdi.target_prior.TargetOdds`; shape [R, d], or 0.
    several
        Whether a regime may have several targets.
    """

    expected: torch.Tensor
    marginal: torch.Tensor
    observational: torch.Tensor
    new_mechanism: torch.Tensor
    rows: torch.Tensor
    log_odds: torch.Tensor | float = 0.0
    several: bool = False


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
    """Posterior of targets or none, from log Bayes factors of a new mechanism against the observational one.

    The factor of variable i in regime r is n_r (new_mechanism_ri - marginal_ri), and adds to the prior log odds. An
    intervention that leaves the distribution as it was cannot be found, and comes out as none.

    Parameters
    ----------
    evidence
        See `TargetEvidence`.

    Returns
    -------
    torch.Tensor
        Shape [R, d + 1]; rows sum to one where a regime has one target at the most.
    """
    factors = evidence.rows[:, None] * (evidence.new_mechanism - evidence.marginal)
    return posterior_of(factors + evidence.log_odds, evidence.several)


def posterior_of(log_odds: torch.Tensor, several: bool) -> torch.Tensor:
    """Posterior over targets from log odds of each against none, or of each being hit or not: [R, d] -> [R, d + 1]."""
    if not several:
        return torch.nn.functional.pad(log_odds, (0, 1)).softmax(1)
    nobody = torch.nn.functional.logsigmoid(-log_odds).sum(1, keepdim=True).exp()
    return torch.cat([log_odds.sigmoid(), nobody], 1)


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


def draw_targets(
    probability: torch.Tensor, known: torch.Tensor, several: bool, count: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draw the targets of every regime from their posterior.

    Parameters
    ----------
    probability
        Posterior given one graph, shape [R, d + 1]; the last column is none.
    known
        Where a regime's targets are known, shape [R]; these are the same in every draw.
    several
        Whether a regime may have several targets.
    count
        Draws.
    generator
        Of random numbers; default torch's own.

    Returns
    -------
    torch.Tensor
        True where a variable is hit, shape [count, R, d].
    """
    hit = probability[:, :-1]
    if several:
        drawn = torch.rand(count, *hit.shape, dtype=hit.dtype, generator=generator) < hit
    else:
        chosen = torch.multinomial(probability, count, replacement=True, generator=generator).t()  # [count, R]
        drawn = torch.nn.functional.one_hot(chosen, probability.shape[1])[..., :-1] > 0
    return torch.where(known[:, None], hit > 0.5, drawn)
