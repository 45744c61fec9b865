"""Predictions of what a fit has not seen: held-out rows, and held-out regimes. Checks that need no known truth.

`held_out_rows` fits some rows of every table and predicts the others. `held_out_regimes` leaves whole regimes out of a
fit and predicts their rows: does the graph say what an intervention does that it has never seen? Log-likelihoods are
those of `pyrocausal.checks.row_predictions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from pyrocausal.checks.comparison import COMPARED, HeldOut, compare
from pyrocausal.checks.row_predictions import REFITTING, RowPredictor, Table
from pyrocausal.copies.refitting import Refitting
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.weights import Part
from pyrocausal.evidence.imputation import impute
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.runtime.checked_settings import check, number, of_type, whole
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.row_split import divide
from pyrocausal.sdi.state import natural
from pyrocausal.sdi.target_prior import TargetPrior, with_certain_targets, without_unmeasured
from pyrocausal.sdi.targets import known_targets
from pyrocausal.search.settings import Settling

__all__ = ["held_out_regimes", "held_out_rows"]


def held_out_rows(
    data: InterventionalData,
    share: float = 0.2,
    *,
    seed: int = 0,
    refitting: Refitting | None = REFITTING,
    **options: Any,
) -> HeldOut:
    """Fit some rows of every table and predict the others, under the settled graph and three more.

    - "independent": nothing acts on anything, each variable is as it was before. What beats it are the edges.
    - "complete": all edges that an order of the settled graph's variables allows. Where it wins, edges are missing.
    - "reversed": all edges against that order. It can express any distribution, so that only what interventions do
      tells against it. Where it wins, edges point the wrong way.

    The last two keep to nothing that was known before the fit, neither forbidden edges nor a limit on parents.

    Parameters
    ----------
    data
        Observational rows and regimes. Missing values are drawn first, once and from all rows, and scored like others.
    share
        Of the rows of every table, drawn at random, to be held out; default 0.2. They count as their
        weights say.
    seed
        Of the draw and of the fit; default 0.
    refitting
        How mechanisms are fitted to a parent set where closed forms may not do; None takes closed forms alone.
    **options
        For `discover`; one chain and no progress bar unless they say otherwise. Of several chains the best one counts.

    Returns
    -------
    HeldOut
        The observational rows come first, as the regime "observational rows".

    Raises
    ------
    TypeError
        If `data`, `refitting` or an option is of another type.
    ValueError
        If a number is out of range, a table is too small for the share, or a graph has too many parents for a table
        and nothing else is fitted.

    Examples
    --------
    Going on from the example of `discover`:

    >>> check = pc.held_out_rows(data)
    >>> table = check.table()
    >>> bool(table.settled["all"] > table.independent["all"] + 0.1)
    True
    """
    seed = _check(data, seed, refitting, options)
    data, options = _told(data, options)
    check("share", share, number(above=0, below=1))
    tables = {"the observational table": data.observational}
    tables |= {f"regime {regime.name!r}": regime.rows for regime in data.regimes}
    for name, rows in tables.items():
        n, m = len(rows), round(share * len(rows))
        if m < 1 or n - m < 2:
            raise ValueError(
                f"share: {name} has {n} rows, of which {share:g} leaves {n - m} to fit (at least 2) and {m} to score "
                "(at least 1); record more rows, leave the regime out or choose another share"
            )
    training, scored = _split(impute(data, seed=seed), share, seed)
    result = _fit(training, seed, options)
    return compare([_trial(training, result, scored, refitting, seed, options)], [result], COMPARED, "rows")


def held_out_regimes(
    data: InterventionalData,
    folds: int | None = None,
    *,
    seed: int = 0,
    refitting: Refitting | None = REFITTING,
    **options: Any,
) -> HeldOut:
    """Leave regimes out of a fit and predict their rows, under the settled graph and the others of `held_out_rows`.

    Half of the rows of a left-out regime, drawn at random, tell its target, if that is unknown, and the new mechanism
    of the target; the others are scored, all variables but the target by mechanisms that have never seen this regime.
    The "independent" graph is a model that ignores the graph, the "reversed" one knows how variables hang together but
    not why.

    Parameters
    ----------
    data
        Observational rows and at least two regimes. Missing values are drawn first, once and from all rows, and scored
        like others.
    folds
        Fits: regimes are left out in so many groups, drawn at random. Default: each regime alone.
    seed, refitting, **options
        As in `held_out_rows`.

    Returns
    -------
    HeldOut
        Regimes in the order of the data; `results` holds a fit per fold.

    Raises
    ------
    TypeError
        If `data`, `refitting` or an option is of another type.
    ValueError
        If a number is out of range, there is a single regime, a regime has fewer than four rows, or a graph has too
        many parents for a table and nothing else is fitted.

    Examples
    --------
    Going on from the example of `discover`:

    >>> table = pc.held_out_regimes(data, folds=2).table()
    >>> bool(table.settled["all"] > table.reversed["all"] > table.independent["all"])
    True
    """
    seed = _check(data, seed, refitting, options)
    data, options = _told(data, options)
    R = len(data.regimes)
    if R < 2:
        raise ValueError(
            f"data: {data.regime_names[0]!r} is the only regime, so that none is left to fit without it; "
            "take held_out_rows, or record another regime"
        )
    check("folds", folds, whole(2, optional=True))
    folds = R if folds is None else int(folds)
    if folds > R:
        raise ValueError(f"folds: there are {R} regimes, which make {R} folds at the most, got {folds}")
    if small := [regime for regime in data.regimes if len(regime.rows) < 4]:
        raise ValueError(
            f"data: regime {small[0].name!r} has {len(small[0].rows)} rows, and needs 4 to be left out: half of them "
            "tell its target and half are scored; record more, or drop it"
        )
    data, prior = impute(data, seed=seed), options.get("target_prior")
    group = np.random.default_rng(seed).permutation(np.arange(R) % folds)
    trials, results, generator = [], [], torch.Generator().manual_seed(seed)
    for k in range(folds):
        stay = [regime for regime, fold in zip(data.regimes, group, strict=True) if fold != k]
        left = [regime for regime, fold in zip(data.regimes, group, strict=True) if fold == k]
        training = replace(data, regimes=tuple(stay))
        staying = {"target_prior": _of(prior, [regime.name for regime in stay])} if prior else {}
        result = _fit(training, seed, options | staying)
        halves = [divide(Part(each.rows, each.weights), 0.5, data.kinds, generator) for each in left]
        tables = [Table(each.name, *parts, each.targets) for each, parts in zip(left, halves, strict=True)]
        trials.append(_trial(training, result, tables, refitting, seed, options))
        results.append(result)
    return compare(trials, results, COMPARED, "regimes").in_order(data.regime_names)


def _check(data: InterventionalData, seed: int, refitting: Refitting | None, options: Mapping[str, Any]) -> int:
    """Complain of what `discover` cannot complain of before the first fit; the seed as a number of Python's."""
    if not isinstance(data, InterventionalData):
        raise TypeError(
            f"data must be an InterventionalData, got {type(data).__name__}; make one with "
            "InterventionalData.from_frame, from_frames, from_arrays, from_csv or another reader"
        )
    check("seed", seed, whole())
    check("refitting", refitting, of_type(Refitting, optional=True))
    prior = options.get("target_prior")
    check("target_prior", prior, of_type(TargetPrior, optional=True))
    if prior:
        prior.compile(data.names, {regime.name: regime.targets for regime in data.regimes}, data.aside)
    return int(seed)


