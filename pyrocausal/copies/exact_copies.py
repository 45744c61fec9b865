"""Copies of mechanisms that are fitted exactly: small networks, for families of every fold.

Which solutions for other parents are known when a family is asked for decides where its fit begins. So what is found
depends on the order in which families are asked for, which is the same in every run.

Vocabulary: d variables, R regimes, M families, N rows that fit, n rows that score.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from copy import copy
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import pyro.distributions as dist
import torch

from pyrocausal.copies.deletion_race import needed
from pyrocausal.copies.exact_fit import FamilyRows, Solution, solved, with_mean
from pyrocausal.copies.exact_prediction import Curvature, predicted, promised
from pyrocausal.copies.further_attempts import GAIN, bettered
from pyrocausal.copies.neglected_nonlinearity import neglected_nonlinearity
from pyrocausal.data.kind import Kind, entering
from pyrocausal.data.missing import filled
from pyrocausal.data.weights import take_rows
from pyrocausal.model.mechanisms import Family
from pyrocausal.runtime.interruption import checkpoint
from pyrocausal.runtime.side_by_side import side_by_side
from pyrocausal.sdi.row_split import Fold

__all__ = ["ExactCopies"]

LEAST, PART = 3.0, 0.1  # nats that a further parent has to promise, and their share of what the best one does or asks
FAR = 4  # parents of a solution that differ, so that another fit begins anew
ENOUGH = 50  # rows that tell; with fewer nothing is left out
Known: TypeAlias = tuple[int, int, tuple[Any, ...]]  # fold, variable, and a solution as `Solution.plain`


class ExactCopies:
    """Solutions of families, and what they say of rows.

    Parameters
    ----------
    kinds
        Kind of each variable, length d.
    folds
        Rows that fit and rows that score; which of them count may change later.
    """

    def __init__(self, kinds: Sequence[Kind], folds: Sequence[Fold]) -> None:
        self.kinds = tuple(kinds)
        widths = [kind.regressors(torch.zeros(1), False).shape[1] for kind in kinds]
        ends = torch.tensor([0, *widths]).cumsum(0).tolist()
        self._places = [list(range(*each)) for each in pairwise(ends)]
        self._columns = [tuple(self._made(part.rows) for part in (fold.fitting, fold.scoring)) for fold in folds]
        self._known: dict[tuple[int, int], list[Solution]] = {}

    def _made(self, rows: torch.Tensor) -> torch.Tensor:
        entered = entering(self.kinds, rows.cpu())
        return torch.cat([kind.regressors(entered[:, j], False) for j, kind in enumerate(self.kinds)], 1)

    def solve(self, families: Sequence[Family], folds: Sequence[Fold]) -> tuple[torch.Tensor, list[Known]]:
        """Fit families on every fold, and let the fold's other rows judge them.

        Parameters
        ----------
        families
            M of them.
        folds
            As before, but for which rows count.

        Returns
        -------
        tuple
            What two estimates say, one of noise that is the same everywhere and one of noise that depends on the
            parents, as `FittedFamilies` has it; and solutions, which are to be made known.
        """
        jobs = [(k, i) for k in range(len(folds)) for i in dict.fromkeys(i for i, _ in families)]
        done = side_by_side([partial(self._solve, k, i, families, folds[k]) for k, i in jobs])
        by_job = {job: iter(each) for job, each in zip(jobs, done, strict=True)}
        sums, found = [], list[Known]()
        for k, fold in enumerate(folds):
            ended = [(i, *next(by_job[k, i])) for i, _ in families]
            found += [(k, i, solution.plain) for i, solution, _ in ended]
            log_probs = torch.cat([each for _, _, each in ended])
            sums.append(fold.per_table(log_probs.to(fold.table.device)))
        return torch.stack(sums, 1).view(len(families), 2, len(folds), -1), found

    def _solve(self, k: int, i: int, families: Sequence[Family], fold: Fold) -> list[tuple[Solution, torch.Tensor]]:
        """Solutions for those of the families that are of one variable, and the log-density of every row: [2, n]."""
        rows, new = self._rows(k, fold, i), self._columns[k][1]
        value = filled(fold.scoring.rows[:, i].cpu()).double()
        here, found = list[Solution](), []
        for parents in (parents for effect, parents in families if effect == i):
            solution = self._solved(k, (i, parents), rows, here)
            here.append(solution)
            log_probs = []
            for noise in (False, True) if solution.noise else (False,):
                curvature = Curvature.of(solution, rows, noise=noise)
                log_probs.append(dist.Normal(*predicted(solution, curvature, rows, new)).log_prob(value))
            found.append((solution, torch.stack(log_probs if solution.noise else log_probs * 2)))
        return found

    def promising(self, family: Family, folds: Sequence[Fold], least: float = 0.0) -> torch.Tensor:
        """Which variables may be worth a place among the parents of a family that is known: boolean [d].

        All of them where rows are few. A fit gains a few times what is promised at the most, and a place asks for the
        `least` nats.
        """
        if any(self._rows(k, fold, family[0]).total < ENOUGH for k, fold in enumerate(folds)):
            return torch.ones(len(self.kinds), dtype=torch.bool)
        nats = self.promises(family, folds)
        return (nats > LEAST) & (nats > PART * max(float(nats.max()), least))

    def promises(self, family: Family, folds: Sequence[Fold]) -> torch.Tensor:
        """Nats that every variable promises as one more parent of a family that is known, on average of folds: [d].

        None for its own variable and its parents.
        """
        i, parents = family
        others = {j: each for j, each in enumerate(self._places) if j != i and j not in parents}
        jobs = [
            partial(promised, self._best(k, family), self._rows(k, fold, i), others) for k, fold in enumerate(folds)
        ]
        gain = torch.zeros(len(folds), len(self.kinds), dtype=torch.double)
        for k, found in enumerate(side_by_side(jobs)):
            gain[k, list(found)] = torch.tensor([*found.values()], dtype=torch.double)
        return gain.mean(0)

    def needed(self, family: Family, folds: Sequence[Fold]) -> torch.Tensor:
        """About how many nats the parents of a family that is known are worth, on average of folds: [parents]."""
        i, parents = family
        places, seed = [self._places[j] for j in parents], zlib.crc32(repr(family).encode())
        jobs = [
            partial(needed, self._best(k, family), self._rows(k, fold, i), places, seed) for k, fold in enumerate(folds)
        ]
        return torch.tensor(side_by_side(jobs), dtype=torch.double).mean(0)

    def may_gain(self, families: Sequence[Family], folds: Sequence[Fold]) -> torch.Tensor:
        """Nats a row that copies of any families may gain over straight lines with even noise; none is fitted. [M]."""
        jobs = [partial(self._may_gain, k, family, fold) for family in families for k, fold in enumerate(folds)]
        return torch.tensor(side_by_side(jobs), dtype=torch.double).view(len(families), len(folds)).amax(1)

    def _may_gain(self, k: int, family: Family, fold: Fold) -> float:
        checkpoint()
        i, parents = family
        places = [place for j in parents for place in self._places[j]]
        return neglected_nonlinearity(self._rows(k, fold, i), parents, places, zlib.crc32(repr((k, family)).encode()))

    def _best(self, k: int, family: Family) -> Solution:
        i, parents = family
        return min((each for each in self._known[k, i] if each.parents == parents), key=lambda each: each.nats)

    def better(self, families: Sequence[Family], folds: Sequence[Fold]) -> tuple[list[Known], list[float]]:
        """Solutions of families that are better than those that are known, by the price of anything.

        And by how much the best that further attempts came to is better, of each family: nats, of all folds together.
        """
        jobs = [
            partial(self._better, k, family, fold) for k, fold in enumerate(folds) for family in families if family[1]
        ]
        done = side_by_side(jobs)
        gains = {family: 0.0 for family in families}
        for (_, i, solution), gain in done:
            gains[i, solution[0]] += gain
        return [known for known, gain in done if gain > GAIN], [*gains.values()]

    def _better(self, k: int, family: Family, fold: Fold) -> tuple[Known, float]:
        (i, parents), rows, best = family, self._rows(k, fold, family[0]), self._best(k, family)
        known = self._known.get((k, i), [])
        near = [each for each in _nearest(known, parents) if each.parents != parents]
        seed = zlib.crc32(repr((k, i, parents, len(known))).encode())
        again = with_mean(best, bettered(best, rows, near, seed), rows, [best], seed)
        return (k, i, again.plain), max(0.0, (best.nats - again.nats) * rows.total)

    def know(self, solutions: Sequence[Known]) -> None:
        """Let later fits begin with some solutions."""
        for k, i, solution in solutions:
            self._known.setdefault((k, i), []).append(Solution.of(solution))

    def after(self, changed: Sequence[int]) -> ExactCopies:
        """The same where other rows count for some variables: of their solutions fits may begin, and that is all."""
        made = copy(self)
        made._known = {
            (k, i): [each._replace(nats=math.inf) for each in known] if i in changed else list(known)
            for (k, i), known in self._known.items()
        }
        return made

    def _rows(self, k: int, fold: Fold, i: int) -> FamilyRows:
        """What fits the mechanism of a variable."""
        keep = fold.counts[:, i].cpu()
        weights = take_rows(fold.fitting.weights, fold.counts[:, i])
        values = fold.fitting.rows[:, i].cpu()[keep].double()
        weights = torch.ones_like(values) if weights is None else weights.cpu().double()
        return FamilyRows(self._columns[k][0][keep], values, weights)

    def _solved(self, k: int, family: Family, rows: FamilyRows, found: Sequence[Solution]) -> Solution:
        i, parents = family
        places = [place for j in parents for place in self._places[j]]
        near = _nearest([*self._known.get((k, i), []), *found], parents)
        return solved(rows, parents, places, near, zlib.crc32(repr((k, i, parents)).encode()))


def _nearest(known: Sequence[Solution], parents: tuple[int, ...]) -> list[Solution]:
    """Solutions for the same parents, one less or one more; else the one with most in common, or all and others."""
    mine = set(parents)
    apart = [(len(mine ^ set(each.parents)), len(each.parents) - len(mine), each) for each in known if each.parents]

    def best(exchanged: int, more: int) -> list[Solution]:
        """Solutions for so many other parents, so many more of them; the best ones first."""
        return sorted((each for *by, each in apart if by == [exchanged, more]), key=lambda each: each.nats)

    near = [*best(0, 0)[:1], *best(1, -1)[:1], *best(1, 1)[:2]]
    apart.sort(key=lambda each: (each[0], each[2].nats))
    return near or [each for away, more, each in apart if away < FAR or away == more][:1]
