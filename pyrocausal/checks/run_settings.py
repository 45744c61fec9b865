"""How a fit was asked for, as far as it decides what is said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyrocausal.data.kind import Kind
from pyrocausal.posterior.causal_posterior import CausalPosterior

__all__ = ["Run"]

PUBLISHED = "greatest_drop"  # the target rule that takes no prior


@dataclass(frozen=True)
class Run:
    """How a fit was asked for, as far as advice depends on it; by default as nobody asked for anything.

    Attributes
    ----------
    several
        Whether it was told that regimes may have several targets; None: nothing was told.
    several_found
        Whether evidence has it so; None where it was not asked.
    several_gain
        Nats for several against one at the most, NaN where it was not asked.
    published
        Whether targets came from the published rule, which takes nothing that is believed of them, nor is asked.
    settles
        Whether settling followed the three phases.
    limit
        Rounds of settling, or without it steps of the three phases, after which it had to end; None: unknown.
    chains
        Restarts.
    stopped
        Whether Ctrl-C ended it.
    budget
        Whether networks had a time limit.
    stated
        Regimes whose targets were told, all of them.
    apart
        Pairs of variables between which no edge was allowed, in either direction.
    kinds
        Of the variables.
    """

    several: bool | None = None
    several_found: bool | None = None
    several_gain: float = math.nan
    published: bool = False
    settles: bool = True
    limit: int | None = None
    chains: int = 4
    stopped: bool = False
    budget: bool = False
    stated: frozenset[str] = frozenset()
    apart: frozenset[frozenset[str]] = frozenset()
    kinds: Mapping[str, Kind] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, result: CausalPosterior) -> Run:
        """What a result says of it; where its settings were not written down, what its chains show."""
        data, best, settings = result.data, result.best, result.settings or {}
        settling, algorithm = settings.get("settling"), settings.get("algorithm") or {}
        asked = not math.isnan(best.several_gain)
        told = (settings.get("target_prior") or {}).get("several")
        if not settings and best.several and not asked:
            told = True
        settles = bool(settling) if settings else any(len(chain.rounds) for chain in result.chains)
        limit = settling.get("rounds") if settling else (algorithm.get("stopping") or {}).get("max_steps")
        beliefs, names = best.model.beliefs, data.names
        barred = (~beliefs.free & (beliefs.certain == 0)).cpu()
        barred = barred & barred.t()
        return cls(
            several=told,
            several_found=best.several if asked else None,
            several_gain=best.several_gain,
            published=(algorithm.get("scoring") or {}).get("target_rule") == PUBLISHED,
            settles=settles,
            limit=limit,
            chains=len(result.chains),
            stopped=result.stopped is not None,
            budget=settings.get("budget") is not None,
            stated=frozenset(regime.name for regime in data.regimes if isinstance(regime.targets, tuple)),
            apart=frozenset(frozenset((names[i], names[j])) for i, j in barred.nonzero().tolist() if i < j),
            kinds=dict(zip(names, data.kinds, strict=True)),
        )
