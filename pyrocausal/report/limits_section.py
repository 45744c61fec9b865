"""What may not be concluded from a fit, as far as the fit itself shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyrocausal.checks.doubts import named_some
from pyrocausal.data.count import Count
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report.document import Heading, Part
from pyrocausal.report.pieces import plain_items

__all__ = ["limits_section"]

SURELY = 0.5  # probability of a target that acts on its variable
EVERY_FIT = (
    "A probability of 1.00 means that no other graph that was compared has nearly as much evidence. All of them have "
    "no cycle, and no common cause that nobody measured."
)


def limits_section(result: CausalPosterior) -> Iterator[Part]:
    """Which arrows no experiment has tried, what "none" leaves open, and what intervals leave out."""
    yield Heading("What may not be concluded")
    yield plain_items((EVERY_FIT, *_untried(result), *_without_targets(result), *_counts(result)))


def _untried(result: CausalPosterior) -> Iterator[str]:
    """Variables that no regime acts on, and arrows that lead to them or from them."""
    acted = (result.target_probabilities > SURELY).any("regime").to_series()
    untried = [name for name in acted.index if not acted[name]]
    edges = list(result.dag().edges)
    into = [(cause, effect) for cause, effect in edges if effect in untried and cause not in untried]
    between = [(cause, effect) for cause, effect in edges if cause in untried and effect in untried]
    if into:
        yield (
            f"No regime acts on {named_some(sorted({effect for _, effect in into}))}. So a common cause that nobody "
            f"measured would not be seen behind {_arrows(into)}."
        )
    if between:
        yield (
            f"No regime acts on either end of {_arrows(between)}. So the direction there rests on the form of the "
            "mechanisms and on other arrows."
        )
    if alone := [name for name in untried if all(name not in edge for edge in edges)]:
        yield f"Nothing was done to {named_some(alone)}: that no arrow leaves does not show that it acts on nothing."


def _arrows(edges: Sequence[tuple[str, str]]) -> str:
    return named_some([f"{cause} → {effect}" for cause, effect in edges])


def _without_targets(result: CausalPosterior) -> Iterator[str]:
    if none := [str(regime) for regime, hit in result.targets().items() if not hit]:
        yield (
            f"No target was found for {named_some(none)}: nothing was done there, or too little to be seen in its "
            "rows, or to something that was not measured."
        )


def _counts(result: CausalPosterior) -> Iterator[str]:
    if any(isinstance(kind, Count) for kind in result.data.kinds):
        yield (
            "Effects of counts are those at the median exposure, and their intervals are narrower than they say: hold "
            "them beside the rows of a regime that acted on the cause."
        )
