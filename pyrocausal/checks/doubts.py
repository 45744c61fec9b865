"""What speaks against a fit, the gravest first: the second half of a verdict (`pyrocausal.checks.verdict`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pyrocausal.checks.advice import finish, other_targets, several_targets
from pyrocausal.checks.findings import NAMES, Diagnosis, Finding
from pyrocausal.checks.residual_values import FAR_DRIFT, FAR_DRIFT_STATES
from pyrocausal.checks.run_settings import Run
from pyrocausal.checks.stability import stability
from pyrocausal.checks.undecided import FAINT, Sight, edges_sought, sight
from pyrocausal.data.at_least import named
from pyrocausal.data.columns import number_of
from pyrocausal.data.missing import present
from pyrocausal.data.table_findings import TableFinding
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.tables import STRONG

__all__ = ["doubts", "named_some"]

MANY, SEVERAL = 0.1, 3  # share of what is off, and how often at least, from which no arrow is to be read
MOST = 0.5  # share of variables of regimes that count as targets, from which little else is left
BLIND = STRONG / 2  # nats per row that an edge has to carry to be seen, from which rows are too few for anything
NAMED = 3  # of a kind, at the most
NO_ARROWS = "do not read arrows as effects"
NOTHING = "nothing here should be believed"
SPOKEN = {
    "not-converged", "restarts-disagree", "unclear-target", "undecided-edge", "few-rows", "hidden-cause",
    "changed-mechanism",
}  # fmt: skip


def doubts(result: CausalPosterior, diagnosis: Diagnosis | None, run: Run, shell: bool) -> Iterator[str]:
    """What speaks against a fit, the gravest first, with what to do.

    Parameters
    ----------
    result
        The fit.
    diagnosis
        What `diagnose` says of it; None where it was not asked.
    run
        How it was asked for.
    shell
        Whether advice is in the words of the command line.
    """
    if not result.best.settled:
        yield f"{NOTHING} yet, for the fit was not finished: {finish(run, shell)}"
    else:
        yield from _too_little(result)
    yield from _faults(result, shell)
    against = list(_against_rows(diagnosis, run, shell))
    yield from against
    if not any(NO_ARROWS in each or NOTHING in each for each in against):
        yield from _drifting(result)
    yield from _everywhere(result)
    yield from _apart(result)
    if result.best.settled and (left := sum(not chain.settled for chain in result.chains)):
        yield f"{left} of {len(result.chains)} chains {_were(left)} not finished: {finish(run, shell)}"
    yield from _hints(result)
    rest = [each.name for each in diagnosis.findings if each.name not in SPOKEN] if diagnosis else []
    for name, title in NAMES.items():
        if name in rest:
            yield f"there are {title[0].lower()}{title[1:]} ({rest.count(name)})"


def _too_little(result: CausalPosterior) -> Iterator[str]:
    """Whether there are too few rows for anything, or nothing is strong; not where the whole graph was told."""
    if not edges_sought(result):
        return
    seen = sight(result)
    strengths, learned = _learned(result)
    if _blind(seen, strengths):
        yield (
            f"{NOTHING}: of {seen.said} without intervention and {seen.acted:,.0f} in regimes an edge is seen only if "
            f"it carries {seen.nats:.3f} nats a row, as a correlation of {seen.correlation:.2f} does; record more "
            f"rows{', of more groups if they belong to some' if seen.weighted else ''}"
        )
        return
    if not len(strengths) or np.isnan(strengths).any() or (strengths >= STRONG).any():
        return
    targets = result.target_strengths.values[(result.target_probabilities.values > 0.5) & learned]
    what, of = (
        (NOTHING, "and no target is") if not (targets >= STRONG).any() else ("no edge here should be believed", "is")
    )
    yield (
        f"{what}: no edge {of} strong ({STRONG:g} nats a row, as a correlation of 0.3 tells), and causes that nobody "
        "measured make such ones too"
    )


def _blind(seen: Sight, strengths: np.ndarray) -> bool:
    """Whether rows are too few for anything: an edge has to carry much, and none that was learned does."""
    return seen.nats >= BLIND and not (strengths >= seen.nats).any()


def _faults(result: CausalPosterior, shell: bool) -> Iterator[str]:
    """What can turn the answer in the table itself, and was not set aside."""
    found = [each for each in result.data.check().dangerous if not each.numbers.get("set aside")]
    if found:
        names = named_some([_fault(each) for each in found])
        yield (
            f"the table has what can turn the answer ({names}): {'pyrocausal check' if shell else 'data.check()'} says "
            "what to do"
        )


def _fault(finding: TableFinding) -> str:
    """A fault of a table in a few words, such as "missing code: B"."""
    of = f": {named_some(finding.variables)}" if finding.variables else ""
    return finding.name.replace("-", " ") + of


def _learned(result: CausalPosterior) -> tuple[np.ndarray, np.ndarray]:
    """Strengths of the edges that are believed and were not told, and which targets [R, nodes] could be learned."""
    data, free = result.data, result.model.beliefs.free.cpu().numpy()[np.ix_(result.data.places, result.data.places)]
    strengths = result.edge_strengths.values[(result.edge_probabilities.values > 0.5) & free]
    told = [[isinstance(r.targets, tuple) or name in named(r.targets) for name in data.nodes] for r in data.regimes]
    measured = [present(regime.rows[:, data.places]).any(0).tolist() for regime in data.regimes]
    return strengths, ~np.array(told, dtype=bool) & np.array(measured, dtype=bool)


def _against_rows(diagnosis: Diagnosis | None, run: Run, shell: bool) -> Iterator[str]:
    """Variables that are not in a regime what the fit says, and pairs with a common cause that was not measured."""
    if diagnosis is None:
        return
    found = diagnosis.named("changed-mechanism")
    pairs = [" and ".join(each.subject) for each in diagnosis.named("hidden-cause")]
    looked = diagnosis.looked.get("changed-mechanism", len(found))
    of = (
        f"{len(found)} of {number_of(looked, 'check')} of single variables contradict{'s' * (len(found) == 1)} this fit"
    )
    many = len(found) >= max(SEVERAL, MANY * looked)
    common = f"{named_some(pairs)} seem to have a common cause that was not measured"
    if many and len(pairs) > 1:  # two sorts of tests, and neither of them just once
        yield f"{NOTHING}: {of}, and {common}"
        return
    if many:
        yield f"{of}: {_why(found, run, shell)}"
    elif found:
        where = named_some([f"{variable} in {regime!r}" for regime, variable in (each.subject for each in found)])
        yield f"{of} ({where}): do not read arrows there as effects"
    if pairs:
        yield f"{common}: do not read an edge between them as an effect"


def _why(found: Sequence[Finding], run: Run, shell: bool) -> str:
    """What many contradictions mean, and what to do."""
    if all(each.subject[0] in run.stated for each in found):
        return f"conditions differ in more than the targets that were told; {other_targets(shell)}, or {NO_ARROWS}"
    if several := several_targets(run, shell):
        return f"conditions seem to act on several variables; {several}, or {NO_ARROWS}"
    if run.several_found is False:
        gain = "" if math.isnan(run.several_gain) else f" by {abs(run.several_gain):,.1f} nats"
        return f"conditions differ in more than one target each, though evidence is against several{gain}; {NO_ARROWS}"
    return f"conditions differ in more than the targets that were found, though there may be several; {NO_ARROWS}"


def _drifting(result: CausalPosterior) -> Iterator[str]:
    """Whether regimes differ in more than their targets.

    Networks follow closed forms only where tables hardly drift: what looks like drift there is that closed forms
    misfit.
    """
    if result.best.predictive:
        return
    far = [FAR_DRIFT_STATES if result.data.kinds[place].discrete else FAR_DRIFT for place in result.data.places]
    drift = result.drift.values
    known = int((~np.isnan(drift)).sum())
    count = int((np.nan_to_num(drift) > np.array(far)).sum())
    if known and count >= max(SEVERAL, MANY * known):
        yield (
            f"{count} of {known} mechanisms drift far in regimes that are not said to act on them, so that conditions "
            f"differ in more than their targets: {NO_ARROWS}"
        )


def _everywhere(result: CausalPosterior) -> Iterator[str]:
    """Whether regimes are found to act on most variables at once."""
    _, learned = _learned(result)
    hit = (result.target_probabilities.values > 0.5)[learned]
    if result.several_targets and hit.size and hit.sum() >= max(MOST * hit.size, SEVERAL):
        yield (
            f"{int(hit.sum())} of {hit.size} variables of regimes count as targets, which leaves little to tell the "
            "direction of an arrow by"
        )


def _apart(result: CausalPosterior) -> Iterator[str]:
    """What chains disagree on."""
    if len(result.chains) < 2:
        return
    check = stability(result)
    torn = check.edges[check.edges["chains"] < len(result.chains)].index
    split = [repr(str(regime)) for regime, row in check.targets.iterrows() if row.nunique() > 1]
    what = [named_some([f"{cause} -> {effect}" for cause, effect in torn])] * bool(len(torn))
    what += [f"the targets of {named_some(split)}"] * bool(split)
    if what:
        yield f"chains disagree on {' and on '.join(what)}: trust what they share"


def _hints(result: CausalPosterior) -> Iterator[str]:
    """Few rows, and many weak edges."""
    seen = sight(result)
    strengths, _ = _learned(result)
    if seen.nats > FAINT and edges_sought(result) and not _blind(seen, strengths):
        yield (
            f"rows are few: an edge that carries less than {seen.nats:.3f} nats a row, as a correlation of "
            f"{seen.correlation:.2f} does, is not seen"
        )
    weak = int((strengths < STRONG).sum())
    if 0 < len(strengths) - weak < weak:
        yield f"{weak} edges are weak, and may come of causes that nobody measured: read them as hints"


# ---------------------------------------------------------------------- words
def named_some(names: Sequence[str]) -> str:
    """Names in a sentence, cut where there are many."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
