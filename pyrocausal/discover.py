"""The front door: from data to a posterior in one call, restarts in parallel."""

from __future__ import annotations

import math
import os
import secrets
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed

from pyrocausal.chain import KEPT, Chain
from pyrocausal.climb import strongest_dag
from pyrocausal.data import InterventionalData
from pyrocausal.imputation import impute
from pyrocausal.knowledge import Edge, Knowledge
from pyrocausal.progress import Report, progress_bar
from pyrocausal.result import CausalPosterior
from pyrocausal.sampling import Sampling, sample_graphs
from pyrocausal.sdi import SDI
from pyrocausal.settings import describe
from pyrocausal.settle import Settled, Settling, prices, settle
from pyrocausal.state import Info
from pyrocausal.targets import TargetPrior
from pyrocausal.threads import one_thread

__all__ = ["discover"]

ROUND = 30  # steps of the progress bar that a round of settling counts as: about as long, on the networks we measured


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
) -> CausalPosterior:
    """Learn a causal graph and the targets of every regime.

    Parameters
    ----------
    data
        Observational rows and regimes. Missing values are drawn anew for every chain, from what the rest of their row
        says (see `pyrocausal.imputation`). A row of weight w counts as w rows.
    chains
        Independent restarts, each with its own seed and mechanisms; default 4.
    cores
        Processes to spread the chains over, one thread each; default: all cores, but no more than chains. The result
        does not depend on it.
    seed
        Makes the result reproducible on one machine; default: a fresh one, kept in the result.
    max_steps
        Steps of the three phases at the most; default: the algorithm's own, or fewer where settling follows. Without
        settling a chain whose beliefs are then not near 0 or 1 is warned of.
    progress
        Whether to show a progress bar.
    required, forbidden
        Edges (cause, effect) known to be there or known not to be.
    knowledge
        What else is known: likely edges, tiers, how many causes a variable has at the most (which graphs keep to, and
        beliefs of the three phases alone do not; see `Knowledge`).
    target_prior
        What is believed of targets that the data leave unknown: whether there may be several, and how likely each is.
        Default: one or none, all equally likely.
    algorithm
        Settings of the three phases; default `SDI()`. `SDI.paper()` is the published algorithm.
    settling
        Settings of what follows them; default `Settling()`, or none where the algorithm holds no rows out for it, as
        `SDI.paper()`. `Settling(rounds=0)` leaves it out.
    sampling
        How graphs are drawn from the posterior after settling; default: none are. Then an edge's probability is its
        share of the draws, and no longer a comparison with the settled graph alone.

    Returns
    -------
    CausalPosterior

    Raises
    ------
    TypeError
        If `data` is no `InterventionalData`, `algorithm` no `SDI`, `settling` no `Settling`, `knowledge` no
        `Knowledge`, `target_prior` no `TargetPrior` or `sampling` no `Sampling`.
    ValueError
        If a number is out of range, what is known contradicts itself, or settling is asked for
        where the algorithm holds no rows out.

    Warns
    -----
    RuntimeWarning
        If a chain ended before it settled.

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
            "InterventionalData.from_frame, from_frames, from_arrays, from_csv or from_npz"
        )
    limits = (("chains", chains, 1), ("cores", cores, 1), ("max_steps", max_steps, 1), ("seed", seed, 0))
    for name, value, least in limits:
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral) or value < least):
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if not isinstance(knowledge, Knowledge | None):
        raise TypeError(f"knowledge must be a Knowledge, got {knowledge!r}")
    if not isinstance(target_prior, TargetPrior | None):
        raise TypeError(f"target_prior must be a TargetPrior, got {target_prior!r}")
    regimes = {regime.name: regime.targets for regime in data.regimes}
    (target_prior or TargetPrior()).compile(data.names, regimes, data.exposures)
    known = Knowledge(required, forbidden) | (knowledge or Knowledge())
    known.apart(data.exposures, data.names).compile(data.names)  # complain before any work
    algorithm = SDI() if algorithm is None else algorithm
    if not isinstance(algorithm, SDI):
        raise TypeError(f"algorithm must be an SDI, got {algorithm!r}; say SDI() or SDI.paper()")
    held_out = algorithm.fitting.held_out > 0
    settling = (Settling() if held_out else Settling(rounds=0)) if settling is None else settling
    if not isinstance(settling, Settling):
        raise TypeError(f"settling must be a Settling, got {settling!r}")
    if settling.rounds and not held_out:
        raise ValueError("settling needs held-out rows; set GraphFitting.held_out above 0 or Settling.rounds to 0")
    if not isinstance(sampling, Sampling | None):
        raise TypeError(f"sampling must be a Sampling, got {sampling!r}")
    if sampling and not settling.rounds:
        how = "leave Settling.rounds above 0" if held_out else "take an algorithm that holds out rows to settle by"
        raise ValueError(f"sampling begins at a settled graph; {how}")
    if not settling.rounds:  # then nothing needs rows that were held out
        algorithm = replace(algorithm, fitting=replace(algorithm.fitting, held_out=0.0))
    if max_steps is None and settling.rounds:
        max_steps = min(settling.proposal, algorithm.stopping.max_steps)
    if max_steps is not None:
        algorithm = replace(algorithm, stopping=replace(algorithm.stopping, max_steps=max_steps))
    seed = secrets.randbits(32) if seed is None else int(seed)
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(chains)]
    cores = min(cores or os.cpu_count() or 1, chains)

    steps = algorithm.stopping.max_steps + ROUND * settling.rounds * len(settling.stages(data.kinds))
    with progress_bar(chains, steps, across_processes=cores > 1) if progress else nullcontext() as report:
        shared = algorithm, settling, sampling, data, known, target_prior
        jobs = (delayed(_run_chain)(*shared, number, s, report) for number, s in enumerate(seeds))
        found = Parallel(n_jobs=cores, max_nbytes=None)(jobs)
    settings = {
        "algorithm": algorithm,
        "settling": settling if settling.rounds else None,
        "sampling": sampling,
        "target_prior": target_prior or TargetPrior(),
        "max_parents": known.max_parents,
    }
    result = CausalPosterior(data, tuple(found), seed, describe(settings))
    if stuck := [chain for chain in found if not chain.settled]:
        if settling.rounds:
            moves = ", ".join(str(chain.rounds["moves"].iloc[-1]) for chain in stuck)
            done = max(len(chain.rounds) for chain in stuck)
            how = f"{done} rounds of settling (edges changed in the last: {moves}); raise Settling.rounds"
        else:
            confidence = ", ".join(f"{chain.trace['confidence'].iloc[-1]:.3f}" for chain in stuck)
            how = f"{algorithm.stopping.max_steps} steps (confidence {confidence}); raise max_steps"
        warnings.warn(
            f"{len(stuck)} of {chains} chains have not settled after {how}, or read edges between 0 and 1 as undecided",
            RuntimeWarning,
            stacklevel=2,
        )
    return result


def _run_chain(
    algorithm: SDI,
    settling: Settling,
    sampling: Sampling | None,
    data: InterventionalData,
    known: Knowledge,
    target_prior: TargetPrior | None,
    number: int,
    seed: int,
    report: Callable[[Report], object] | None,
) -> Chain:
    steps: list[dict[str, Any]] = []
    rounds: list[dict[str, Any]] = []
    logits: deque[torch.Tensor] = deque(maxlen=KEPT)
    most = settling.rounds * len(settling.stages(data.kinds))

    def on_info(info: Info) -> None:
        steps.append({name: getattr(info, name) for name in ("step", "loss", "confidence", "edges", "gradient_norm")})
        logits.append(info.edge_probability.logit().cpu())
        if report is not None:
            left = 0 if info.settled else algorithm.stopping.max_steps - info.step
            report(Report(number, info.step, info.confidence, info.edges, left + most * ROUND))

    def on_settled(settled: Settled) -> None:
        edges = int(settled.dag.sum())
        rounds.append({"round": settled.round, "evidence": settled.evidence, "edges": edges, "moves": settled.moves})
        if report is not None:
            left = 0 if settled.stable else most - settled.round
            done = len(steps) + settled.round * ROUND
            report(Report(number, done, settled.confidence, edges, left * ROUND))

    start = time.process_time()
    with one_thread(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the beliefs have not settled", RuntimeWarning)  # said once for all chains
        data = impute(data, seed=seed)
        state, info = algorithm.run(data, seed=seed, knowledge=known, target_prior=target_prior, on_info=on_info)
        settled = settle(state, settling, seed=seed, on_settled=on_settled) if settling.rounds else None
        drawn = None
        if settled and sampling:
            limit, free = known.max_parents, state.model.beliefs.free
            joint = settled.joint.priced(prices(state, sampling.price))
            many = sampling.draws, sampling.warm_up
            drawn = sample_graphs(joint, settled.dag, free, *many, seed=seed, max_parents=limit)
    last = drawn or settled or info
    return Chain(
        seed=seed,
        model=state.model,
        edge_probability=last.edge_probability,
        beliefs=info.edge_probability,
        target_probability=last.target_probability,
        dag=settled.dag if settled else strongest_dag(info.edge_probability, known.max_parents),
        evidence=settled.evidence if settled else math.nan,
        trace=pd.DataFrame(steps).set_index("step"),
        rounds=pd.DataFrame(rounds, columns=["round", "evidence", "edges", "moves"]).set_index("round"),
        settled=settled.stable if settled else info.settled,
        cpu_seconds=time.process_time() - start,
        graphs=drawn.graphs if drawn else None,
        graph_evidence=drawn.evidence if drawn else None,
        graph_targets=drawn.targets if drawn else None,
        accepted=drawn.accepted if drawn else None,
        belief_logits=torch.stack([*logits]),
    )
