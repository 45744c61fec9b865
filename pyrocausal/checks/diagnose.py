"""What is wrong with a fit, in plain words: checks of a result that need no known truth.

Some read what the fit says of itself: whether it was finished, whether restarts agree, what stays undecided. Others
hold its program against the rows: whether mechanisms are the same in all regimes that should leave them alone, and
whether variables hang together that should not (`pyrocausal.checks.mechanism_findings`).

Silence proves nothing. Graphs that say the same of all regimes pass together, and a common cause that was not measured
shows only where regimes act on both of its effects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch

from pyrocausal.checks.findings import Diagnosis, Finding
from pyrocausal.checks.mechanism_findings import mechanism_findings
from pyrocausal.checks.noisy_mediators import noisy_mediators
from pyrocausal.checks.residuals import ProgramResiduals
from pyrocausal.checks.run_settings import Run
from pyrocausal.checks.stability import stability
from pyrocausal.checks.undecided import clear_targets, undecided_findings
from pyrocausal.data.columns import listing, number_of
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.row_sample import row_sample, rows_of
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.checked_settings import check, number
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.search.moves import closure

__all__ = ["diagnose"]

CYCLIC = 0.05  # share of graphs drawn from beliefs that may have a cycle
DRAWS = 1_000  # of those graphs
WORK = 1_000_000  # rows that mechanisms are held against, times pairs or regimes and variables, about
FEWEST_ROWS, FEWEST_IN_REGIME = 500, 100  # that are held against them whatever their number


@reproducible_torch()
def diagnose(result: CausalPosterior, *, level: float = 0.01, sure: float = 0.8) -> Diagnosis:
    """Say what is wrong with a fit; a good one leaves nothing to say.

    Parameters
    ----------
    result
        What `discover` gave back.
    level
        About the chance that a fit without fault is accused by tests of its program, for each of the names that rest on
        them (hidden-cause, unexplained-dependence, changed-mechanism, and noisy-mediator in part); default 0.01.
    sure
        Probability from which a target, or the state of a pair of variables (no edge, one direction, the other), counts
        as decided; default 0.8.

    Returns
    -------
    Diagnosis
        Findings, and remarks on what is no fault. `print` it; `diagnosis.named("hidden-cause")` picks findings.

    Raises
    ------
    TypeError
        If `result` is no `CausalPosterior`.
    ValueError
        If `level` is not between 0 and 1, or `sure` not between 0.5 and 1.

    Examples
    --------
    Going on from the example of `discover`:

    >>> pc.diagnose(result).findings
    ()
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}; fit one with discover")
    check("level", level, number(above=0, below=1))
    check("sure", sure, number(above=0.5, below=1))
    findings = [*_unfinished(result), *_disagreeing(result), *undecided_findings(result, sure)]
    findings += [*_cycles(result), *_together(result, sure)]
    remarks, looked = [*_idle(result, sure)], dict[str, int]()
    if len(result.chains) == 1:
        message = "whether restarts agree, for there is a single chain"
        remarks.append(Finding("not-checked", (), message))
    if result.best.settled:
        clear = clear_targets(result.best.target_probability.cpu(), sure)
        some = _looked_at(result.data)
        left = ProgramResiduals(some, result.best, clear)
        found, looked = mechanism_findings(left, level)
        findings += [*found, *noisy_mediators(result, left, level)]
        if some is not result.data:
            message = (
                f"all rows against the fitted mechanisms, but {rows_of(some):,} of {rows_of(result.data):,}, drawn "
                "with a fixed seed"
            )
            remarks.append(Finding("not-checked", (), message, {"rows": rows_of(some)}))
        if left.unknown:
            names = ", ".join(left.unknown)
            message = f"how well the mechanisms of {names} fit, for their distributions have no cdf"
            remarks.append(Finding("not-checked", left.unknown, message))
        if left.exact:
            names = ", ".join(left.exact)
            message = f"what the causes of {names} leave unexplained, for it is rounding rather than noise"
            remarks.append(Finding("not-checked", left.exact, message))
    else:
        message = "the fitted mechanisms against the rows, for the fit was not finished"
        remarks.append(Finding("not-checked", (), message))
    return Diagnosis(tuple(findings), tuple(remarks), Run.of(result), looked)


