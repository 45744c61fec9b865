"""Who was hit: from log-likelihoods per regime and variable to a posterior over the target of each regime.

A rule maps a `TargetEvidence` to probabilities of shape [R, d + 1] whose last column is *none*.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import NamedTuple, TypeAlias

import torch

__all__ = [
    "TargetEvidence",
    "TargetOdds",
    "TargetPrior",
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
        Prior log odds of every target, see `TargetOdds`; shape [R, d], or 0.
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


class TargetOdds(NamedTuple):
    """What is believed of unknown targets beforehand.

    Attributes
    ----------
    log_odds
        Shape [R, d]: of every variable against none, or, where there may be several targets, of its being one.
    several
        Whether a regime may have several targets.
    learned
        Where the odds of being hit are those of a rate that is to be learned, shape [R, d]; None: nowhere.
    otherwise
        What is believed if a regime may have several targets after all, which evidence is to decide; None: nothing.
    """

    log_odds: torch.Tensor
    several: bool
    learned: torch.Tensor | None = None
    otherwise: TargetOdds | None = None

    def at_rate(self, rate: float) -> TargetOdds:
        """The same at a rate of being hit, in (0, 1), where it is to be learned."""
        if self.learned is None:
            return self
        odds = torch.full_like(self.log_odds, math.log(rate / (1 - rate)))
        return self._replace(log_odds=torch.where(self.learned, odds, self.log_odds))


@dataclass(frozen=True)
class TargetPrior:
    """What is believed beforehand of who was hit in regimes whose targets are unknown.

    Parameters
    ----------
    several
        Whether a regime may have several targets, each variable being hit or not for itself, at a rate that is learned.
        If not, it has one or none. None (the default) asks the evidence.
    probability
        For a regime, how likely some variables are its target: `{"guide 7": {"KRAS": 0.9}}`. What is left to one is
        spread evenly over the others, none among them. With several targets each number is for itself, and a variable
        that is not named has the learned rate.

    Raises
    ------
    TypeError
        If `probability` is no mapping of mappings to numbers.
    ValueError
        If a probability is not between 0 and 1, or those of a regime with one target leave nothing to the others.
    """

    several: bool | None = None
    probability: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.several, bool | None):
            raise TypeError(f"TargetPrior.several must be True, False or None, got {self.several!r}")
        told = self.probability
        if not isinstance(told, Mapping) or not all(isinstance(row, Mapping) for row in told.values()):
            raise TypeError(f"TargetPrior.probability must be as {{'guide 7': {{'KRAS': 0.9}}}}, got {told!r}")
        for regime, row in told.items():
            for name, value in row.items():
                if isinstance(value, bool) or not isinstance(value, Real):
                    raise TypeError(f"the probability of {name!r} in regime {regime!r} must be a number, got {value!r}")
                if not 0 < value < 1:
                    raise ValueError(
                        f"the probability of {name!r} in regime {regime!r} must be between 0 and 1, got {value!r}; "
                        "state targets that are known with the data"
                    )
            total = math.fsum(row.values())
            if not self.several and total >= 1 - 1e-9:
                raise ValueError(
                    f"the probabilities of regime {regime!r} add up to {total:g}; leave some to the other variables "
                    "and to none, or allow several targets"
                )

    def compile(
        self, names: Sequence[str], regimes: Mapping[str, tuple[str, ...] | None], exposures: Sequence[str] = ()
    ) -> TargetOdds:
        """For variables and regimes in their order.

        Parameters
        ----------
        names
            The variables, length d.
        regimes
            Known targets per regime, None where unknown, length R.
        exposures
            Variables that nothing acts on.

        Raises
        ------
        ValueError
            If a name is no variable or no regime, or an exposure, or a regime's targets are known.
        """
        for regime, row in self.probability.items():
            if regime not in regimes:
                raise ValueError(
                    f"the prior of targets names {regime!r}, which is no regime; regimes: {', '.join(regimes)}"
                )
            if regimes[regime] is not None:
                raise ValueError(f"the prior of targets names regime {regime!r}, whose targets are known; drop one")
            if strange := [name for name in row if name not in names]:
                raise ValueError(
                    f"the prior of regime {regime!r} names {strange[0]!r}, which is not a variable; "
                    f"variables: {', '.join(names)}"
                )
            if idle := [name for name in row if name in exposures]:
                raise ValueError(
                    f"the prior of regime {regime!r} names {idle[0]!r}, an exposure, which no regime acts on; drop it"
                )
        if self.several is not None:
            return self._odds(self.several, names, regimes, exposures)
        one, more = (self._odds(several, names, regimes, exposures) for several in (False, True))
        return one._replace(otherwise=more)

    def _odds(
        self,
        several: bool,
        names: Sequence[str],
        regimes: Mapping[str, tuple[str, ...] | None],
        exposures: Sequence[str],
    ) -> TargetOdds:
        d = len(names) - len(exposures)
        log_odds = torch.full((len(regimes), len(names)), -math.log(d) if several else 0.0)
        learned = torch.ones(log_odds.shape, dtype=torch.bool)
        idle = [names.index(name) for name in exposures]
        log_odds[:, idle], learned[:, idle] = -torch.inf, False
        for regime, row in self.probability.items():
            r, rest = list(regimes).index(regime), (1 - math.fsum(row.values())) / (d + 1 - len(row))
            for name, value in row.items():
                against = 1 - value if several else rest
                log_odds[r, names.index(name)] = math.log(value) - math.log(against)
                learned[r, names.index(name)] = False
        return TargetOdds(log_odds, several, learned if several else None)


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
