"""One restart: the three phases, settling and draws, which can be asked to stop, and keep a journal if wanted.

Everything random in a chain comes from its seed, and it computes with one thread, so a chain is the same wherever it
runs. Torch's random state belongs to a process: chains that joblib puts into threads of one process take turns.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.missing import any_missing
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.edge_price import drawn_edge_prices
from pyrocausal.evidence.imputation import impute
from pyrocausal.evidence.strength import edge_strengths, target_strengths
from pyrocausal.fit.channel import Channel
from pyrocausal.fit.checkpoint import ChainJournal, Checkpoint
from pyrocausal.model.drawn_graphs import DrawnGraphs
from pyrocausal.posterior.chain import KEPT, ROUNDS, Chain
from pyrocausal.posterior.graph_draws import local_graphs
from pyrocausal.runtime.interruption import Interrupted, Work, interruptible, now_doing
from pyrocausal.runtime.journal import journal_kept
from pyrocausal.runtime.progress import Report
from pyrocausal.runtime.side_by_side import cores_of_a_chain
from pyrocausal.runtime.torch_state import reproducible_torch
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import describe
from pyrocausal.sdi.state import Info, State
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.graph_kernel import Sampled, Sampling, sample_graphs
from pyrocausal.search.hill_climb import strongest_dag
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled
from pyrocausal.search.settling import settle

__all__ = ["NOT_BEGUN", "Ending", "Restart"]

LOCAL = 1000  # graphs of the local posterior that a program keeps where none are drawn
MEMORY = 100_000_000  # entries of all of these graphs at the most
PHASES = "fitting"  # the three phases
_turn = threading.Lock()


class Ending(NamedTuple):
    """What a restart gives back.

    Attributes
    ----------
    chain
        None where it was asked to stop before it had made a step.
    cut
        How far it was when it was asked to stop, or out of time; None where it ran to its end.
    out_of_time
        Whether it was that alone.
    """

    chain: Chain | None
    cut: str | None
    out_of_time: bool = False


NOT_BEGUN = Ending(None, "had not made a step")


@dataclass(frozen=True)
class Restart:
    """What all chains have in common; see `pyrocausal.discover`.

    Attributes
    ----------
    algorithm, settling, sampling
        What they do.
    data, known, target_prior
        What they do it with.
    checkpoint
        Where they keep journals; None: nowhere.
    proposes
        Whether the three phases are run for many variables too, before closed forms search.
    cores
        That one chain may take.
    budget
        Seconds that one chain may take, of networks; None: as many as it needs.
    """

    algorithm: SDI
    settling: Settling
    sampling: Sampling | None
    data: InterventionalData
    known: Knowledge
    target_prior: TargetPrior | None
    checkpoint: Checkpoint | None = None
    proposes: bool = True
    cores: int = 1
    budget: float | None = None

    def __sizeof__(self) -> int:
        """Bytes, those of the rows among them: Dask sends what is large to every worker once, not with every chain."""
        return object.__sizeof__(self) + sum(part.rows.nbytes for part in self.data.parts)

    def described(self) -> dict[str, Any]:
        """What makes these chains, as far as it can be written down; functions by their names alone."""
        settings = {"algorithm": self.algorithm, "settling": self.settling, "sampling": self.sampling}
        return {
            "data": self.data,
            "settings": describe(settings),
            "knowledge": tuple(self.known.compile(self.data.names)),
            "target prior": describe(self.target_prior),
        }

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
        told = _Told(number, self.algorithm.stopping.max_steps, channel)
        settled, drawn = None, None
        with (
            _turn,
            reproducible_torch(),
            cores_of_a_chain(self.cores),
            self._journal(number) as journal,
            interruptible(partial(told.asked_to_stop, journal)) as work,
            journal_kept(journal),
            warnings.catch_warnings(),
        ):
            told.work = work
            start, begun = time.process_time(), time.monotonic()
            warnings.filterwarnings("ignore", "the beliefs have not settled", RuntimeWarning)  # said once for all
            try:
                now_doing("drawing missing values" if any_missing(self.data.kinds) else PHASES)
                data, known, prior = impute(self.data, seed=seed), self.known, self.target_prior
                if self.proposes or not are_many(data.kinds):
                    state, info = self.algorithm.run(
                        data, seed=seed, knowledge=known, target_prior=prior, on_info=told.on_info
                    )
                else:
                    state, info = self.algorithm.begin(data, seed=seed, knowledge=known, target_prior=prior)
                    told.on_info(info)
                if self.settling.rounds:
                    left = None if self.budget is None else self.budget - (time.monotonic() - begun)
                    settled = settle(state, self.settling, seed=seed, on_settled=told.on_settled, budget=left)
                if settled and self.sampling:
                    drawn = self._draw(state, settled, self.sampling, seed)
            except Interrupted:
                if not told.steps:
                    return NOT_BEGUN
            seconds = time.process_time() - start
        last = drawn or settled or info
        if settled:
            graphs = drawn.graphs if drawn else _local(settled.edge_probability, seed)
            state.model.beliefs = DrawnGraphs.of(state.model.beliefs.fixed, graphs)
        chain = Chain(
            seed=seed,
            model=state.model,
            edge_probability=last.edge_probability,
            beliefs=info.edge_probability,
            target_probability=last.target_probability,
            dag=settled.dag if settled else strongest_dag(info.edge_probability, known.max_parents),
            settled=not (work.stopped or work.out_of_time) and (settled.stable if settled else info.settled),
            cpu_seconds=seconds if journal is None else journal.seconds,
            several=settled.joint.prior.several if settled else state.prior.several,
            **told.fields(),
            **(_settled_fields(settled) if settled else {"evidence": math.nan}),
            **(_drawn_fields(drawn) if drawn else {}),
        )
        channel.report(told.stands()._replace(ended=True))
        cut = told.how_far(settled) if work.stopped or work.out_of_time else None
        return Ending(chain, cut, work.out_of_time and not work.stopped)

    @contextmanager
    def _journal(self, number: int) -> Iterator[ChainJournal | None]:
        if self.checkpoint is None:
            yield None
            return
        with self.checkpoint.journal(number) as journal:
            yield journal

    def _draw(self, state: State, settled: Settled, sampling: Sampling, seed: int) -> Sampled:
        """Draw graphs around the settled one."""
        free, joint = state.model.beliefs.free, settled.joint.priced(drawn_edge_prices(state, sampling.price))
        many, limit = (sampling.draws, sampling.warm_up), self.known.max_parents
        return sample_graphs(joint, settled.dag, free, *many, seed=seed, max_parents=limit)


class _Told:
    """What a chain has told of its steps and rounds, all of which it reports; `work` is what it does at present."""

    work: Work

    def __init__(self, number: int, max_steps: int, channel: Channel) -> None:
        self.number, self.max_steps, self.channel = number, max_steps, channel
        self.steps: list[dict[str, Any]] = []
        self.rounds: list[dict[str, Any]] = []
        self.logits: deque[torch.Tensor] = deque(maxlen=KEPT)

    def on_info(self, info: Info) -> None:
        names = ("step", "loss", "confidence", "edges", "gradient_norm")
        self.steps.append({name: getattr(info, name) for name in names})
        self.logits.append(info.edge_probability.logit().cpu())
        self.work.edges = info.edges
        now_doing(PHASES, info.step, self.max_steps)
        self.channel.report(self.stands())

    def on_settled(self, settled: Settled) -> None:
        edges = int(settled.dag.sum())
        predictive = settled.joint is not settled.pooled
        here = (settled.round, settled.evidence, edges, settled.moves, settled.switched, predictive)
        self.rounds.append(dict(zip(ROUNDS, here, strict=True)))
        self.channel.report(self.stands())

    def stands(self) -> Report:
        work = self.work
        return Report(self.number, work.doing, work.done, work.of, work.families, work.evidence, work.edges)

    def asked_to_stop(self, journal: ChainJournal | None) -> bool:
        stop = self.channel.asked_to_stop(self.stands)
        if stop and journal is not None:
            journal.close()
        return stop

    def fields(self) -> dict[str, Any]:
        """Those of the chain."""
        return {
            "trace": pd.DataFrame(self.steps).set_index("step"),
            "rounds": pd.DataFrame(self.rounds, columns=ROUNDS).set_index("round"),
            "belief_logits": torch.stack([*self.logits]),
        }

    def how_far(self, settled: Settled | None) -> str:
        """Where it was cut short."""
        rounds = len(self.rounds)
        where = f" and round {rounds} of settling" if rounds else " and in round 1 of settling" if settled else ""
        return f"was cut short after step {len(self.steps)}{where}"


def _local(edge_probability: torch.Tensor, seed: int) -> torch.Tensor:
    """Graphs of the local posterior, as many as are wanted and fit into memory."""
    return local_graphs(edge_probability, min(LOCAL, max(1, MEMORY // edge_probability.numel())), seed)


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