def _told(data: InterventionalData, options: dict[str, Any]) -> tuple[InterventionalData, dict[str, Any]]:
    """Data and options where the prior says what `discover` reads from gaps, and certain targets are with the data."""
    data, prior = with_certain_targets(data, options.get("target_prior"))
    prior = without_unmeasured(data, prior)
    return data, options | ({"target_prior": prior} if prior else {})


def _fit(data: InterventionalData, seed: int, options: Mapping[str, Any]) -> CausalPosterior:
    result = discover(data, **{"chains": 1, "progress": False, "seed": seed, **options})
    if result.stopped:  # of no use here
        raise KeyboardInterrupt
    return result


def _split(data: InterventionalData, share: float, seed: int) -> tuple[InterventionalData, list[Table]]:
    """Rows to fit, and tables of the others; the first one observational."""
    generator = torch.Generator().manual_seed(seed)

    observational, *rest = data.parts
    fit, scored = divide(observational, share, data.kinds, generator)
    label = "observational rows"
    while label in data.regime_names:
        label = f"the {label}"
    regimes, tables = [], [Table(label, fit, scored, ())]
    for regime, part in zip(data.regimes, rest, strict=True):
        stay, apart = divide(part, share, data.kinds, generator)
        regimes.append(replace(regime, rows=stay.rows, weights=stay.weights))
        tables.append(Table(regime.name, stay, apart, regime.targets))
    made = replace(data, observational=fit.rows, observational_weights=fit.weights, regimes=tuple(regimes), slips=())
    return made, tables


def _of(prior: TargetPrior, regimes: Sequence[str]) -> TargetPrior:
    """What is left of a prior where only some regimes are."""
    return replace(prior, probability={name: row for name, row in prior.probability.items() if name in regimes})


def _trial(
    training: InterventionalData,
    result: CausalPosterior,
    tables: Sequence[Table],
    refitting: Refitting | None,
    seed: int,
    options: Mapping[str, Any],
) -> RowPredictor:
    """Judge graphs by rows that were not fitted, with the mechanisms and the caution of the fit."""
    prior = options.get("target_prior") or TargetPrior()
    settling, algorithm = options.get("settling") or Settling(), options.get("algorithm") or SDI()
    prior = replace(prior, several=result.best.several)  # as the fit has found, where it was asked
    odds = _of(prior, [table.name for table in tables]).compile(
        training.names, {table.name: table.targets for table in tables}, training.aside
    )
    known, hit = known_targets(training.names, [regime.targets for regime in training.regimes])
    probability = result.best.target_probability
    told = (hit & ~known[:, None]).to(probability.device)
    unhit = natural(probability, settling.certainty, result.best.several, told)
    return RowPredictor(training, unhit, tables, odds, refitting, algorithm.mechanisms, seed)
