"""What is believed beforehand of unknown targets: as a user says it, and in log odds.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch

from pyrocausal.data.at_least import AtLeast, RegimeTargets, named
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.runtime.checked_settings import check, check_settings, number, truth

__all__ = ["TargetOdds", "TargetPrior", "with_certain_targets", "without_unmeasured"]


class TargetOdds(NamedTuple):
    """What is believed of unknown targets beforehand.

    Attributes
    ----------
    log_odds
        Shape [R, d]: of every variable against none, or, where there may be several targets, of its being one. -inf
        where it cannot be one, and where it is one for certain, for then it is no candidate for a further one.
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
    """What is believed beforehand of who was hit in regimes whose targets are unknown, or known in part.

    Parameters
    ----------
    several
        Whether a regime may have several targets, each variable being hit or not for itself, at a rate that is learned.
        If not, it has one or none, beside those that are certain (see `pyrocausal.AtLeast`). None (the default) asks
        the evidence.
    probability
        For a regime, how likely some variables are its target: `{"guide 7": {"KRAS": 0.9}}`. What is left to one is
        spread evenly over the others, none among them. With several targets each number is for itself, and a variable
        that is not named has the learned rate. 0 is certainly no target. 1 is certainly one, and the others are as
        open as before: the same as `AtLeast` with the data, and counted in no sum. As a regime with one target at the
        most would have no other then, 1 is refused where `several` is False.

    Raises
    ------
    TypeError
        If `probability` is no mapping of mappings to numbers.
    ValueError
        If a probability is not from 0 to 1, or is 1 with `several=False`, or those of a regime with one target leave
        nothing to the others.

    Examples
    --------
    >>> prior = TargetPrior(several=True, probability={"guide 7": {"KRAS": 1, "TP53": 0}})
    >>> prior.certain({"guide 7": None})
    {'guide 7': AtLeast('KRAS')}
    """

    several: bool | None = None
    probability: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_settings(self, several=truth(optional=True))
        told = self.probability
        if not isinstance(told, Mapping) or not all(isinstance(row, Mapping) for row in told.values()):
            raise TypeError(f"TargetPrior.probability must be as {{'guide 7': {{'KRAS': 0.9}}}}, got {told!r}")
        for regime, row in told.items():
            for name, value in row.items():
                check(f"the probability of {name!r} in regime {regime!r}", value, number(0, most=1))
                if value == 1 and self.several is False:
                    raise ValueError(
                        f"the probability of {name!r} in regime {regime!r} is 1, which leaves nothing to others where "
                        f"several=False; state it with the data, as targets={{{regime!r}: {name!r}}}, or "
                        f"AtLeast({name!r}) if there may be another one"
                    )
            total = math.fsum(value for value in row.values() if value < 1)
            if not self.several and total >= 1 - 1e-9:
                raise ValueError(
                    f"the probabilities of regime {regime!r} add up to {total:g}; leave some to the other variables "
                    "and to none, or allow several targets"
                )

    def certain(self, regimes: Mapping[str, RegimeTargets]) -> dict[str, RegimeTargets]:
        """Known targets per regime, those that have a probability of 1 among them."""
        found = dict(regimes)
        for regime, row in self.probability.items():
            if sure := [name for name, value in row.items() if value == 1]:
                found[regime] = AtLeast(*named(found.get(regime)), *sure)
        return found

    def check(self, names: Sequence[str], regimes: Mapping[str, RegimeTargets], aside: Sequence[str] = ()) -> None:
        """Raise unless the prior is of these variables and regimes; parameters and errors as of `compile`."""
        for regime, row in self.probability.items():
            if regime not in regimes:
                raise ValueError(
                    f"the prior of targets names {regime!r}, which is no regime; regimes: {', '.join(regimes)}"
                )
            if isinstance(regimes[regime], tuple):
                raise ValueError(f"the prior of targets names regime {regime!r}, whose targets are known; drop one")
            if strange := [name for name in row if name not in names]:
                raise ValueError(
                    f"the prior of regime {regime!r} names {strange[0]!r}, which is not a variable; "
                    f"variables: {', '.join(names)}"
                )
            if idle := [name for name in row if name in aside]:
                raise ValueError(
                    f"the prior of regime {regime!r} names {idle[0]!r}, an exposure or a covariate, which no regime "
                    "acts on; drop it"
                )
            if twice := [name for name, value in row.items() if name in named(regimes[regime]) and value != 1]:
                raise ValueError(
                    f"the prior of regime {regime!r} names {twice[0]!r}, which is stated as certain with the data; "
                    "drop one"
                )

    def compile(
        self, names: Sequence[str], regimes: Mapping[str, RegimeTargets], aside: Sequence[str] = ()
    ) -> TargetOdds:
        """For variables and regimes in their order.

        Parameters
        ----------
        names
            The variables, length d.
        regimes
            Known targets per regime, None where unknown, `AtLeast` where known in part, length R.
        aside
            Variables that no regime acts on: exposures and covariates.

        Raises
        ------
        ValueError
            If a name is no variable or no regime, or stands aside, or a regime's targets are known, or that target is.
        """
        self.check(names, regimes, aside)
        told = self.certain(regimes)
        if self.several is not None:
            return self._odds(self.several, names, told, aside)
        one, more = (self._odds(several, names, told, aside) for several in (False, True))
        return one._replace(otherwise=more)

    def _odds(
        self, several: bool, names: Sequence[str], regimes: Mapping[str, RegimeTargets], aside: Sequence[str]
    ) -> TargetOdds:
        d = len(names) - len(aside)
        log_odds = torch.full((len(regimes), len(names)), -math.log(d) if several else 0.0)
        learned = torch.ones(log_odds.shape, dtype=torch.bool)
        idle = [names.index(name) for name in aside]
        log_odds[:, idle], learned[:, idle] = -torch.inf, False
        for r, (regime, targets) in enumerate(regimes.items()):
            if isinstance(targets, AtLeast):
                sure = [names.index(name) for name in targets.names]
                log_odds[r, sure], learned[r, sure] = -torch.inf, False
            row = {name: value for name, value in self.probability.get(regime, {}).items() if value < 1}
            open_ = d - len(named(targets)) - len(row)  # of the others, but for none
            rest = (1 - math.fsum(row.values())) / (open_ + 1)
            for name, value in row.items():
                against = 1 - value if several else rest
                log_odds[r, names.index(name)] = math.log(value) - math.log(against) if value else -math.inf
                learned[r, names.index(name)] = False
        return TargetOdds(log_odds, several, learned if several else None)


