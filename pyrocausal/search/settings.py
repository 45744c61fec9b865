"""Settings of settling, what follows the three phases: one frozen object that checks itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pyrocausal.copies.refitting import Descent, Refitting
from pyrocausal.data.kind import Kind
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.runtime.checked_settings import check_settings, number, of_type, truth, whole

__all__ = ["BRIEF", "Settling"]

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
        How copies for continuous variables that are not fitted exactly (mixtures, mechanisms of your own) are fitted in
        a series of rounds before the thorough one, in a fraction of the time, to come near the graph and the targets;
        None goes without. Where they change nothing of what closed forms have found, the thorough ones are left out.
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
    TypeError
        If a setting is of another type.
    ValueError
        If a number is out of range or neither estimate is wanted.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> quick = pc.Settling(refitting=None)  # closed forms alone
    >>> cautious = pc.Settling(price=3.0)  # an edge has to be worth twice as much
    >>> none = pc.Settling(rounds=0)  # the three phases alone
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
        check_settings(
            self, proposal=whole(1), warm_up=whole(), rounds=whole(), refitting=of_type(Refitting, optional=True),
            draft=of_type(Descent, optional=True), closed_form=truth(), drift=truth(), price=number(0),
            certainty=number(0, most=1), final_steps=whole(),
        )  # fmt: skip
        if self.refitting is None and not self.closed_form:
            raise ValueError("Settling needs refitting, closed_form or both")

    def stages(self, kinds: Sequence[Kind], mechanisms: Mechanisms) -> list[Refitting | None]:
        """How copies are fitted in each series of rounds, for variables of these kinds and their mechanisms."""
        gradual = [kind.descent == "continuous" and not mechanisms.exact(i) for i, kind in enumerate(kinds)]
        if self.refitting and self.draft and any(gradual):
            return [replace(self.refitting, continuous=self.draft), self.refitting]
        return [self.refitting]
