"""A climb over DAGs of many variables, on evidence that is a sum over variables.

Moves are those of `pyrocausal.search.hill_climb`: edges that are added, deleted or reversed, and where none gains a
parent that goes and others that come for it, one or several, as where it stands for all of them. A screen of all
variables names the few that are tried as further parents of each; gains add up, so all moves that gain are made at
once, the best first, as long as they concern different variables and close no cycle.

Vocabulary: d variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Generic, NamedTuple, Self, TypeVar

import torch

from pyrocausal.evidence.cause_screen import CauseScreen
from pyrocausal.evidence.family_worths import FamilyWorths
from pyrocausal.evidence.terms import parents_of
from pyrocausal.model.mechanisms import Family
from pyrocausal.search.ancestors import below, is_own_ancestor
from pyrocausal.search.parent_choice import STEPS, Choice, choose
from pyrocausal.search.tucks import tucks

__all__ = ["SparseClimb", "with_parent", "without_parent"]

TRIED = 6  # further parents of a variable that are weighed, those that the screen likes best
EXCHANGED = 3  # likewise that are below it
LEAST_GAIN = 1e-6  # nats


class _Move(NamedTuple):
    gain: float
    after: tuple[Family, ...]  # variables with other parents than before


L = TypeVar("L", bound=FamilyWorths)


class SparseClimb(Generic[L]):
    """Parents of all variables, which `run` makes better.

    Parameters
    ----------
    local
        What is climbed.
    screen
        Says which further parents are worth a try.
    dag
        Where to begin, boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    max_parents
        Parents that a variable may get; None: any number.
    offer
        Called with the evidence of graphs on the way.
    coming
        Parents that may come for one that goes; one where a family takes a fit.
    steps
        Parents that come or go at the most where variables choose anew.
    """

    def __init__(
        self,
        local: L,
        screen: CauseScreen,
        dag: torch.Tensor,
        free: torch.Tensor,
        max_parents: int | None = None,
        offer: Callable[[float], object] = lambda value: None,
        coming: int = STEPS,
        steps: int = STEPS,
    ) -> None:
        self.local, self.screen, self.free, self.offer = local, screen, free.clone(), offer
        self.coming, self.steps = min(coming, steps), steps
        self.parents = [parents_of(row) for row in dag]
        self.most = len(dag) if max_parents is None else max_parents
        self._open = (free | free.t()).any(1).nonzero()[:, 0].tolist()
        self._near: set[int] | None = None  # variables whose moves are looked at; None: all of them
        self._gains: dict[int, tuple[tuple[int, ...], torch.Tensor]] = {}  # of further parents, given those it has
        self._exchanged: set[Family] = set()  # of which no exchange gains
        # Likewise edges, with the parents of their ends.
        self._tucked: dict[tuple[int, int], tuple[tuple[int, ...], ...]] = {}

    @property
    def dag(self) -> torch.Tensor:
        """The graph, boolean, shape [d, d]."""
        found = torch.zeros_like(self.free)
        for i, parents in enumerate(self.parents):
            found[i, list(parents)] = True
        return found

    @property
    def value(self) -> float:
        """Evidence of the graph, nats."""
        self.local.prepare(enumerate(self.parents))
        return sum(self.local.worth(family) for family in enumerate(self.parents))

    def run(self, allowed: torch.Tensor | None = None) -> int:
        """Climb until no move gains; how often it moved.

        Parameters
        ----------
        allowed
            Edges that may be added, boolean, shape [d, d], for a beginning by the moves of single edges alone; None for
            all.
        """
        may = self.free if allowed is None else self.free & allowed
        done = 0
        while True:
            moves = self._moves(may) or (self._exchanges(may) or self._tucks(may) if allowed is None else [])
            if not moves:
                return done
            changed = self._make(moves)
            if self._near is not None:
                self._near |= changed
            self.offer(self.value)
            done += 1

    def lifted(self, i: int, causes: set[int]) -> Self | None:
        """A climb that begins with some causes of a variable as its effects; None where an edge or a limit forbids.

        It is offered to nobody, and looks at the moves of these variables and of those that it changes, for nobody
        else's evidence is another one (`widened`).
        """
        if any(not (self.free[i, j] and self.free[j, i] and self._room(j)) for j in causes):
            return None
        made = copy(self)
        made.parents = list(self.parents)
        made.parents[i] = tuple(j for j in self.parents[i] if j not in causes)
        for j in causes:
            made.parents[j] = with_parent(self.parents[j], i)
        if any(is_own_ancestor(made.parents, j) for j in causes):
            return None
        made.offer, made._near = lambda value: None, {i, *causes}
        made._gains, made._tucked, made._exchanged = dict(self._gains), dict(self._tucked), set(self._exchanged)
        return made

    def widened(self) -> Self:
        """The same climb, which looks at the moves of all variables."""
        made = copy(self)
        made._near = None
        return made

    def gain(self, i: int, parents: tuple[int, ...]) -> float | None:
        """Nats that other parents of a variable gain; None where they were never weighed."""
        if not self.local.weighed((i, parents)):
            return None
        return self.local.worth((i, parents)) - self.local.worth((i, self.parents[i]))

    def tried(self, i: int, below: torch.Tensor) -> list[int]:
        """Further parents of a variable that are worth a try and close no cycle."""
        return self._tried(i, below, self.free) if i in self._gains else []

    # ------------------------------------------------------------------ moves
    def _moves(self, may: torch.Tensor) -> list[_Move]:
        """Moves that gain, the best first."""
        below, looked = self.below(), self._looked_at
        self._screen(looked)
        adds = [(i, j) for i in looked for j in self._tried(i, below, may)]
        edges = self._edges()
        turned = [(i, j) for i, j in edges if may[j, i] and self._room(j) and not self.around(i, j, below)]
        changed = [(i, with_parent(self.parents[i], j)) for i, j in adds if self._room(i)]
        less = [(i, without_parent(self.parents[i], j)) for i, j in edges]
        more = [(j, with_parent(self.parents[j], i)) for i, j in turned]
        self.local.prepare([*enumerate(self.parents), *changed, *less, *more])
        made: list[tuple[Family, ...]] = [(family,) for family in [*changed, *less]]
        made += [((i, without_parent(self.parents[i], j)), (j, with_parent(self.parents[j], i))) for i, j in turned]
        return self._gainful(made)

    def _exchanges(self, may: torch.Tensor) -> list[_Move]:
        """Parents that others replace, one or several, where that gains, the best first."""
        below = self.below()
        families = [(i, self.parents[i]) for i in self._looked_at]
        open_ = [family for family in families if family[1] and family not in self._exchanged]
        choices = list[Choice]()
        for i, parents in open_:
            given = frozenset(j for j in parents if not self.free[i, j])
            for j in (j for j in parents if j not in given):
                legal = may[i] & ~below[i]
                legal[j] = False
                choices.append(Choice(i, without_parent(parents, j), given, legal))
        choose(self.local, self.screen, choices, self.most, self.coming)
        self.local.prepare(enumerate(self.parents))
        found = self._gainful([((each.effect, each.parents),) for each in choices])
        gained = {family[0] for move in found for family in move.after}
        self._exchanged |= {family for family in open_ if family[0] not in gained}
        return found

    def _tucks(self, may: torch.Tensor) -> list[_Move]:
        """Effects, or others below a variable, that go before it where that gains, the best first."""
        below = self.below()
        every = self._edges()
        for j in self._looked_at:  # what would be a cause, but is below
            gains = self._gains[j][1]
            every += [(i, j) for i in _best(gains, may[j] & below[j], EXCHANGED) if j not in self.parents[i]]
        near = {(i, j): (self.parents[i], self.parents[j]) for i, j in every}
        edges = [edge for edge, stands in near.items() if self._tucked.get(edge) != stands]
        made = tucks(self.local, self.screen, self.parents, edges, below, may, self.most, self.steps)
        found = self._gainful(made)
        if not found:
            self._tucked |= {edge: near[edge] for edge in edges}
        return found

    def _gainful(self, made: Iterable[tuple[Family, ...]]) -> list[_Move]:
        worth = self.local.worth
        moves = [
            _Move(sum(worth((i, parents)) - worth((i, self.parents[i])) for i, parents in after), after)
            for after in made
        ]
        return sorted((move for move in moves if move.gain > LEAST_GAIN), key=lambda move: -move.gain)

    def _make(self, moves: Sequence[_Move]) -> set[int]:
        """Make moves, the best first, of different variables, that close no cycle; the variables they changed."""
        busy = set[int]()
        for move in moves:
            effects = {i for i, _ in move.after}
            if effects & busy:
                continue
            before = {i: self.parents[i] for i in effects}
            for i, parents in move.after:
                self.parents[i] = parents
            if any(is_own_ancestor(self.parents, i) for i in effects):
                for i, parents in before.items():
                    self.parents[i] = parents
                continue
            busy |= effects
        return busy

    @property
    def _looked_at(self) -> list[int]:
        """Variables whose moves are looked at, if any of their edges may change."""
        return [i for i in self._open if self._near is None or i in self._near]

    def _edges(self) -> list[tuple[int, int]]:
        """Edges that may change, either end of which is looked at."""
        near = self._near
        return [
            (i, j)
            for i, parents in enumerate(self.parents)
            for j in parents
            if self.free[i, j] and (near is None or i in near or j in near)
        ]

    # ------------------------------------------------------------------ candidates
    def _screen(self, effects: Iterable[int]) -> None:
        """Ask the screen for the variables whose parents have changed."""
        asked = [(i, self.parents[i]) for i in effects if i not in self._gains or self._gains[i][0] != self.parents[i]]
        if asked:
            for (i, parents), gains in zip(asked, self.screen.gains(asked), strict=True):
                self._gains[i] = parents, gains

    def _tried(self, i: int, below: torch.Tensor, may: torch.Tensor) -> list[int]:
        """Further parents of a variable that are worth a try and close no cycle."""
        return _best(self._gains[i][1], may[i] & ~below[i], TRIED)

    def _room(self, i: int) -> bool:
        return len(self.parents[i]) < self.most

    def around(self, i: int, j: int, below: torch.Tensor) -> bool:
        """Whether there is another path from a parent j to its child i; see `below`."""
        return any(bool(below[j, k]) for k in self.parents[i] if k != j)

    def below(self) -> torch.Tensor:
        """Whether the second of two variables is below the first, or the same, boolean, [d, d]."""
        return below(self.parents)


def _best(gains: torch.Tensor, legal: torch.Tensor, most: int) -> list[int]:
    """Variables with the largest gains among those that are legal, [d] each."""
    gains = torch.where(legal, gains, -torch.inf)
    value, place = gains.topk(min(most, len(gains)))
    return place[value > -torch.inf].tolist()


def with_parent(parents: tuple[int, ...], j: int) -> tuple[int, ...]:
    """Parents and one more, in ascending order."""
    return tuple(sorted({*parents, j}))


def without_parent(parents: tuple[int, ...], j: int) -> tuple[int, ...]:
    """Parents but one."""
    return tuple(k for k in parents if k != j)
