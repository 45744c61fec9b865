"""The front door: from data to a posterior in one call, restarts in parallel."""

from __future__ import annotations

import os
import secrets
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed

from pyrocausal.data import InterventionalData
from pyrocausal.knowledge import Edge, fixed_edges
from pyrocausal.progress import Report, progress_bar
from pyrocausal.result import CausalPosterior, Chain
from pyrocausal.sdi import SDI
from pyrocausal.state import Info

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
    algorithm: SDI | None = None,
) -> CausalPosterior:
    """Learn a causal graph and the targets of every regime.

    Parameters
    ----------
    data
        Observational rows and regimes.
    chains
        Independent restarts, each with its own seed and mechanisms; default 4.
    cores
        Processes to spread the chains over, one thread each; default: all cores, but no more than chains. The result
        does not depend on it.
    seed
        Makes the result reproducible on one machine; default: a fresh one, kept in the result.
    max_steps
        Steps after which a chain ends even if it has not settled, with a warning; default: the algorithm's own.
    progress
        Whether to show a progress bar.
    required, forbidden
        Edges (cause, effect) known to be there or known not to be.
    algorithm
        Settings; default `SDI()`. `SDI.paper()` is the published algorithm.

    Returns
    -------
    CausalPosterior

    Raises
    ------
    TypeError
        If `data` is no `InterventionalData` or `algorithm` no `SDI`.
    ValueError
        If a number is out of range or the required and forbidden edges contradict each other.

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
    required, forbidden = tuple(required), tuple(forbidden)
    fixed_edges(data.names, required, forbidden)  # complain before any work
    algorithm = SDI() if algorithm is None else algorithm
    if not isinstance(algorithm, SDI):
        raise TypeError(f"algorithm must be an SDI, got {algorithm!r}; say SDI() or SDI.paper()")
    if max_steps is not None:
        algorithm = replace(algorithm, stopping=replace(algorithm.stopping, max_steps=max_steps))
    seed = secrets.randbits(32) if seed is None else int(seed)
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(chains)]
    cores = min(cores or os.cpu_count() or 1, chains)

    steps = algorithm.stopping.max_steps
    with progress_bar(chains, steps, across_processes=cores > 1) if progress else nullcontext() as report:
        jobs = (delayed(_run_chain)(algorithm, data, required, forbidden, c, s, report) for c, s in enumerate(seeds))
        found = Parallel(n_jobs=cores, max_nbytes=None)(jobs)
    result = CausalPosterior(data, tuple(found), seed)
    stuck = [c for c, chain in enumerate(found) if not chain.settled]
    if stuck:
        confidence = ", ".join(f"{found[c].trace['confidence'].iloc[-1]:.3f}" for c in stuck)
        warnings.warn(
            f"{len(stuck)} of {chains} chains have not settled after {algorithm.stopping.max_steps} steps (confidence "
            f"{confidence}); raise max_steps, or read edges between 0 and 1 as undecided",
            RuntimeWarning,
            stacklevel=2,
        )
    return result


def _run_chain(
    algorithm: SDI,
    data: InterventionalData,
    required: tuple[Edge, ...],
    forbidden: tuple[Edge, ...],
    number: int,
    seed: int,
    report: Callable[[Report], object] | None,
) -> Chain:
    rows: list[dict[str, Any]] = []

    def keep(info: Info) -> None:
        rows.append({name: getattr(info, name) for name in ("step", "loss", "confidence", "edges", "gradient_norm")})
        if report is not None:
            report(Report(number, info.step, info.confidence, info.edges, info.settled))

    start = time.process_time()
    with _one_thread(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the beliefs have not settled", RuntimeWarning)  # said once for all chains
        state, info = algorithm.run(data, seed=seed, required=required, forbidden=forbidden, on_info=keep)
    return Chain(
        seed=seed,
        model=state.model,
        edge_probability=info.edge_probability,
        target_probability=info.target_probability,
        trace=pd.DataFrame(rows).set_index("step"),
        settled=info.settled,
        cpu_seconds=time.process_time() - start,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread per chain: the sums of a parallel reduction depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
