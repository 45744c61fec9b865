"""Settling: from what the three phases propose to the DAG with the most joint evidence.

A climb over DAGs (`pyrocausal.search.hill_climb`) on joint evidence (`pyrocausal.evidence.joint_evidence`) begins at
the proposed graph. Where it changes what is believed of the targets, it is repeated, because the targets decide which
rows of regimes tell of a variable's observational mechanism. Where interventions leave the observational range such a
belief may hold itself up, so it is tried against none before the first round (`pyrocausal.search.starting_point`), and
others are tried against it later (`pyrocausal.search.alternative_targets`). Continuous variables go through a first
series of rounds with brief fits. In the end the model's mechanisms are fitted once more, around the settled graph.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch

from pyrocausal.data.kinds import Continuous, Kind
from pyrocausal.data.weights import total
from pyrocausal.evidence.joint_evidence import IMPOSSIBLE, JointEvidence
from pyrocausal.evidence.refitting import Descent, Refitting
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.interruption import Interrupted
from pyrocausal.sdi.algorithm import SDI, toggled
from pyrocausal.sdi.row_split import cross_fit, leaves_observational_range
from pyrocausal.sdi.state import State, confidence, natural
from pyrocausal.search.alternative_targets import retarget
from pyrocausal.search.hill_climb import climb, strongest_dag
from pyrocausal.search.starting_point import scout

__all__ = ["Settled", "Settling", "edge_price", "prices", "settle"]


BRIEF = Descent(steps=400, rows=256, learning_rate=2e-2, last=1e-3, memory=(0.9, 0.99))


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


@dataclass(frozen=True)
class Settling:
    """Settings of what follows the three phases.

    Parameters
    ----------
    proposal
        Steps of the three phases before settling at the most; their beliefs need not be near 0 or 1 by then.
    rounds
        Rounds of a series at the most, a climb each; 0 leaves settling out.
    refitting
        How copies of mechanisms are fitted to parent sets; None leaves them out and takes the closed form alone.
    draft
        How copies for continuous variables are fitted in a series of rounds before the thorough one, in a fraction of
        the time, to come near the graph and the targets; None goes without.
    closed_form
        Whether closed-form estimates of the mechanisms count too.
    scout
        Whether, where interventions leave the observational range and closed forms count, climbs in closed form decide
        if the beliefs of the three phases about targets are the place to begin.
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

    proposal: int = 30
    rounds: int = 6
    refitting: Refitting | None = field(default_factory=Refitting)
    draft: Descent | None = BRIEF
    closed_form: bool = True
    scout: bool = True
    price: float = 1.5
    certainty: float = 0.9
    final_steps: int = 600

    def __post_init__(self) -> None:
        for name, least in (("proposal", 1), ("rounds", 0), ("price", 0), ("certainty", 0), ("final_steps", 0)):
            if not (value := getattr(self, name)) >= least:
                raise ValueError(f"Settling.{name} must be at least {least}, got {value!r}")
        for name in ("proposal", "rounds", "final_steps"):
            if not isinstance(value := getattr(self, name), int):
                raise TypeError(f"Settling.{name} must be a whole number, got {value!r}")
        if self.certainty > 1:
            raise ValueError(f"Settling.certainty must be in [0, 1], got {self.certainty!r}")
        if not isinstance(self.refitting, Refitting | None):
            raise TypeError(f"Settling.refitting must be a Refitting or None, got {self.refitting!r}")
        if not isinstance(self.draft, Descent | None):
            raise TypeError(f"Settling.draft must be a Descent or None, got {self.draft!r}")
        if self.refitting is None and not self.closed_form:
            raise ValueError("Settling needs refitting, closed_form or both")

    def stages(self, kinds: Sequence[Kind]) -> list[Refitting | None]:
        """How copies are fitted in each series of rounds, for variables of these kinds."""
        if self.refitting and self.draft and any(isinstance(kind, Continuous) for kind in kinds):
            return [replace(self.refitting, continuous=self.draft), self.refitting]
        return [self.refitting]


def settle(
    state: State,
    settling: Settling | None = None,
    *,
    seed: int = 0,
    on_settled: Callable[[Settled], object] | None = None,
) -> Settled:
    """Settle a fit. Torch's global random state is left as it was.

    Parameters
    ----------
    state
        The end of the three phases; its mechanisms are fitted further in place.
    settling
        Settings; default `Settling()`.
    seed
        Of the random numbers of the last fit. Copies are fitted to rows drawn in the same order whatever it is, so that
        they can be compared.
    on_settled
        Called after every round.

    Returns
    -------
    Settled
        Of the last round that was done.

    Raises
    ------
    Interrupted
        If it is asked to stop (see `pyrocausal.runtime.interruption`) before the first round is done. Asked later, it
        leaves out the rounds to come and the last fit, or the rest of it.
    ValueError
        If the fit held out no observational rows, no round is asked for, or the settings leave no way to estimate a
        mechanism of the settled graph.
    """
    settling = settling or Settling()
    if not len(state.split.held_out):
        raise ValueError("settling needs held-out observational rows; fit with GraphFitting.held_out above 0")
    if not settling.rounds:
        raise ValueError("Settling.rounds is 0: there is nothing to do")
    if state.model.mechanisms.copies([(0, ())]) is None:
        if not settling.closed_form:
            raise ValueError(
                "Settling.closed_form is off, but these mechanisms cannot be copied to be refitted; leave it on"
            )
        settling = replace(settling, refitting=None)
    last: deque[Settled] = deque(maxlen=1)

    def tell(settled: Settled) -> None:
        last.append(settled)
        if on_settled is not None:
            on_settled(settled)

    try:
        _settle(state, settling, seed, tell)
    except Interrupted:
        if not last:
            raise
    return last[0]