def _looked_at(data: InterventionalData) -> InterventionalData:
    """Rows that mechanisms are held against: fewer where tables are large, and pairs and regimes to look at many."""
    looks = max(len(data.nodes) * (len(data.nodes) - 1) // 2, len(data.regimes) * len(data.nodes), 1)
    plain = max(FEWEST_ROWS, WORK // looks)
    return row_sample(data, plain, max(FEWEST_IN_REGIME, plain // len(data.regimes)))


def _unfinished(result: CausalPosterior) -> Iterator[Finding]:
    numbers: dict[str, float]
    settles = Run.of(result).settles
    for c, chain in enumerate(result.chains):
        if chain.settled:
            continue
        if len(chain.rounds):
            how = f"stopped after {number_of(len(chain.rounds), 'round')} of settling; the last changed {chain.changed}"
            numbers = {"rounds": len(chain.rounds), **chain.rounds[["moves", "switched"]].iloc[-1].astype(int)}
        else:
            confidence = float(chain.trace["confidence"].iloc[-1])
            how = f"stopped after {len(chain.trace)} steps of the three phases"
            if settles:
                how += ", before the first round of settling was over"
            else:
                how += f" with beliefs between 0 and 1 (confidence {confidence:.3f})"
            numbers = {"steps": len(chain.trace), "confidence": confidence}
        yield Finding("not-converged", (f"chain {c}",), f"chain {c} was {how}", numbers)


def _disagreeing(result: CausalPosterior) -> Iterator[Finding]:
    """Edges and targets in which chains differ."""
    C = len(result.chains)
    if C < 2:
        return
    check = stability(result)
    names, dags = result.data.names, torch.stack([chain.dag.cpu().bool() for chain in result.chains])  # [C, d, d]
    some = check.edges[check.edges["chains"] < C]
    for cause, effect in zip(
        *(map(str, some.index.get_level_values(side)) for side in ("cause", "effect")), strict=True
    ):
        having = dags[:, names.index(effect), names.index(cause)].numpy()
        gap = float(check.evidence[having].max() - check.evidence[~having].max())
        message = f"{cause} -> {effect} is in the graphs of {having.sum()} of {C} chains{_more(gap)}"
        yield Finding("restarts-disagree", (cause, effect), message, {"chains": int(having.sum()), "nats": gap})
    for regime, row in check.targets.iterrows():
        if row.nunique() > 1:
            each = "; ".join(f"chain {k}: {' and '.join(hit) or 'none'}" for k, hit in row.items())
            yield Finding("restarts-disagree", (str(regime),), f"the target of regime {regime!r} ({each})")


def _more(gap: float) -> str:
    if math.isnan(gap):
        return ""
    return f"; {'those with it' if gap > 0 else 'those without it'} have {abs(gap):.1f} nats more evidence"


def _idle(result: CausalPosterior, sure: float) -> Iterator[Finding]:
    """Regimes that come out as none."""
    for regime, none in zip(result.data.regimes, result.best.target_probability[:, -1].tolist(), strict=True):
        if regime.targets is None and none >= sure:
            message = (
                f"regime {regime.name!r}: a placebo, or an effect too weak to see in "
                f"{number_of(len(regime.rows), 'row')} (probability {none:.2f})"
            )
            yield Finding("nothing-done", (regime.name,), message, {"probability": none})


def _together(result: CausalPosterior, sure: float) -> Iterator[Finding]:
    """Pairs that several regimes are found to act on, and none on one of them alone."""
    names, regimes = result.data.nodes, result.data.regimes
    found = [r for r, regime in enumerate(regimes) if not isinstance(regime.targets, tuple)]
    hit = result.best.target_probability.cpu()[found][:, result.data.places] >= sure  # [R, nodes]
    for i, j in combinations(range(len(names)), 2):
        both = hit[:, i] & hit[:, j]
        if int(both.sum()) < 2 or bool((hit[:, i] ^ hit[:, j]).any()):
            continue
        where = [regimes[found[r]].name for r in both.nonzero()[:, 0].tolist()]
        one, other = sorted((names[i], names[j]))
        message = (
            f"{one} in regimes {listing(where, 4)} is a target beside {other}, and neither is one by itself anywhere"
        )
        yield Finding("hit-together", (one, other), message, {"regimes": len(where)})


def _cycles(result: CausalPosterior) -> Iterator[Finding]:
    """Whether beliefs of the three phases, where nothing settles after them, make graphs with cycles."""
    chain = result.best
    if len(chain.rounds):
        return
    generator = torch.Generator().manual_seed(0)
    beliefs = chain.beliefs.cpu().float()
    graphs = torch.rand(DRAWS, *beliefs.shape, generator=generator) < beliefs
    distinct, times = graphs.unique(dim=0, return_counts=True)
    around = closure(distinct).diagonal(dim1=-2, dim2=-1)  # [graphs, d]
    share = around.float().mul(times[:, None]).sum(0) / DRAWS  # [d]
    cyclic = float((around.any(1) * times).sum()) / DRAWS
    if cyclic > CYCLIC:
        on = np.array(result.data.names)[(share >= cyclic / 2).numpy()].tolist()
        message = f"{cyclic:.0%} of the graphs that the beliefs stand for have a cycle, mostly through {', '.join(on)}"
        yield Finding("cycles", tuple(sorted(on)), message, {"share": cyclic})
