"""Rounds of settling: climb, ask who was hit, and let the rows of regimes count accordingly, until nothing changes.

A round climbs on joint evidence and then asks it for the targets. These decide which rows of regimes fit the mechanism
of a variable in the next round; where they stay as they were, the series of rounds ends.

- Rounds may go in a *circle*: graph and rows are again those of an earlier round. Rows that fit mechanisms only every
  few rounds would do so for ever; they fit none for the rest of the series.
- Where interventions leave the observational range, beliefs in targets hold themselves up. There the first series tries
  *other targets* before it ends (`pyrocausal.search.alternative_targets`).
- A *series* fits copies of mechanisms in one way; the next one, more thorough, goes on where it ended.

Vocabulary: d variables, R regimes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from typing import NamedTuple

import torch

from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.refitting import Refitting
from pyrocausal.evidence.terms import IMPOSSIBLE
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.row_split import cross_fit, leaves_observational_range
from pyrocausal.sdi.state import State, confidence, natural
from pyrocausal.search.alternative_targets import try_other_targets
from pyrocausal.search.hill_climb import climb, strongest_dag
from pyrocausal.search.settings import Settling
from pyrocausal.search.starting_point import better_start

__all__ = ["Rounds", "Settled", "differing"]


class Settled(NamedTuple):
    """Where settling stands, and what a person may look at.

    Attributes
    ----------
    round
        Rounds done, counted through all series.
    dag
        The graph, boolean, shape [d, d] (effect, cause).
    evidence
        Its log E(G), nats.
    edge_probability
        Of the three states of every pair of variables (no edge, either direction), each in proportion to its evidence
        while the rest of the graph stands still; shape [d, d].
    target_probability
        Posterior over targets given the graph, shape [R, d + 1]; the last column is none.
    confidence
        Mean over learned edges of max(p, 1 - p).
    moves
        Edges added, deleted or reversed, and parents exchanged, in this round.
    switched
        Regimes whose rows fit mechanisms of other variables in the round to come, for other targets are believed.
    stable
        Whether another round would change nothing.
    joint
        The joint evidence that was climbed, to ask it for other graphs.
    """

    round: int
    dag: torch.Tensor
    evidence: float
    edge_probability: torch.Tensor
    target_probability: torch.Tensor
    confidence: float
    moves: int
    switched: int
    stable: bool
    joint: JointEvidence


class Rounds:
    """All series of rounds, one after the other.

    Parameters
    ----------
    state
        The end of the three phases.
    settling
        Settings.
    tell
        Called after every round.

    Attributes
    ----------
    dag
        Where the next round begins, boolean, shape [d, d] (effect, cause).
    natural
        Where a variable is believed to have kept its observational mechanism: rows that fit it, shape [R, d].
    judged
        What the last round has found `natural` to be, before other targets were tried; shape [R, d].
    evidence
        Joint evidence where rows count so.
    """

    def __init__(self, state: State, settling: Settling, tell: Callable[[Settled], None]) -> None:
        self.state, self.settling, self.tell = state, settling, tell
        self.free, self.max_parents = state.model.beliefs.free, state.constraints.max_parents
        self.extrapolates = leaves_observational_range(state.data)
        self.dag = strongest_dag(state.model.beliefs.edge_probability.detach(), self.max_parents)
        self.natural = self.judged = self._natural(state.target_probability)
        self.evidence = self._evidence()
        self._done = 0
        self._refused = set[Hashable]()  # other targets that did not gain, not to be tried again

    def run(self) -> None:
        """Settle: look for a better place to begin, then one series after the other."""
        self._choose_start()
        stages = self.settling.stages(self.state.data.kinds)
        for refitting in stages:
            self.series(refitting, first=refitting is stages[0], last=refitting is stages[-1])

    def series(self, refitting: Refitting | None, *, first: bool, last: bool) -> None:
        """Rounds with copies of mechanisms fitted in one way, until one changes nothing.

        Parameters
        ----------
        refitting
            How copies are fitted; None: not at all.
        first, last
            Whether it is the first series, which tries other targets, and the last, whose end is the end.
        """
        self.evidence = self.evidence.refitted(refitting)
        self.evidence.choose_decay(self.dag)
        wavering = _Wavering(self.natural)
        for _ in range(self.settling.rounds):
            wavering.begin(self.dag, self.natural)
            if self._round(wavering, other_targets=first and self.extrapolates, last=last):
                break

    def _round(self, wavering: _Wavering, *, other_targets: bool, last: bool) -> bool:
        """Climb, ask for the targets, perhaps try others; whether that leaves everything as it was."""
        dag, probability, moves = climb(self.evidence, self.dag, self.free, self.max_parents)
        if self.evidence.of(dag) < IMPOSSIBLE / 2:
            raise ValueError(
                "a variable has too many parents for a table, and nothing else may estimate its mechanism; "
                "set Settling.refitting, or require fewer edges"
            )
        targets = self.evidence.targets(dag).to(self.state.target_probability)
        self.judged = following = wavering.steady(dag, self._natural(targets))
        better = None
        if (standing := torch.equal(self.natural, following)) and other_targets:
            free = self.free.cpu()
            better = try_other_targets(
                self.evidence, dag, free, following, self._under, self._refused, self.max_parents
            )
        if better is not None:
            standing, following = False, wavering.without(better.natural)
            wavering.forget()  # what was refused is not tried again, so that this makes no circle
        self._done += 1
        settled = Settled(
            round=self._done,
            dag=dag,
            evidence=self.evidence.of(dag),
            edge_probability=probability,
            target_probability=targets,
            confidence=confidence(probability, self.free.cpu()),
            moves=moves,
            switched=int((self.natural != following).any(1).sum()),
            stable=standing and last,
            joint=self.evidence,
        )
        self.dag = dag if better is None else better.dag
        self.tell(settled)
        if not standing:
            self.natural, self.evidence = following, self._under(following)
        return standing

    def _choose_start(self) -> None:
        """Begin where closed forms find more evidence, if that is not at what the three phases believe."""
        settling = self.settling
        if not (settling.scout and settling.closed_form and self.extrapolates):
            return
        how = settling.certainty, settling.rounds, self.max_parents
        found = better_start(self.evidence, self.dag, self.free, self.natural, self._after, *how)
        if found is not None:
            self.dag, self.natural = found
            self.evidence = self._under(self.natural)

    def _evidence(self) -> JointEvidence:
        """Joint evidence under the present beliefs."""
        state, settling = self.state, self.settling
        parts = state.data.parts[1:]
        return JointEvidence(
            RowsOfEvidence(state.data.kinds, cross_fit(state.data, state.split, self.natural), self.natural),
            TargetKnowledge(state.known, state.hit, state.prior),
            Estimators(
                deepcopy(state.model.mechanisms),  # the last fit changes the model's own
                NewMechanisms(state.data.kinds, *zip(*parts, strict=True)),
                settling.refitting,
                settling.closed_form,
            ),
            price=edge_prices(state, settling.price),
        )

    def _natural(self, targets: torch.Tensor) -> torch.Tensor:
        return natural(targets, self.settling.certainty, self.state.prior.several)

    def _after(self, evidence: JointEvidence, natural: torch.Tensor) -> JointEvidence:
        return evidence.after(cross_fit(self.state.data, self.state.split, natural), natural)

    def _under(self, natural: torch.Tensor) -> JointEvidence:
        return self._after(self.evidence, natural)


class _Wavering:
    """Rows that fit mechanisms only every few rounds of a series; a more thorough series may come to rest."""

    def __init__(self, natural: torch.Tensor) -> None:
        self._wavering = torch.zeros_like(natural)
        self._begun: list[tuple[torch.Tensor, torch.Tensor]] = []  # where rounds began

    def begin(self, dag: torch.Tensor, natural: torch.Tensor) -> None:
        """Remember where a round begins."""
        self._begun.append((dag, natural))

    def forget(self) -> None:
        """Forget where rounds have begun, not what has wavered."""
        self._begun.clear()

    def without(self, natural: torch.Tensor) -> torch.Tensor:
        """Rows that fit, less those that have wavered: [R, d] -> [R, d]."""
        return natural & ~self._wavering

    def steady(self, dag: torch.Tensor, natural: torch.Tensor) -> torch.Tensor:
        """The same, less those too that would close a circle if the next round began so."""
        natural = self.without(natural)
        if (found := differing(self._begun, dag, natural)) is not None:
            self._wavering = self._wavering | found
        return self.without(natural)


def differing(
    begun: Sequence[tuple[torch.Tensor, torch.Tensor]], dag: torch.Tensor, natural: torch.Tensor
) -> torch.Tensor | None:
    """Where rounds differ in what fits mechanisms, if the next one would begin as one before the last has begun.

    Parameters
    ----------
    begun
        Graphs [d, d] and rows that fit [R, d] of rounds that were begun.
    dag, natural
        Those of the next one.

    Returns
    -------
    torch.Tensor or None
        Boolean, shape [R, d]; None where there is no circle.
    """
    for number, (graph, mask) in enumerate(begun[:-1]):
        if torch.equal(graph, dag) and torch.equal(mask, natural):
            masks = torch.stack([mask for _, mask in begun[number:]])
            return masks.any(0) & ~masks.all(0)
    return None
