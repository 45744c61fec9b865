"""The front door: from data to a posterior in one call, restarts in parallel."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from os import PathLike

import numpy as np
import pandas as pd

from pyrocausal.data.columns import number_of
from pyrocausal.data.edge_constraints import Edge
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.table_findings import TableWarning
from pyrocausal.fit.checkpoint import Checkpoint
from pyrocausal.fit.one_restart import Restart
from pyrocausal.fit.restarts import run_restarts
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.chain import Chain
from pyrocausal.runtime.checked_settings import check, of_type, truth, whole
from pyrocausal.runtime.progress import progress_line
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import describe
from pyrocausal.sdi.target_prior import TargetPrior, with_certain_targets, without_unmeasured
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.search.settings import Settling

__all__ = ["discover"]


def discover(
    data: InterventionalData,
    *,
    chains: int = 4,
    cores: int | None = None,
    seed: int | None = None,
    max_steps: int | None = None,
    progress: bool = True,
    required: Iterable[Edge] = (),
    forbidden: Iterable[Edge] = (),
    knowledge: Knowledge | None = None,
    target_prior: TargetPrior | None = None,
    algorithm: SDI | None = None,
    settling: Settling | None = None,
    sampling: Sampling | None = None,
    checkpoint: str | PathLike[str] | None = None,
    resume: bool = False,
    budget: float | str | timedelta | None = None,
) -> CausalPosterior:
    """Learn a causal graph and the targets of every regime.

    Parameters
    ----------
    data
        Observational rows and regimes. Missing values are drawn anew for every chain, from what the rest of their row
        says (see `pyrocausal.evidence.imputation`). A row of weight w counts as w rows.
    chains
        Independent restarts, each with its own seed and mechanisms; default 4.
    cores
        Cores of this machine, or of what `joblib.parallel_config` says; default: all. Chains are spread over them, a
        process each. Where there are several for each chain, it takes them to fit small networks of continuous
        variables. The result does not depend on it.
    seed
        Makes the result reproducible on one machine; default: a fresh one, kept in the result.
    max_steps
        Steps of the three phases at the most; default: the algorithm's own, or fewer where settling follows, and none
        where that begins in closed form with more than 40 variables and no `algorithm` is given. Without settling a
        chain whose beliefs are then not near 0 or 1 is warned of.
    progress
        Whether to show what chains are doing, how many families of variables they have evaluated, the most evidence so
        far, and the time to go where something tells it. Chains on other machines are not seen.
    required, forbidden
        Edges (cause, effect) known to be there or known not to be.
    knowledge
        What else is known: likely edges, tiers, how many causes a variable has at the most (which graphs keep to, and
        beliefs of the three phases alone do not; see `Knowledge`).
    target_prior
        What is believed of targets that the data leave unknown: whether there may be several, and how likely each is.
        Default: what the data say of the former (one or none where nothing settles), all equally likely.
    algorithm
        Settings of the three phases; default `SDI()`. `SDI.paper()` is the published algorithm.
    settling
        Settings of what follows them; default `Settling()`, or none where the algorithm holds no rows out for it, as
        `SDI.paper()`. `Settling(rounds=0)` leaves it out.
    sampling
        How graphs are drawn from the posterior after settling; default: none are. Then an edge's probability is its
        share of the draws, and no longer a comparison with the settled graph alone.
    checkpoint
        A folder in which chains keep what they have computed, every few seconds, so that a fit that was killed can be
        taken up; made if it is not there. It may be deleted once there is a result. On a cluster all machines have to
        see it.
    resume
        Whether a fit that is in that folder is taken up. It has to be of the same data, settings, seed (or none given)
        and versions, and comes to the same result, to the bit, as one that nobody disturbed, but for
        `Chain.cpu_seconds`. Where no fit is there yet one begins, so that the same call may be made over and over.
        A fit that a budget has cut short goes on, with as much time again.
    budget
        Wall time in which networks refine what closed forms have found, of all chains together: seconds, a text such as
        "10 min" (see `pandas.Timedelta`), or a `timedelta`. Default: as long as that takes. Closed forms, the last fit
        of the program and draws take what they need, and so do richer closed forms that were left out at first where
        that time is over before networks have told of a graph. Chains that were cut short have the graph of their last
        round, are not `settled`, and are warned of; they depend on how fast the machine is.

    Returns
    -------
    CausalPosterior

    Raises
    ------
    TypeError
        If `data` is no `InterventionalData`, `algorithm` no `SDI`, `settling` no `Settling`, `knowledge` no
        `Knowledge`, `target_prior` no `TargetPrior` or `sampling` no `Sampling`; or a number is no whole number.
    ValueError
        If a number is out of range, what is known contradicts itself, two columns of numbers are exact copies in every
        table, or settling is asked for where the algorithm holds no rows out.

    Warns
    -----
    TableWarning
        A RuntimeWarning: if a check of the table (`InterventionalData.check`) finds what can turn the answer.
    RuntimeWarning
        If a chain ended before it settled, or Ctrl-C or SIGTERM ended the fit.

    Notes
    -----
    Chains run through joblib, so `with joblib.parallel_config(backend="dask"):` takes them to the cluster that a
    `dask.distributed.Client` was made for. In threads of one process (`backend="threading"`, or a worker of Dask with
    several) they take turns, and nothing is gained.

    Ctrl-C ends the fit early, and so does SIGTERM, which `timeout` and schedulers send. Chains stop within a moment,
    between two gradient steps, fits or draws; what there is comes back, and a warning and `CausalPosterior.stopped` say
    how far each of them was. A chain that was cut short has the graph of its last round of settling, or the best one
    that its first round had met, or else the beliefs of its last step; it has no draws, and is not `settled`; it counts
    in averages like any other. Chains that had not made a step are left out, and if none had, `KeyboardInterrupt` is
    raised, as it is if Ctrl-C is pressed again. Chains on other machines do not hear of the first one. Signals that
    are handled otherwise already are left alone, and all of them where `discover` runs in another thread than the main
    one.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> truth = pc.networks.load("chain3")
    >>> data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=2000).data
    >>> result = pc.discover(data, chains=1, seed=0, progress=False)
    >>> sorted(result.to_networkx().edges)
    [('X0', 'X1'), ('X1', 'X2')]
    """
    if not isinstance(data, InterventionalData):
        raise TypeError(
            f"data must be an InterventionalData, got {type(data).__name__}; make one with "
            "InterventionalData.from_frame, from_frames, from_arrays, from_csv or another reader"
        )
    check("chains", chains, whole(1))
    check("progress", progress, truth())
    _check_kept(checkpoint, resume)
    for name, value, least in (("cores", cores, 1), ("max_steps", max_steps, 1), ("seed", seed, 0)):
        check(name, value, whole(least, optional=True))
    seconds = _seconds(budget)
    known = _checked(data, knowledge, target_prior, Knowledge(required, forbidden))
    proposes = algorithm is not None or max_steps is not None
    algorithm, settling = _agreed(SDI() if algorithm is None else algorithm, settling, sampling, max_steps)
    _look_at(data)
    data, believed = with_certain_targets(data, target_prior)
    if algorithm.takes_target_prior:
        believed = without_unmeasured(data, believed)
    proposes = proposes or not (settling.rounds and settling.closed_form)
    restart = Restart(algorithm, settling, sampling, data, known, believed, proposes=proposes, budget=seconds)
    with ExitStack() as stack:
        fresh = secrets.randbits(32)
        if checkpoint is not None:
            kept = stack.enter_context(Checkpoint.opened(checkpoint, resume, restart.described(), seed, fresh))
            seed, restart = kept.seed, replace(restart, checkpoint=kept)
        seed = fresh if seed is None else int(seed)
        seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(chains)]
        show = stack.enter_context(progress_line(chains)) if progress else lambda report: None
        found, stopped, out_of_time = run_restarts(restart, seeds, cores, show)
    settings = {
        "algorithm": algorithm,
        "settling": settling if settling.rounds else None,
        "sampling": sampling,
        "target_prior": target_prior or TargetPrior(),
        "max_parents": known.max_parents,
        "budget": seconds,
    }
    if why := stopped or _out_of_time(out_of_time) or _not_settled(found, algorithm, settling):
        warnings.warn(why, RuntimeWarning, stacklevel=2)
    return CausalPosterior(data, tuple(found), seed, describe(settings), stopped)


def _check_kept(checkpoint: str | PathLike[str] | None, resume: bool) -> None:
    check("resume", resume, truth())
    check("checkpoint", checkpoint, of_type(str, PathLike, optional=True))
    if resume and checkpoint is None:
        raise ValueError("resume is said without a checkpoint; name the folder, checkpoint=...")


def _seconds(budget: float | str | timedelta | None) -> float | None:
    if budget is None:
        return None
    wrong = f'budget must be a time above 0, such as "10 min", or a number of seconds, got {budget!r}'
    if isinstance(budget, bool) or not isinstance(budget, (int, float, str, timedelta)):
        raise TypeError(wrong)
    if isinstance(budget, str):
        with suppress(ValueError):  # pandas would take a number without a unit for nanoseconds
            budget = float(budget)
    try:
        time = pd.Timedelta(budget, unit="s") if isinstance(budget, (int, float)) else pd.Timedelta(budget)
    except (ValueError, OverflowError) as error:
        raise ValueError(wrong) from error
    if not time > pd.Timedelta(0):  # NaT neither
        raise ValueError(wrong)
    return time.total_seconds()


def _look_at(data: InterventionalData) -> None:
    """Refuse a table in which nothing tells two columns apart, and warn of what can turn the answer."""
    if exact := [each for each in data.check().named("copy") if each.numbers.get("exact")]:
        extra = exact[0].variables[1]
        raise ValueError(
            f"data: {exact[0].message}; leave all but one out, as in ignore=[{extra!r}] (--ignore {extra} in the shell)"
        )
    if dangerous := data.check().warning:
        warnings.warn(dangerous, TableWarning, stacklevel=3)


def _checked(
    data: InterventionalData, knowledge: Knowledge | None, target_prior: TargetPrior | None, edges: Knowledge
) -> Knowledge:
    """All that is known of the graph; complain of it, and of what is believed of targets, before any work."""
    check("knowledge", knowledge, of_type(Knowledge, optional=True))
    check("target_prior", target_prior, of_type(TargetPrior, optional=True))
    regimes = {regime.name: regime.targets for regime in data.regimes}
    (target_prior or TargetPrior()).compile(data.names, regimes, data.aside)
    known = edges | (knowledge or Knowledge())
    known.apart(data.exposures, data.names, data.covariates).compile(data.names)
    return known


def _agreed(
    algorithm: SDI, settling: Settling | None, sampling: Sampling | None, max_steps: int | None
) -> tuple[SDI, Settling]:
    """Settings that fit together; complain of those that do not."""
    if not isinstance(algorithm, SDI):
        raise TypeError(f"algorithm must be an SDI, got {algorithm!r}; say SDI() or SDI.paper()")
    held_out = algorithm.fitting.held_out > 0
    settling = (Settling() if held_out else Settling(rounds=0)) if settling is None else settling
    check("settling", settling, of_type(Settling))
    if settling.rounds and not held_out:
        raise ValueError("settling needs held-out rows; set GraphFitting.held_out above 0 or Settling.rounds to 0")
    check("sampling", sampling, of_type(Sampling, optional=True))
    if sampling and not settling.rounds:
        how = "leave Settling.rounds above 0" if held_out else "take an algorithm that holds out rows to settle by"
        raise ValueError(f"sampling begins at a settled graph; {how}")
    if not settling.rounds:  # then nothing needs rows that were held out
        algorithm = replace(algorithm, fitting=replace(algorithm.fitting, held_out=0.0))
    if settling.rounds:
        warm_up = min(settling.warm_up, algorithm.fitting.warm_up)
        algorithm = replace(algorithm, fitting=replace(algorithm.fitting, warm_up=warm_up))
    if max_steps is None and settling.rounds:
        max_steps = min(settling.proposal, algorithm.stopping.max_steps)
    if max_steps is not None:
        algorithm = replace(algorithm, stopping=replace(algorithm.stopping, max_steps=max_steps))
    return algorithm, settling


def _out_of_time(cut: str | None) -> str | None:
    return cut and f"{cut}; give it more, or resume=True (--resume in the shell) if there is a checkpoint"


def _not_settled(chains: Sequence[Chain], algorithm: SDI, settling: Settling) -> str | None:
    """After how much work some chains have not settled, and what to do; None where all have."""
    stuck = [chain for chain in chains if not chain.settled]
    if not stuck:
        return None
    if settling.rounds:
        done, last = max(len(chain.rounds) for chain in stuck), "; ".join(chain.changed for chain in stuck)
        how = f"{number_of(done, 'round')} of settling (changed in the last: {last}); raise Settling.rounds"
    else:
        confidence = ", ".join(f"{chain.trace['confidence'].iloc[-1]:.3f}" for chain in stuck)
        how = f"{algorithm.stopping.max_steps} steps (confidence {confidence}); raise max_steps"
    return (
        f"{len(stuck)} of {len(chains)} chains have not settled after {how}, or read edges between 0 and 1 as undecided"
    )
