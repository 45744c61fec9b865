"""Independent restarts: one is the three phases, settling and draws; many run through joblib, in processes.

Everything random in a chain comes from its seed, and it computes with one thread, so a chain is the same wherever it
runs. Torch's random state belongs to a process: chains that joblib puts into threads of one process take turns.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import torch
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.missing import any_missing
from pyrocausal.evidence.edge_price import edge_prices
from pyrocausal.evidence.imputation import impute
from pyrocausal.evidence.strength import edge_strengths, target_strengths
from pyrocausal.fit.channel import Channel, open_channel
from pyrocausal.fit.signals import deaf, stopping_signals
from pyrocausal.posterior.chain import KEPT, ROUNDS, Chain
from pyrocausal.runtime.interruption import Interrupted, interruptible, now_doing
from pyrocausal.runtime.progress import Report
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.state import Info, State
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.graph_kernel import Sampled, Sampling, sample_graphs
from pyrocausal.search.hill_climb import strongest_dag
from pyrocausal.search.rounds import Settled
from pyrocausal.search.settings import Settling
from pyrocausal.search.settling import settle

__all__ = ["Ending", "Restart", "run_restarts"]

PHASES = "fitting"  # the three phases
_turn = threading.Lock()


class Ending(NamedTuple):
    """What a restart gives back.

    Attributes
    ----------
    chain
        None where it was asked to stop before it had made a step.
    cut
        How far it was when it was asked to stop; None where it ran to its end.
    """

    chain: Chain | None
    cut: str | None


@dataclass(frozen=True)
class Restart:
    """What all chains have in common; see `pyrocausal.discover`.

    Attributes
    ----------
    algorithm, settling, sampling
        What they do.
    data, known, target_prior
        What they do it with.
    """

    algorithm: SDI
    settling: Settling
    sampling: Sampling | None
    data: InterventionalData
    known: Knowledge
    target_prior: TargetPrior | None

    def __sizeof__(self) -> int:
        """Bytes, those of the rows among them: Dask sends what is large to every worker once, not with every chain."""
        return object.__sizeof__(self) + sum(part.rows.nbytes for part in self.data.parts)

    def run(self, number: int, seed: int, channel: Channel) -> Ending:
        """Run one chain.

        Parameters
        ----------
        number
            Of the chain, for its reports.
        seed
            Of everything random in it.
        channel
            Where it reports, and whether it is to stop.
        """
        steps: list[dict[str, Any]] = []
        rounds: list[dict[str, Any]] = []
        logits: deque[torch.Tensor] = deque(maxlen=KEPT)

        def on_info(info: Info) -> None:
            names = ("step", "loss", "confidence", "edges", "gradient_norm")
            steps.append({name: getattr(info, name) for name in names})
            logits.append(info.edge_probability.logit().cpu())
            work.edges = info.edges
            now_doing(PHASES, info.step, self.algorithm.stopping.max_steps)
            channel.report(stands())

        def on_settled(settled: Settled) -> None:
            edges = int(settled.dag.sum())
            here = (settled.round, settled.evidence, edges, settled.moves, settled.switched)
            rounds.append(dict(zip(ROUNDS, here, strict=True)))
            channel.report(stands())

        def stands() -> Report:
            return Report(number, work.doing, work.done, work.of, work.families, work.evidence, work.edges)

        settled, drawn = None, None
        asked = partial(channel.asked_to_stop, stands)
        with _turn, reproducible_torch(), interruptible(asked) as work, warnings.catch_warnings():
            start = time.process_time()
            warnings.filterwarnings("ignore", "the beliefs have not settled", RuntimeWarning)  # said once for all
            try:
                now_doing("drawing missing values" if any_missing(self.data.kinds) else PHASES)
                data, known, prior = impute(self.data, seed=seed), self.known, self.target_prior
                state, info = self.algorithm.run(data, seed=seed, knowledge=known, target_prior=prior, on_info=on_info)
                if self.settling.rounds:
                    settled = settle(state, self.settling, seed=seed, on_settled=on_settled)
                if settled and self.sampling:
                    drawn = self._draw(state, settled, self.sampling, seed)
            except Interrupted:
                if not steps:
                    return Ending(None, "had not made a step")
        last = drawn or settled or info
        chain = Chain(
            seed=seed,
            model=state.model,
            edge_probability=last.edge_probability,
            beliefs=info.edge_probability,
            target_probability=last.target_probability,
            dag=settled.dag if settled else strongest_dag(info.edge_probability, known.max_parents),
            trace=pd.DataFrame(steps).set_index("step"),
            rounds=pd.DataFrame(rounds, columns=ROUNDS).set_index("round"),
            settled=not work.stopped and (settled.stable if settled else info.settled),
            cpu_seconds=time.process_time() - start,
            several=settled.joint.prior.several if settled else state.prior.several,
            **(_settled_fields(settled) if settled else {"evidence": math.nan}),
            **(_drawn_fields(drawn) if drawn else {}),
            belief_logits=torch.stack([*logits]),
        )
        channel.report(stands()._replace(ended=True))
        if not work.stopped:
            return Ending(chain, None)
        return Ending(chain, _how_far(len(steps), len(rounds), settled))

    def _draw(self, state: State, settled: Settled, sampling: Sampling, seed: int) -> Sampled:
        """Draw graphs around the settled one; the program then believes what the draws say of edges."""
        beliefs, joint = state.model.beliefs, settled.joint.priced(edge_prices(state, sampling.price))
        many, limit = (sampling.draws, sampling.warm_up), self.known.max_parents
        drawn = sample_graphs(joint, settled.dag, beliefs.free, *many, seed=seed, max_parents=limit)
        beliefs.believe(drawn.edge_probability)
        return drawn


def _settled_fields(settled: Settled) -> dict[str, Any]:
    """What only settling tells of a chain."""
    joint, pooled, dag = settled.joint, settled.pooled, settled.dag
    return {
        "evidence": settled.evidence,
        "predictive": joint is not pooled,
        "several_gain": settled.several,
        "drift": pooled.drift(dag) if pooled else None,
        "edge_strength": edge_strengths(joint, dag),
        "target_strength": target_strengths(joint, dag),
    }


def _drawn_fields(drawn: Sampled) -> dict[str, Any]:
    """What only draws tell of a chain."""
    return {
        "graphs": drawn.graphs,
        "graph_evidence": drawn.evidence,
        "graph_targets": drawn.targets,
        "accepted": drawn.accepted,
    }


def _how_far(steps: int, rounds: int, settled: Settled | None) -> str:
    where = f" and round {rounds} of settling" if rounds else " and in round 1 of settling" if settled else ""
    return f"was cut short after step {steps}{where}"


def run_restarts(
    restart: Restart, seeds: Sequence[int], cores: int | None, show: Callable[[Report], object]
) -> tuple[list[Chain], str | None]:
    """Run a chain per seed, in processes.

    Parameters
    ----------
    restart
        What they have in common.
    seeds
        One each.
    cores
        Processes at the most; None: what `joblib.parallel_config` says, or else all cores.
    show
        Takes reports.

    Returns
    -------
    tuple of list and str or None
        The chains, and what Ctrl-C or SIGTERM has cut short; None where neither came.

    Raises
    ------
    KeyboardInterrupt
        If either came before a chain had made a step, or twice.
    """
    stop = threading.Event()
    with stopping_signals(stop) as heard, open_channel(show, stop) as channel:
        jobs = (delayed(_run)(restart, number, seed, channel) for number, seed in enumerate(seeds))
        try:
            endings = Parallel(n_jobs=_processes(cores, len(seeds)), batch_size=1, max_nbytes=None)(jobs)
        except Exception as error:
            if stop.is_set():  # a worker that was still starting dies of the signal
                raise KeyboardInterrupt from error
            raise
        stopped = stop.is_set()
    chains = [ending.chain for ending in endings if ending.chain is not None]
    if not chains:
        raise KeyboardInterrupt
    return chains, _told(endings, heard[0]) if stopped else None


def _run(restart: Restart, number: int, seed: int, channel: Channel) -> Ending:
    with nullcontext() if channel.local else deaf():  # workers hear of signals by the channel
        return restart.run(number, seed, channel)


def _processes(cores: int | None, chains: int) -> int:
    """How many processes joblib is asked for. A cluster has as many as it has."""
    configured = get_active_backend()[1] if cores is None else cores
    return min(effective_n_jobs(-1 if configured is None else configured), chains)


def _told(endings: Sequence[Ending], by: str) -> str:
    """What a signal has cut short, in a sentence."""
    cut = [f"chain {number} {ending.cut}" for number, ending in enumerate(endings) if ending.cut]
    left_out = sum(ending.chain is None for ending in endings)
    what = f"{', '.join(cut) or 'all chains had ended'}"
    return f"{by}: {what}; {len(endings) - left_out} of {len(endings)} chains are kept"
