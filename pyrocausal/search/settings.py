"""Settings of settling, what follows the three phases: one frozen object that checks itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pyrocausal.data.kind import Kind
from pyrocausal.evidence.refitting import Descent, Refitting

__all__ = ["Settling"]

BRIEF = Descent(steps=400, rows=256, learning_rate=2e-2, last=1e-3, memory=(0.9, 0.99))


@dataclass(frozen=True)
class Settling:
    """Settings of what follows the three phases.

    Parameters
    ----------
    proposal
        Steps of the three phases before settling at the most; their beliefs need not be near 0 or 1 by then.
    warm_up
        Gradient steps before the first of them at the most.
    rounds
        Rounds of a series at the most, a climb each; 0 leaves settling out.
    refitting
        How copies of mechanisms are fitted to parent sets; None leaves them out and takes the closed form alone.
    draft
        How copies for continuous variables are fitted in a series of rounds before the thorough one, in a fraction of
        the time, to come near the graph and the targets; None goes without. Where they change nothing of what closed
        forms have found, the thorough ones are left out.
    closed_form
        Whether closed-form estimates of the mechanisms count too.
    drift
        Whether mechanisms may drift between regimes, as they do in measured tables, in closed form; its sizes are
        learned, and none costs nothing to speak of.
    price
        Price of an edge, in units of half the logarithm of the number of rows that score, or of their total weight.
    certainty
        Least probability of a regime's most probable target (or none) for its rows to fit mechanisms; where there may
        be several targets, of a variable's having been let alone for them to fit its own.
    final_steps
        Gradient steps that fit the model's mechanisms around the settled graph.

    Raises
    ------
    ValueError
        If a number is out of range or neither estimate is wanted.
    """

    proposal: int = 1
    warm_up: int = 100
    rounds: int = 6
    refitting: Refitting | None = field(default_factory=Refitting)
    draft: Descent | None = BRIEF
    closed_form: bool = True
    drift: bool = True
    price: float = 1.5
    certainty: float = 0.9
    final_steps: int = 600

    def __post_init__(self) -> None:
        for name, least in (
            ("proposal", 1),
            ("warm_up", 0),
            ("rounds", 0),
            ("price", 0),
            ("certainty", 0),
            ("final_steps", 0),
        ):
            if not (value := getattr(self, name)) >= least:
                raise ValueError(f"Settling.{name} must be at least {least}, got {value!r}")
        for name in ("proposal", "warm_up", "rounds", "final_steps"):
            if not isinstance(value := getattr(self, name), int):
                raise TypeError(f"Settling.{name} must be a whole number, got {value!r}")
        if self.certainty > 1:
            raise ValueError(f"Settling.certainty must be in [0, 1], got {self.certainty!r}")
        if not isinstance(self.refitting, Refitting | None):
            raise TypeError(f"Settling.refitting must be a Refitting or None, got {self.refitting!r}")
        if not isinstance(self.draft, Descent | None):
            raise TypeError(f"Settling.draft must be a Descent or None, got {self.draft!r}")
        for name in ("closed_form", "drift"):
            if not isinstance(value := getattr(self, name), bool):
                raise TypeError(f"Settling.{name} must be True or False, got {value!r}")
        if self.refitting is None and not self.closed_form:
            raise ValueError("Settling needs refitting, closed_form or both")

    def stages(self, kinds: Sequence[Kind]) -> list[Refitting | None]:
        """How copies are fitted in each series of rounds, for variables of these kinds."""
        if self.refitting and self.draft and any(kind.descent == "continuous" for kind in kinds):
            return [replace(self.refitting, continuous=self.draft), self.refitting]
        return [self.refitting]