def _settle(state: State, settling: Settling, seed: int, tell: Callable[[Settled], None]) -> None:
    beliefs, regimes = state.model.beliefs, state.data.regimes
    extrapolates = leaves_observational_range(state.data)
    most = state.constraints[2]
    dag, targets = strongest_dag(beliefs.edge_probability.detach(), most), state.target_probability
    unchanged = natural(targets, settling.certainty, state.prior.several)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        evidence = JointEvidence(
            kinds=state.data.kinds,
            mechanisms=deepcopy(state.model.mechanisms),  # the last fit changes the model's own
            folds=cross_fit(state.data, state.split, unchanged),
            new_mechanisms=NewMechanisms(state.data.kinds, [r.rows for r in regimes], [r.weights for r in regimes]),
            known=state.known,
            hit=state.hit,
            natural=unchanged,
            price=prices(state, settling.price),
            refitting=settling.refitting,
            closed_form=settling.closed_form,
            prior=state.prior,
        )
        number, refused, stages = 0, set[Hashable](), settling.stages(state.data.kinds)

        def after(evidence: JointEvidence, unchanged: torch.Tensor) -> JointEvidence:
            return evidence.after(cross_fit(state.data, state.split, unchanged), unchanged)

        def under(unchanged: torch.Tensor) -> JointEvidence:
            return after(evidence, unchanged)

        if settling.scout and settling.closed_form and extrapolates:
            found = scout(evidence, dag, beliefs.free, unchanged, after, settling.certainty, settling.rounds, most)
            if found is not None:
                dag, unchanged = found
                evidence = under(unchanged)

        for refitting in stages:
            evidence = evidence.refitted(refitting)
            evidence.choose_decay(dag)
            begun: list[tuple[torch.Tensor, torch.Tensor]] = []  # where rounds of this series began
            wavering = torch.zeros_like(unchanged)  # in this series; a more thorough one may come to rest
            for _ in range(settling.rounds):
                begun.append((dag, unchanged))
                dag, probability, moves = climb(evidence, dag, beliefs.free, most)
                if evidence.of(dag) < IMPOSSIBLE / 2:
                    raise ValueError(
                        "a variable has too many parents for a table, and nothing else may estimate its mechanism; "
                        "set Settling.refitting, or require fewer edges"
                    )
                targets = evidence.targets(dag).to(targets)
                before, better = unchanged, None
                unchanged = natural(targets, settling.certainty, state.prior.several) & ~wavering
                if (circle := _circle(begun, dag, unchanged)) is not None:
                    # Rows that fit mechanisms only every few rounds would do so for ever: they fit none from here on.
                    wavering |= circle
                    unchanged = unchanged & ~wavering
                if (standing := torch.equal(before, unchanged)) and extrapolates and refitting is stages[0]:
                    better = retarget(evidence, dag, beliefs.free.cpu(), unchanged, under, refused, most)
                    standing = better is None
                kept = unchanged
                if better is not None:
                    unchanged = better.natural & ~wavering
                    begun.clear()  # what was refused is not tried again, so that this makes no circle
                number += 1
                settled = Settled(
                    round=number,
                    dag=dag,
                    evidence=evidence.of(dag),
                    edge_probability=probability,
                    target_probability=targets,
                    confidence=confidence(probability, beliefs.free.cpu()),
                    moves=moves,
                    switched=int((before != unchanged).any(1).sum()),
                    stable=standing and refitting is stages[-1],
                    joint=evidence,
                )
                tell(settled)
                if standing:
                    break
                dag = dag if better is None else better.dag
                evidence = under(unchanged)
        _fit_around(state, settled.dag, kept, settling.final_steps)


def _circle(
    begun: list[tuple[torch.Tensor, torch.Tensor]], dag: torch.Tensor, unchanged: torch.Tensor
) -> torch.Tensor | None:
    """Where rounds differ in what fits mechanisms, if the next one would begin as one before the last has begun."""
    for number, (graph, mask) in enumerate(begun[:-1]):
        if torch.equal(graph, dag) and torch.equal(mask, unchanged):
            masks = torch.stack([mask for _, mask in begun[number:]])
            return masks.any(0) & ~masks.all(0)
    return None


def edge_price(units: float, rows: float) -> float:
    """What an edge costs in nats, in units of half the logarithm of the rows that score, or of their total weight."""
    return units * 0.5 * math.log(rows)


def prices(state: State, units: float) -> torch.Tensor:
    """Price of every edge in nats, less the log odds that it has beforehand.

    Parameters
    ----------
    state
        The end of the three phases.
    units
        In units of half the logarithm of the number of rows that score, or of their total weight.

    Returns
    -------
    torch.Tensor
        Double, shape [d, d] (effect, cause).
    """
    rows = sum(total(*part) for part in state.data.parts[1:])
    rows += total(state.split.held_out, state.split.held_out_weights)
    return edge_price(units, rows) - state.constraints[1].double()


def _fit_around(state: State, dag: torch.Tensor, unchanged: torch.Tensor, steps: int) -> None:
    """Fit the mechanisms to the graph, with one parent of a variable toggled at random, on rows that they made."""
    free = state.model.beliefs.free
    optimiser = torch.optim.Adam(state.model.mechanisms.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, max(1, steps))
    probability = toggled(dag.to(free.device, torch.get_default_dtype()), free, 1.0)
    SDI().fit_mechanisms(replace(state, mechanism_optimiser=optimiser), steps, probability, schedule, unchanged)
