"""What to do about what was found: advice that knows how the fit was asked for, in Python or for the shell.

Advice never asks for what a run was told or has decided already: not for several targets where they were allowed or
where evidence speaks against them, nor for settings that the variables at hand or the published algorithm do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from pyrocausal.checks.run_settings import Run
from pyrocausal.data.continuous import Continuous

__all__ = ["advice", "finish", "other_targets", "several_targets"]

MANY_CHAINS = 4  # as many as `discover` fits: where so many disagree, more of them do not decide
NAMED = 4  # variables in a sentence, at the most


def several_targets(run: Run, shell: bool) -> str:
    """How a run would allow several targets; empty where it does, or where evidence speaks against them."""
    if run.several or run.several_found is not None:
        return ""
    if run.published:
        return f"leave {_say(shell, 'algorithm=SDI.paper()', '--paper')} out, after which evidence is asked for several"
    if run.several is None:
        return f"allow several targets ({_say(shell, 'TargetPrior(several=True)', '--several-targets')})"
    return f"allow several targets (leave {_say(shell, 'TargetPrior(several=False)', '--one-target')} out)"


def other_targets(shell: bool) -> str:
    """How to leave room for others beside targets that were told."""
    return f"leave room for others ({_say(shell, 'AtLeast in targets=', '--at-least in place of --target')})"


def finish(run: Run, shell: bool) -> str:
    """How a run would get to its end."""
    was = "" if run.limit is None else f" above {run.limit}"
    if run.stopped:
        return "fit again, and let it end"
    if run.budget:
        return f"fit again with more time ({_say(shell, 'budget=', '--budget')})"
    if not run.settles:
        return f"raise {_say(shell, 'max_steps', '--max-steps')}{was}, and fit again"
    if shell:
        return f"fit again with another --seed, or in Python with Settling.rounds{was}"
    return f"raise Settling.rounds{was}, and fit again"


def advice(name: str, run: Run, subjects: Sequence[tuple[str, ...]] = (), *, shell: bool = False) -> str:
    """What to do about findings of one name; empty where there is nothing to do.

    Parameters
    ----------
    name
        Of the findings, a key of `pyrocausal.checks.findings.NAMES`.
    run
        How the fit was asked for.
    subjects
        Of these findings.
    shell
        Whether in the words of the command line.
    """
    return ADVICE[name](run, subjects, shell)


def _say(shell: bool, python: str, option: str) -> str:
    return option if shell else python


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


# ---------------------------------------------------------------------- by name
def _not_converged(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    return f"{_sentence(finish(run, shell))} The other checks mean little before."


def _restarts_disagree(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    more = f"fit more chains ({_say(shell, 'chains=', '--chains')}), " if run.chains < MANY_CHAINS else ""
    known = _say(shell, "required=, forbidden=, targets= of the data", "--required, --forbidden, --target")
    return (
        "Trust the edge or target that has more evidence only if it has some nats more; "
        f"{more}record more rows, or say what is known beforehand ({known})."
    )


def _unclear_target(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    target = _say(shell, "targets= of the data", "--target REGIME=VARIABLE")
    ways = ["record more rows of the regime", f"name its target if you know it ({target})"]
    if not run.published:
        likely = _say(shell, "TargetPrior(probability=...)", "--probable-target REGIME VARIABLE P")
        ways.append(f"say what is likely ({likely})")
    if several := several_targets(run, shell):
        ways.append(several)
    return _sentence(f"{', '.join(ways[:-1])}, or {ways[-1]}")


def _undecided_edge(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    known = _say(shell, "required=, forbidden=", "--required, --forbidden")
    return (
        "Take neither answer for granted. An experiment on one of the two decides most; more rows, or an edge known "
        f"beforehand ({known}), help too."
    )


def _few_rows(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    return (
        "Read a missing edge as not seen, not as not there. More rows of the regimes that are there help most, and "
        "where rows come in groups more groups."
    )


def _cycles(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    if run.settles:
        return f"{_sentence(finish(run, shell))} What settling ends with has no cycles."
    left_out = ("algorithm=SDI.paper()", "--paper") if run.published else ("Settling(rounds=0)", "--no-settling")
    return (
        f"Leave {_say(shell, *left_out)} out, so that settling follows, which looks at graphs without cycles only, or "
        f"raise {_say(shell, 'max_steps', '--max-steps')}."
    )


def _hidden_cause(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    state = "" if _all_apart(run, subjects) else ", or state that there is no edge"
    state += f" ({_say(shell, 'forbidden=', '--forbidden')}, in both directions)" if state else ""
    return f"Do not read an edge between the two as an effect. Measure what may act on both and fit again{state}."


def _unexplained_dependence(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    if _all_apart(run, subjects):
        return (
            "Something that was not measured may act on both, or there is an edge after all where this run was told "
            "of none; an experiment on each of the two tells which."
        )
    return (
        "An edge may be missing, or something that was not measured acts on both; an experiment on each of the two "
        "tells which."
    )


def _changed_mechanism(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    reasons, regimes = [], {regime for regime, _ in subjects}
    if regimes - run.stated and (several := several_targets(run, shell)):
        reasons.append(f"the regime may have several targets: {several}")
    if regimes & run.stated:
        reasons.append(f"the targets that were told may not be all: {other_targets(shell)}")
    reasons += [
        "an edge into the variable may be missing or point the wrong way",
        "something that was not measured may act on it, or the regime differs in everything a little",
    ]
    return _sentence("; ".join(reasons))


def _hit_together(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    return (
        "If each regime was meant for one of them, the two may act on each other (feedback), which no acyclic graph "
        "holds; or what was done acts on both. Do not read the edge between the two as all there is."
    )


def _noisy_mediator(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    forbid = _say(shell, "forbidden=", "--forbidden")
    return (
        "Do not read the edge as an effect of its own. Measure what stands between better (deeper, or more than once), "
        f"or forbid the edge ({forbid}) and see what is lost."
    )


def _rough_mechanism(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    longer = "Settling.final_steps" if run.settles else _say(shell, "max_steps", "--max-steps")
    ways = [f"fit longer ({'in Python, ' if shell and run.settles else ''}{longer})"]
    plain = [
        variable
        for variable, *_ in subjects
        if isinstance(kind := run.kinds.get(variable), Continuous) and kind.components == 1
    ]
    if plain:
        listed = ", ".join(plain[:NAMED]) + (f" and {len(plain) - NAMED} more" if len(plain) > NAMED else "")
        mixture = _say(shell, "Continuous(components=3)", "--continuous NAME --components 3")
        count = _say(shell, "Count", "--count NAME")
        ways.append(
            f"make a mixture of {listed} if tails are heavy or there are several modes ({mixture}), or a count if it "
            f"is the number of something ({count})"
        )
    return _sentence("; ".join(ways))


def _not_checked(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    if run.chains > 1 or run.stopped:
        return ""
    return f"{_say(shell, f'chains={MANY_CHAINS}', f'--chains {MANY_CHAINS}')} shows whether restarts agree."


def _nothing(run: Run, subjects: Sequence[tuple[str, ...]], shell: bool) -> str:
    return ""


def _all_apart(run: Run, pairs: Collection[tuple[str, ...]]) -> bool:
    return bool(pairs) and all(frozenset(pair) in run.apart for pair in pairs)


ADVICE: dict[str, Callable[[Run, Sequence[tuple[str, ...]], bool], str]] = {
    "not-converged": _not_converged,
    "restarts-disagree": _restarts_disagree,
    "unclear-target": _unclear_target,
    "undecided-edge": _undecided_edge,
    "few-rows": _few_rows,
    "cycles": _cycles,
    "hidden-cause": _hidden_cause,
    "unexplained-dependence": _unexplained_dependence,
    "changed-mechanism": _changed_mechanism,
    "hit-together": _hit_together,
    "noisy-mediator": _noisy_mediator,
    "rough-mechanism": _rough_mechanism,
    "nothing-done": _nothing,
    "not-checked": _not_checked,
}
