"""The verdict on a fit: what was found, and how far to trust it, in a sentence each.

It stands at the top of what the command line prints, of the report, and of `print(result)`. It names what is undecided
and what contradicts the fit, not what is sure, and costs next to nothing: nothing is fitted or predicted for it. What
only a comparison with the rows can show it takes from a `Diagnosis`, where one has been made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from pyrocausal.checks.doubts import doubts, named_some
from pyrocausal.checks.findings import Diagnosis
from pyrocausal.checks.run_settings import Run
from pyrocausal.checks.undecided import clear_targets, open_pairs
from pyrocausal.data.columns import number_of
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.tables import STRONG, UNDECIDED

__all__ = ["Verdict", "verdict"]

CLEAN = "nothing that was checked speaks against it, which does not show that its graph is right"


class Verdict(NamedTuple):
    """What a fit has found, and how far to trust it; print it.

    Attributes
    ----------
    found
        Edges, strong ones, targets, and what is undecided.
    trust
        The gravest doubts, with what to do; or that there are none.

    Examples
    --------
    Going on from the example of `discover`:

    >>> found, trust = pc.verdict(result, pc.diagnose(result))
    >>> trust
    'Nothing that was checked speaks against it, which does not show that its graph is right.'
    """

    found: str
    trust: str

    def __str__(self) -> str:
        return " ".join(self)


def verdict(result: CausalPosterior, diagnosis: Diagnosis | None = None, *, shell: bool = False) -> Verdict:
    """Say what a fit has found and how far to trust it.

    An edge or a target is strong from 0.05 nats per row on, which is what two normal variables with a correlation of
    0.3 tell of each other, and undecided where no answer has a probability of 0.8.

    Parameters
    ----------
    result
        What `discover` gave back.
    diagnosis
        What `diagnose` says of it, where that has been asked; default: nobody has.
    shell
        Whether advice is in the words of the command line, not of Python.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError
        If `result` is no `CausalPosterior` or `diagnosis` no `Diagnosis`.

    Examples
    --------
    Going on from the example of `discover`:

    >>> pc.verdict(result).found
    '2 edges, all strong; targets named in 3 of 3 regimes (evidence is for one each at the most).'
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}; fit one with discover")
    if not isinstance(diagnosis, Diagnosis | None):
        raise TypeError(f"diagnosis must be a Diagnosis, got {type(diagnosis).__name__}; make one with diagnose")
    run = Run.of(result)
    told = [_edges(result), *_targets(result, run), *_undecided(result)]
    against = list(doubts(result, diagnosis, run, shell))[:2]
    if diagnosis is None:
        asks = "--out DIR writes a report that checks" if shell else "print(pc.diagnose(result)) checks"
        trust = f"{'; besides, '.join(against) or 'so far nothing speaks against it'}. {asks} it against the rows"
    else:
        trust = "; besides, ".join(against) or CLEAN
    return Verdict(*(f"{text[0].upper()}{text[1:]}." for text in ("; ".join(told), trust)))


# ---------------------------------------------------------------------- what was found
def _edges(result: CausalPosterior) -> str:
    believed, strength = result.edge_probabilities.values > 0.5, result.edge_strengths.values
    count, strong = int(believed.sum()), int((strength[believed] >= STRONG).sum())
    if not count:
        return "no edge"
    if np.isnan(strength).all():
        return number_of(count, "edge")
    how = "all strong" if strong == count > 1 else f"{strong or 'none'} of them strong"
    if count == 1:
        how = "a strong one" if strong else "not a strong one"
    return f"{number_of(count, 'edge')}, {how}"


def _targets(result: CausalPosterior, run: Run) -> Iterator[str]:
    open_ = [r for r, regime in enumerate(result.data.regimes) if not isinstance(regime.targets, tuple)]
    if not open_:
        yield "targets as they were told"
        return
    clear = sorted(set(open_) - set(_unclear(result)))
    hit = result.target_probabilities.values[clear] >= UNDECIDED[1]
    having, hits = int(hit.any(1).sum()), int(hit.sum())
    told = f"targets named in {having} of {number_of(len(open_), 'regime')}"
    if hits > having:
        told += f", {hits} in all"
    if run.several_found is not None:
        how = "several a regime" if run.several_found else "one each at the most"
        told += f" (evidence is for {how})"
    else:
        told += f" ({'several' if result.several_targets else 'one at the most'} allowed)"
    yield told


def _undecided(result: CausalPosterior) -> Iterator[str]:
    sure = UNDECIDED[1]
    open_ = [f"{p.one} - {p.other}" for p in open_pairs(result.edge_probabilities.values, result.data.nodes, sure)]
    unclear = [repr(result.data.regime_names[r]) for r in _unclear(result)]
    what = [named_some(open_)] * bool(open_) + [f"what {named_some(unclear)} acted on"] * bool(unclear)
    if what:
        yield f"undecided: {'; and '.join(what)}"


def _unclear(result: CausalPosterior) -> list[int]:
    """Regimes whose targets were not told, and are not clear."""
    none = result.no_target_probability.values[:, None]
    both = torch.as_tensor(np.hstack([result.target_probabilities.values, none]))
    clear = clear_targets(both, UNDECIDED[1]).tolist()
    return [r for r, regime in enumerate(result.data.regimes) if not clear[r] and not isinstance(regime.targets, tuple)]
