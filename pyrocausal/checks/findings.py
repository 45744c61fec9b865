"""What `diagnose` gives back: findings by name, and all of them in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyrocausal.checks.advice import advice
from pyrocausal.checks.run_settings import Run
from pyrocausal.data.columns import listing, number_of

__all__ = ["NAMES", "SILENT", "Diagnosis", "Finding"]

SILENT = "Nothing was found that speaks against this fit, which does not show that its graph is right."
SHOWN = 5  # findings of a name that are printed

# Title of every finding, in the order in which they are told; `pyrocausal.checks.advice` says what to do about it.
NAMES: dict[str, str] = {
    "not-converged": "The fit was not finished",
    "restarts-disagree": "Restarts disagree",
    "unclear-target": "Regimes whose target is unclear",
    "undecided-edge": "Pairs of variables that the data do not decide",
    "few-rows": "There are few rows",
    "cycles": "Beliefs that go round in circles",
    "hidden-cause": "Signs of a common cause that was not measured",
    "unexplained-dependence": "Variables that hang together for no reason in the settled graph",
    "changed-mechanism": "Variables that a regime changed although it is not said to act on them",
    "hit-together": "Variables that are never acted on one without the other",
    "noisy-mediator": "Edges that may be shortcuts past something measured with noise",
    "rough-mechanism": "Mechanisms that do not fit their own rows",
    "nothing-done": "Regimes in which nothing seems to have been done",
    "not-checked": "Not checked",
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

    Examples
    --------
    Going on from the example of `discover`:

    >>> finding = pc.diagnose(result).remarks[0]
    >>> finding.name, finding.message
    ('not-checked', 'whether restarts agree, for there is a single chain')
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
    run
        How the fit was asked for, which decides what advice says.
    looked
        How often was looked, by the name of the finding: "changed-mechanism" at a variable in a regime,
        "unexplained-dependence" at a pair of variables. Looks for which rows were too few do not count.

    Examples
    --------
    Going on from the example of `discover`:

    >>> diagnosis = pc.diagnose(result)
    >>> diagnosis.findings
    ()
    >>> diagnosis.named("hidden-cause")
    ()
    """

    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    run: Run = field(default_factory=Run)
    looked: Mapping[str, int] = field(default_factory=dict, hash=False)

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

    def what_to_do(self, name: str, *, shell: bool = False) -> str:
        """Advice on findings of a name; empty where there are none, or nothing is to be done.

        Parameters
        ----------
        name
            As for `named`.
        shell
            Whether in the words of the command line, not of Python.

        Raises
        ------
        ValueError
            As `named`.
        """
        found = self.named(name)
        return advice(name, self.run, [each.subject for each in found], shell=shell) if found else ""

    def text(self, *, shell: bool = False) -> str:
        """Everything in plain words, what to do in Python or for the shell."""
        many = len(self.findings)
        parts = [number_of(many, "finding") if many else SILENT]
        for name, title in NAMES.items():
            if found := self.named(name):
                lines = [f"{title}:", *(f"- {each.message}" for each in found[:SHOWN])]
                lines += [f"- and {len(found) - SHOWN} more"] * (len(found) > SHOWN)
                todo = self.what_to_do(name, shell=shell)
                parts.append("\n".join([*lines, *([f"What to do: {todo}"] if todo else [])]))
        return "\n\n".join(parts)

    def __str__(self) -> str:
        return self.text()
