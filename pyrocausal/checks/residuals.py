"""What a fitted program leaves unexplained: residuals of its mechanisms, and what they hang on.

Where a settled graph and its program are right, the residual of a variable given its parents depends on nothing that is
no descendant, and is the same in every regime that does not act on the variable. Three tests look for the contrary (see
`pyrocausal.checks.independence`); each needs nothing but rows in which its variables kept their own mechanisms:

- `together`: two variables hang together where nothing acts on either, beyond their other parents;
- `parted`: where a regime acts on a supposed cause of a variable, its residuals given this cause and its parents go
  the way that they would if the cause told nothing of it;
- `changed`: a variable given its parents is not in one regime what it is where nothing was done.

Without an edge two variables are not `together`; with one from the first to the second, they are not `parted` where the
first is acted on, and the other way round. Where all three answers are refuted, something else acts on both.

A misfit of the networks themselves is alike in all regimes as long as they keep to the observational range, so that it
hardly disturbs a comparison of regimes there; what lies outside is not compared. How large it is, `roughness` tells.

References
----------
.. [1] J. Pearl, "Causality", 2009, sections 1.4 and 7.2.2: what an intervention leaves as it was.
.. [2] J. Peters, P. Bühlmann, N. Meinshausen, "Causal inference by using invariant prediction", 2016.
.. [3] P. K. Dunn, G. K. Smyth, "Randomized quantile residuals", 1996.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import pyro
import torch

from pyrocausal.checks.independence import Association, agreement, association, associations
from pyrocausal.checks.residual_values import Left, at_least_usual, drift_nats, least_noise, left_over, misfit
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import entering
from pyrocausal.data.missing import any_missing, present
from pyrocausal.data.weights import Part, quantiles
from pyrocausal.evidence.imputation import impute
from pyrocausal.model.log_likelihood import site_conditionals
from pyrocausal.model.mechanisms import Family
from pyrocausal.posterior.chain import Chain

__all__ = ["ProgramResiduals"]

WORK = 50_000  # pairs of a row and a graph that go through the program at a time
PAIR_WORK, FEWEST_ROWS = 1e6, 1_000  # rows that all pairs of variables are looked at in, and that each one is at least
ROWS_PER_STRATUM = 20.0  # on average; with fewer, states enter as numbers
# Shares of observational rows, on either side, beyond whose values regimes are not compared: mechanisms extrapolate.
OUTSIDE, FAR_OUTSIDE = 0.025, 0.005  # the second where a misfit would have to go one particular way
GROUPS = 50  # regimes that are compared with the rows without intervention at a time


class ProgramResiduals:
    """Residuals of a chain's program under its graph, found as they are asked for and kept.

    Parameters
    ----------
    data
        What the chain was fitted to.
    chain
        A restart; its graph and its targets (believed with more than one half) are what is tested.
    compared
        Which regimes count, shape [R]: those whose targets are clear.
    """

    def __init__(self, data: InterventionalData, chain: Chain, compared: torch.Tensor) -> None:
        self.data, self.model, self.dag = data, chain.model, chain.dag.cpu().bool()
        self.kinds, self.d = data.kinds, len(data.names)
        recorded, weights = Part.of(data.parts)
        self.seen = present(recorded).cpu()  # [n, d]
        reads_gaps = any_missing(chain.model.kinds)
        self.rows = recorded if reads_gaps else Part.of(impute(data, seed=chain.seed).parts).rows
        self.weights = None if weights is None else weights.double().cpu()
        self.table = Part.numbers(data.parts).cpu()  # [n], 0 observational
        self.hit = torch.nn.functional.pad(chain.target_probability[:, :-1].cpu() > 0.5, (0, 0, 1, 0))  # [R + 1, d]
        self.compared = torch.nn.functional.pad(compared.cpu(), (1, 0), value=True)[self.table]  # [n]
        self._drift = None if chain.drift is None else at_least_usual(chain.drift.cpu(), ~self.hit[1:])
        self._acted = self.hit[self.table]  # [n, d]
        self._entering = entering(self.kinds, self.rows).cpu()
        self._kept: dict[Family, Left | None] = {}
        self._exact: set[int] = set()
        plain = [self.rows[self.seen[:, i] & (self.table == 0), i].cpu() for i in range(self.d)]
        self._noise = [least_noise(kind, column) for kind, column in zip(self.kinds, plain, strict=True)]
        self._known: dict[int, torch.Tensor] = {}  # regressors
        self._inside: dict[tuple[int, float], torch.Tensor] = {}
        most = max(FEWEST_ROWS, int(2 * PAIR_WORK / max(1, self.d * (self.d - 1))))
        drawn = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(0))[:most]
        self._paired = torch.zeros(len(self.rows), dtype=torch.bool).index_fill(0, drawn, True)  # [n], for `together`

    @property
    def unknown(self) -> tuple[str, ...]:
        """Variables some of whose residuals were asked for and cannot be found."""
        lacking = {i for (i, _), found in self._kept.items() if found is None} - self._exact
        return tuple(sorted(self.data.names[i] for i in lacking))

    @property
    def exact(self) -> tuple[str, ...]:
        """Variables that were asked for and are all but functions of some parents: no noise is left to test."""
        return tuple(sorted(self.data.names[i] for i in self._exact))

    def parents(self, effect: int) -> tuple[int, ...]:
        """Of a variable in the graph."""
        return tuple(self.dag[effect].nonzero()[:, 0].tolist())

    def acted_on(self, cause: int, effect: int) -> bool:
        """Whether a regime acts on one variable and not on another."""
        return bool((self.hit[:, cause] & ~self.hit[:, effect])[self.table[self.compared]].any())

    @torch.no_grad()
    def prepare(self, families: Iterable[Family]) -> None:
        """Find residuals of variables given some parents, as many together as fit."""
        wanted: list[list[tuple[int, ...]]] = [[] for _ in self.kinds]
        for i, parents in dict.fromkeys(families):
            if (i, parents) not in self._kept:
                wanted[i].append(parents)
        graphs = torch.zeros(max(map(len, wanted)), self.d, self.d)
        for i, sets in enumerate(wanted):
            for k, parents in enumerate(sets):
                graphs[k, i, list(parents)] = 1.0
        if not len(graphs):
            return
        found: dict[Family, list[Left | None]] = {}
        with pyro.validation_enabled(False):
            for rows in self.rows.split(max(1, WORK // len(graphs))):
                conditionals = site_conditionals(self.model, rows, graphs.to(rows))
                for i, sets in enumerate(wanted):
                    for parents, part in zip(sets, left_over(conditionals[i], rows[:, i], len(sets)), strict=True):
                        found.setdefault((i, parents), []).append(part)
        for family, parts in found.items():
            known = [part for part in parts if part is not None]
            whole = len(known) == len(parts)
            self._kept[family] = left = Left(*map(torch.cat, zip(*known, strict=True))) if whole else None
            i, parents = family
            if left is not None and parents and float(left.scale.median()) < self._noise[i]:
                self._kept[family] = None
                self._exact.add(i)

    def residual(self, effect: int, parents: Sequence[int]) -> torch.Tensor | None:
        """Residuals of a variable given some parents, [n, S]; None where there are none to test."""
        family = effect, tuple(sorted(parents))
        self.prepare([family])
        left = self._kept[family]
        return None if left is None else left.residual

    def together(self, one: int, other: int) -> Association:
        """Whether two variables hang together where nothing acts on either, beyond their other parents."""
        a, b = (set(self.parents(i)) - {j} for i, j in ((one, other), (other, one)))
        left = self.residual(one, [*a]), self.residual(other, [*b])
        keep = self.compared & self._paired & ~self._acted[:, [one, other]].any(1)
        return self._test(association, *left, keep & self.seen[:, [one, other]].all(1), (a | b) - {one, other})

    def parted(self, effect: int, cause: int, where: int | None = None) -> Association:
        """Whether a variable goes its own way where a supposed cause is acted on; the sign is positive if it does.

        Or where another variable, `where`, is.
        """
        without, having = ({*self.parents(effect)} - {cause}, {*self.parents(effect), cause})
        self.prepare((effect, tuple(sorted(parents))) for parents in (without, having))
        alone, given = (self._kept[effect, tuple(sorted(parents))] for parents in (without, having))
        if alone is None or given is None:
            return Association(0.0, 0, 0.0)
        acted = self._acted[:, cause if where is None else where]
        shift = acted[:, None] * (alone.location - given.location) / given.scale
        keep = self.compared & ~self._acted[:, effect] & self.seen[:, effect] & (acted | (self.table == 0))
        keep &= self._common(having, FAR_OUTSIDE)
        left = given.residual[:, : shift.shape[1]]
        return self._test(agreement, shift, left, keep, having)._replace(rows=self._rows(keep & acted))

    def changed(self, effect: int, regimes: Sequence[int]) -> list[Association]:
        """Whether a variable given its parents is not in regimes (by number) what it is without intervention."""
        parents, left = self.parents(effect), self.residual(effect, self.parents(effect))
        keep = self.compared & ~self._acted[:, effect] & self.seen[:, effect] & self._common(parents, OUTSIDE)
        nothing = Association(0.0, 0, 0.0)
        if left is None:
            return [nothing] * len(regimes)
        plain, found = (keep & (self.table == 0)).nonzero()[:, 0], dict[int, Association]()
        there = {r: (keep & (self.table == r + 1)).nonzero()[:, 0] for r in regimes}
        rows = {r: torch.cat([plain, own]) for r, own in there.items() if len(plain) + len(own)}
        for together in (True, False):  # whether states of the parents make strata, which takes rows
            some = [r for r in rows if self._stratified(parents, len(rows[r])) is together]
            for start in range(0, len(some), GROUPS):
                part = some[start : start + GROUPS]
                found |= dict(zip(part, self._changed(left, parents, [rows[r] for r in part], len(plain)), strict=True))
        return [found[r]._replace(rows=self._weight(there[r])) if r in found else nothing for r in regimes]

    def drifted(self, effect: int, regime: int) -> float:
        """Nats per row by which a variable may differ in a regime (by number), for the fit says that it drifts."""
        left = self._kept[effect, self.parents(effect)]
        if self._drift is None or left is None:
            return 0.0
        return drift_nats(self.kinds[effect], left, float(self._drift[regime, effect]))

    def _changed(
        self, left: torch.Tensor, parents: Sequence[int], rows: Sequence[torch.Tensor], plain: int
    ) -> list[Association]:
        """The same of regimes alike in their strata: places of rows of each, those without intervention first."""
        place = torch.cat(list(rows))
        group = torch.arange(len(rows)).repeat_interleave(torch.tensor([len(each) for each in rows]))
        here = torch.cat([torch.arange(len(each)) >= plain for each in rows]).double()[:, None]
        features = here * torch.cat([torch.ones_like(here), *(self._regressors(j)[place] for j in parents)], 1)
        strata, covariates = self._explained(place, parents, len(rows[0]))
        weights = None if self.weights is None else self.weights[place]
        return associations(features, left[place], strata, group, weights, covariates)

    def counting(self, effect: int) -> float:
        """Share of what the logarithm of a count varies by, given its parents, that counting things makes alone.

        That is Poisson's share in the variance; 0 where residuals cannot be found.
        """
        if self.residual(effect, self.parents(effect)) is None:
            return 0.0
        left = self._kept[effect, self.parents(effect)]
        assert left is not None
        keep = (self.table == 0) & self.seen[:, effect]
        mean, variance = left.location[keep, 0], left.scale[keep, 0].square()
        count = torch.ones_like(mean) if self.weights is None else self.weights[keep]
        by = count / (1 + mean).square()  # of a logarithm, log(1 + count), to first order
        return float((by @ mean) / (by @ variance).clamp(min=1e-9)) if len(mean) else 0.0

    def roughness(self, effect: int) -> float:
        """Nats per row by which a variable's values, given its parents, differ from what its mechanism says.

        Beyond what chance makes of it, and two standard deviations of that.
        """
        left = self.residual(effect, self.parents(effect))
        keep = self.compared & ~self._acted[:, effect] & self.seen[:, effect]
        if left is None or not bool(keep.any()):
            return 0.0
        count = torch.ones(int(keep.sum()), dtype=torch.double) if self.weights is None else self.weights[keep]
        strata, _ = self._explained(keep, self.parents(effect))
        return misfit(self.kinds[effect], self.rows[keep, effect].cpu(), left[keep], strata, count)

    def _test(
        self,
        test: Callable[..., Association],
        one: torch.Tensor | None,
        other: torch.Tensor | None,
        keep: torch.Tensor,
        given: Iterable[int],
    ) -> Association:
        if one is None or other is None or not bool(keep.any()):
            return Association(0.0, 0, 0.0)
        strata, covariates = self._explained(keep, given)
        weights = None if self.weights is None else self.weights[keep]
        return test(one[keep], other[keep], strata, weights, covariates)

    def _rows(self, keep: torch.Tensor) -> float:
        return self._weight(keep.nonzero()[:, 0])

    def _weight(self, places: torch.Tensor) -> float:
        return float(len(places) if self.weights is None else self.weights[places].sum())

    def _stratified(self, given: Iterable[int], rows: int) -> bool:
        """Whether states of variables make strata of so many rows."""
        states = [j for j in given if self.kinds[j].discrete]
        return math.prod(self.kinds[j].levels(0) for j in states) * ROWS_PER_STRATUM <= rows

    def _explained(
        self, keep: torch.Tensor, given: Iterable[int], together: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Strata [n] and covariates [n, c] of some rows by variables: states and numbers.

        Rows are a mask or places; `together`, how many of them are compared with each other, is all by default.
        """
        names = sorted(given)
        rows = int(keep.sum()) if keep.dtype == torch.bool else len(keep)
        stratified = self._stratified(names, rows if together is None else together)
        states = [j for j in names if self.kinds[j].discrete and stratified]
        strata = torch.zeros(rows, dtype=torch.long)
        for j in states:
            strata = strata * self.kinds[j].levels(0) + self.kinds[j].codes(self.rows[keep, j].cpu(), None)
        numbers = [self._regressors(j)[keep] for j in names if j not in states]
        return strata.unique(return_inverse=True)[1], torch.cat([torch.zeros(rows, 0, dtype=torch.double), *numbers], 1)

    def _common(self, given: Iterable[int], outside: float) -> torch.Tensor:
        """Rows [n] whose numbers lie where there are rows without intervention: elsewhere a mechanism extrapolates."""
        inside = torch.ones(len(self.rows), dtype=torch.bool)
        for j in given:
            if not self.kinds[j].discrete:
                inside &= self._within(j, outside)
        return inside

    def _within(self, j: int, outside: float) -> torch.Tensor:
        if (j, outside) not in self._inside:
            column, at = self._entering[:, j], torch.tensor([outside, 1 - outside])
            known = (self.table == 0) & present(column)
            weights = None if self.weights is None else self.weights[known].float()
            low, high = column[known].quantile(at) if weights is None else quantiles(column[known], at, weights)
            self._inside[j, outside] = ~((column < low) | (column > high))
        return self._inside[j, outside]

    def _regressors(self, j: int) -> torch.Tensor:
        if j not in self._known:
            self._known[j] = self.kinds[j].regressors(self._entering[:, j], squares=True).cpu()
        return self._known[j]