def with_certain_targets(
    data: InterventionalData, prior: TargetPrior | None
) -> tuple[InterventionalData, TargetPrior | None]:
    """State targets that have a probability of 1 with the data, as `AtLeast`, and leave them out of the prior.

    Data and prior are given back as they are where there is no such target.

    Raises
    ------
    ValueError
        If the prior is not of these data, see `TargetPrior.compile`.
    """
    if prior is None or not any(value == 1 for row in prior.probability.values() for value in row.values()):
        return data, prior
    regimes = {regime.name: regime.targets for regime in data.regimes}
    prior.check(data.names, regimes, data.aside)
    told = prior.certain(regimes)
    left = {
        regime: {name: value for name, value in row.items() if value != 1} for regime, row in prior.probability.items()
    }
    made = replace(data, regimes=tuple(replace(regime, targets=told[regime.name]) for regime in data.regimes))
    return made, replace(prior, probability={regime: row for regime, row in left.items() if row})


def without_unmeasured(data: InterventionalData, prior: TargetPrior | None) -> TargetPrior | None:
    """What is believed where no regime is said to act on a variable of which it has no value.

    Nothing can speak for that; what the prior itself says of such a pair stays. The prior is given back as it is where
    every regime has values of every variable.
    """
    found: dict[str, dict[str, float]] = {}
    for regime in data.regimes:
        absent = regime.rows.isnan().all(0).tolist()
        if any(absent) and not isinstance(regime.targets, tuple):
            found[regime.name] = {
                name: 0.0
                for name, lacks in zip(data.names, absent, strict=True)
                if lacks and name not in named(regime.targets)
            }
    if not found:
        return prior
    prior = prior or TargetPrior()
    told = {regime: {**found.get(regime, {}), **prior.probability.get(regime, {})} for regime in data.regime_names}
    return replace(prior, probability={regime: row for regime, row in {**prior.probability, **told}.items() if row})
