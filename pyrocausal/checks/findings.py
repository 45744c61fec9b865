"""What `diagnose` gives back: findings by name, and all of them in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyrocausal.data.columns import listing, number_of

__all__ = ["NAMES", "SILENT", "Diagnosis", "Finding"]

SILENT = "Nothing was found that speaks against this fit, which does not show that its graph is right."
SHOWN = 5  # findings of a name that are printed

# Title and advice of every finding, in the order in which they are told.
NAMES: dict[str, tuple[str, str]] = {
    "not-converged": (
        "The fit was not finished",
        "Raise max_steps of the three phases, or Settling.rounds if settling was cut short, and fit again. The other "
        "checks mean little before.",
    ),
    "restarts-disagree": (
        "Restarts disagree",
        "Trust the edge or target that has more evidence only if it has some nats more; fit more chains, record more "
        "rows, or say what is known of it beforehand.",
    ),
    "unclear-target": (
        "Regimes whose target is unclear",
        "Record more rows of the regime, name its target if you know it, say what is likely with TargetPrior, or allow "
        "several targets with TargetPrior(several=True).",
    ),
    "undecided-edge": (
        "Pairs of variables that the data do not decide",
        "Take neither answer for granted. An experiment on one of the two decides most; more rows, or an edge known "
        "beforehand, help too.",
    ),
    "few-rows": (
        "There are few rows",
        "Read a missing edge as not seen, not as not there. More rows of the regimes that are there help most.",
    ),
    "cycles": (
        "Beliefs that go round in circles",
        "Let settling follow, which looks at graphs without cycles only (leave settling at its default), or run the "
        "three phases longer.",
    ),
    "hidden-cause": (
        "Signs of a common cause that was not measured",
        "Do not read an edge between the two as an effect. Measure what may act on both and fit again, or state that "
        "there is no edge with forbidden=.",
    ),
    "unexplained-dependence": (
        "Variables that hang together for no reason in the settled graph",
        "An edge may be missing, or something that was not measured acts on both; an experiment on each of the two "
        "tells which.",
    ),
    "changed-mechanism": (
        "Variables that a regime changed although it is not said to act on them",
        "The regime may have several targets (TargetPrior(several=True)), an edge into the variable may be missing or "
        "point the wrong way, or something that was not measured acts on it.",
    ),
    "hit-together": (
        "Variables that are never acted on one without the other",
        "If each regime was meant for one of them, the two may act on each other (feedback), which no acyclic graph "
        "holds; or what was done acts on both. Do not read the edge between the two as all there is.",
    ),
    "noisy-mediator": (
        "Edges that may be shortcuts past something measured with noise",
        "Do not read the edge as an effect of its own. Measure what stands between better (deeper, or more than once), "
        "or forbid the edge with forbidden= and see what is lost.",
    ),
    "rough-mechanism": (
        "Mechanisms that do not fit their own rows",
        "Fit longer (Settling.final_steps); for numbers with heavy tails or several modes use "
        "Continuous(components=3), for numbers of things Count.",
    ),
    "nothing-done": ("Regimes in which nothing seems to have been done", ""),
    "not-checked": ("Not checked", ""),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    name
        What it is, a key of `NAMES`.
    subject
        Of what: variables (cause before effect where there is an edge, else in alphabetical order), a regime, a regime
        and a variable, a chain, or nothing.
    message
        In plain words.
    numbers
        What it rests on: probabilities, p-values, nats, rows, by their names.
    """

    name: str
    subject: tuple[str, ...]
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` has found; print it.

    Attributes
    ----------
    findings
        What speaks against the fit, or against reading too much into it.
    remarks
        What is worth knowing and no fault: regimes in which nothing seems to have been done, and what could not be
        checked.
    """

    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()

    def named(self, name: str) -> tuple[Finding, ...]:
        """Findings and remarks of a name.

        Raises
        ------
        ValueError
            If nothing is ever called so.
        """
        if name not in NAMES:
            raise ValueError(f"name must be one of {listing(list(NAMES))}, got {name!r}")
        return tuple(each for each in (*self.findings, *self.remarks) if each.name == name)

    def __str__(self) -> str:
        many = len(self.findings)
        parts = [number_of(many, "finding") if many else SILENT]
        for name, (title, advice) in NAMES.items():
            if found := self.named(name):
                lines = [f"{title}:", *(f"- {each.message}" for each in found[:SHOWN])]
                lines += [f"- and {len(found) - SHOWN} more"] * (len(found) > SHOWN)
                parts.append("\n".join([*lines, *([f"What to do: {advice}"] if advice else [])]))
        return "\n\n".join(parts)
