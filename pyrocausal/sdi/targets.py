"""Who was hit: from log-likelihoods per regime and variable to a posterior over the target of each regime.

A rule maps a `TargetEvidence` to probabilities of shape [R, d + 1] whose last column is *none*.

References
----------
N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, section 3.3.

Examples
--------
Going on from the example of `discover`:

>>> pc.targets.known_targets(data.names, [("X0",), None])
(tensor([ True, False]), tensor([[ True, False, False],
        [False, False, False]]))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch

from pyrocausal.data.at_least import RegimeTargets, named

__all__ = [
    "TargetEvidence",
    "TargetRule",
    "bayes_factor",
    "draw_targets",
    "further_targets",
    "greatest_drop",
    "known_targets",
    "target_posterior",
    "with_known_targets",
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


def known_targets(names: Sequence[str], targets: Sequence[RegimeTargets]) -> tuple[torch.Tensor, torch.Tensor]:
    """Known targets as arrays.

    Parameters
    ----------
    names
        The variables, length d.
    targets
        Per regime None (unknown), the targets, empty for none, or `AtLeast` (these, and perhaps others); length R.

    Returns
    -------
    known : torch.Tensor
        True where a regime's targets are all known, shape [R].
    hit : torch.Tensor
        True where a variable is certainly a target, shape [R, d]; in a regime that is not known there may be others.
    """
    known = torch.tensor([isinstance(t, tuple) for t in targets], dtype=torch.bool)
    hit = torch.tensor([[name in named(t) for name in names] for t in targets], dtype=torch.bool)
    return known, hit


def with_known_targets(found: torch.Tensor, known: torch.Tensor, hit: torch.Tensor) -> torch.Tensor:
    """A posterior over unknown targets, with what is known in it.

    Parameters
    ----------
    found
        Posterior as if nothing were known, but that targets which are certain are no candidates; shape [R, d + 1].
    known, hit
        See `known_targets`.

    Returns
    -------
    torch.Tensor
        Shape [R, d + 1]. A regime has 1 at each target that is certain, and then 0 at *none*; one whose targets are all
        known has nothing else, or 1 at *none*.
    """
    certain = torch.cat([hit, ~hit.any(1, keepdim=True)], 1)
    told = torch.cat([hit, hit.any(1, keepdim=True)], 1)
    return torch.where(known[:, None] | told, certain.to(found.dtype), found)


def further_targets(probability: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """Posterior over a further target where one at the most is believed beside those that are certain.

    Parameters
    ----------
    probability
        Posterior over targets, shape [R, d + 1]; see `with_known_targets`.
    told
        Targets that are certain in regimes that may have others, shape [R, d].

    Returns
    -------
    torch.Tensor
        Shape [R, d + 1]; rows sum to one, and the last column is no further target.
    """
    others = probability[:, :-1].masked_fill(told, 0.0)
    nobody = torch.where(told.any(1, keepdim=True), 1 - others.sum(1, keepdim=True), probability[:, -1:])
    return torch.cat([others, nobody.clamp(min=0.0)], 1)


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
        Shape [R, d + 1], see `with_known_targets`.

    Raises
    ------
    ValueError
        If the rule gives anything else.
    """
    found, (R, d) = rule(evidence), evidence.marginal.shape
    if not isinstance(found, torch.Tensor) or found.shape != (R, d + 1):
        came = f"shape {list(found.shape)}" if isinstance(found, torch.Tensor) else repr(found)
        raise ValueError(
            f"a target rule must give a tensor of shape [{R}, {d + 1}], regimes by variables and none, got {came}"
        )
    return with_known_targets(found.to(evidence.marginal.dtype), known, hit)


def draw_targets(
    probability: torch.Tensor,
    known: torch.Tensor,
    hit: torch.Tensor,
    several: bool,
    count: int,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Draw the targets of every regime from their posterior.

    Parameters
    ----------
    probability
        Posterior given one graph, shape [R, d + 1]; the last column is none.
    known, hit
        See `known_targets`; known targets are the same in every draw.
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
    if several:
        each = probability[:, :-1]
        drawn = torch.rand(count, *each.shape, dtype=each.dtype, generator=generator) < each
    else:
        further = further_targets(probability, hit & ~known[:, None])
        chosen = torch.multinomial(further, count, replacement=True, generator=generator).t()  # [count, R]
        drawn = torch.nn.functional.one_hot(chosen, further.shape[1])[..., :-1] > 0
    return torch.where(known[:, None], hit, drawn | hit)
