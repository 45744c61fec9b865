"""This library: its default, and variants that show what a part is worth."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.methods.base import Answer, Method, Watch, acyclic
from benchmarks.problems import Given
from pyrocausal import (
    SDI,
    GraphFitting,
    GraphScoring,
    Info,
    InterventionalData,
    Sampling,
    Settled,
    Settling,
    State,
    Stopping,
    sample_graphs,
    settle,
    targets,
)
from pyrocausal.copies.screening import Residuals, Screen
from pyrocausal.evidence.block_regressors import are_many
from pyrocausal.evidence.edge_price import drawn_edge_prices
from pyrocausal.evidence.imputation import impute
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.strength import edge_strengths, target_strengths
from pyrocausal.model.mechanisms import Family
from pyrocausal.model.new_mechanisms import NewMechanisms

__all__ = [
    "CLOSED_DRAWN",
    "CLOSED_FORM",
    "COPIES",
    "DRAWN",
    "FREE_EDGES",
    "FREE_TARGET",
    "GREATEST_DROP",
    "NO_DRAFT",
    "NO_SCREEN",
    "OURS",
    "PAPER",
    "PHASES",
    "PLUGGED_IN",
    "TOLD",
    "WITHOUT_TARGET_TERM",
]  # fmt: skip


def _method(
    name: str,
    algorithm: SDI,
    settling: Settling | None = None,
    told_targets: bool = False,
    plugged_in: bool = False,
    patched: Sequence[AbstractContextManager[object]] = (),
    sampling: Sampling | None = None,
) -> Method:
    def fit(
        given: Given,
        data: InterventionalData,
        known: dict[str, tuple[str, ...]],
        seed: int,
        watch: Watch,
        checkout: Path | None,
    ) -> Answer:
        data = replace(data, regimes=tuple(replace(each, targets=known.get(each.name)) for each in data.regimes))
        data = impute(data, seed=seed)

        def on_info(info: Info) -> None:
            watch(*_graphs(info.edge_probability))

        def on_settled(settled: Settled) -> None:
            watch(settled.edge_probability.numpy(), settled.dag.numpy())

        with warnings.catch_warnings(), ExitStack() as patches:
            for each in patched:
                patches.enter_context(each)
            warnings.simplefilter("ignore", RuntimeWarning)  # a fit that has not settled is scored as it is
            told: dict[str, Any] = {"seed": seed, "knowledge": given.knowledge, "target_prior": given.target_prior}
            if settling and are_many(data.kinds) and not plugged_in:  # as `discover` has it
                state, info = algorithm.begin(data, **told)
            else:
                state, info = algorithm.run(data, on_info=on_info, **told)
            graphs, probability = _graphs(info.edge_probability), info.target_probability
            strengths: list[np.ndarray | None] = [None, None]
            if settling:
                state = _plug_in(state) if plugged_in else state
                settled = settle(state, settling, seed=seed, on_settled=on_settled)
                graphs, probability = (
                    (settled.edge_probability.numpy(), settled.dag.numpy()),
                    settled.target_probability,
                )
                strengths = [each(settled.joint, settled.dag).numpy() for each in (edge_strengths, target_strengths)]
                if sampling:
                    free, most = state.model.beliefs.free, state.constraints.max_parents
                    joint, many = (
                        settled.joint.priced(drawn_edge_prices(state, sampling.price)),
                        (sampling.draws, sampling.warm_up),
                    )
                    drawn = sample_graphs(joint, settled.dag, free, *many, seed=seed, max_parents=most)
                    graphs, probability = (drawn.edge_probability.numpy(), graphs[1]), drawn.target_probability
        belief = probability[:, :-1].cpu().numpy()
        found = [{name for name, on in zip(data.names, row, strict=True) if on} for row in belief > 0.5]
        if told_targets:
            return Answer(*graphs, None, info.step, None, strengths[0])
        return Answer(*graphs, found, info.step, belief, *strengths)

    return Method(
        name,
        told_targets,
        missing=lambda checkout: None,
        fit=partial(fit, Given()),
        handles=lambda data: True,
        informed=lambda given: partial(fit, given),
    )


def _graphs(probability: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    array = probability.cpu().numpy()
    return array, acyclic(array)


def _plug_in(state: State) -> State:
    """Take the targets that the three phases believe in for known."""
    return replace(state, known=torch.ones_like(state.known), hit=state.targets)


BRIEF = SDI(fitting=GraphFitting(warm_up=Settling().warm_up), stopping=Stopping(max_steps=Settling().proposal))
BELIEVING = SDI(stopping=Stopping(max_steps=30))  # long enough to believe in targets

OURS = _method("ours", BRIEF, Settling())
TOLD = _method("told", BRIEF, Settling(), told_targets=True)
DRAWN = _method("drawn", BRIEF, Settling(), sampling=Sampling())
CLOSED_DRAWN = _method("closed-form-drawn", BRIEF, Settling(refitting=None), sampling=Sampling())
WHOLE = GraphFitting(held_out=0.0)  # as `discover` has it where nothing settles
PHASES = _method("phases", SDI(fitting=WHOLE))
PAPER = _method("paper", SDI.paper())
GREATEST_DROP = _method("greatest-drop", SDI(fitting=WHOLE, scoring=GraphScoring(target_rule=targets.greatest_drop)))

# What each part of settling is worth. What no setting leaves out is patched here, so that the library needs no switch.
CLOSED_FORM = _method("closed-form-only", BRIEF, Settling(refitting=None))
COPIES = _method("copies-only", BRIEF, Settling(closed_form=False))
NO_DRAFT = _method("no-draft", BRIEF, Settling(draft=None))
FREE_EDGES = _method("edges-for-free", BRIEF, Settling(price=0.0))
PLUGGED_IN = _method("targets-plugged-in", BELIEVING, Settling(), plugged_in=True)

_new, _fresh = NewMechanisms.of, PooledEvidence._fresh


def _free(self: NewMechanisms, i: int, parents: tuple[int, ...]) -> torch.Tensor:
    return _new(self, i, ())


def _dropped(self: NewMechanisms, i: int, parents: tuple[int, ...]) -> torch.Tensor:
    """Nothing: the term of a target that is masked."""
    return torch.zeros_like(_new(self, i, ()))


def _free_fresh(self: PooledEvidence, families: Sequence[Family], given: torch.Tensor) -> torch.Tensor:
    return _fresh(self, families, torch.full_like(given, -torch.inf)) + math.log(2)  # all of it, no longer half


def _dropped_fresh(self: PooledEvidence, families: Sequence[Family], given: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(given)


def _everything(self: Screen, residuals: Sequence[Residuals], counts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.ones(len(residuals[0].values), len(self.freedom), dtype=torch.bool)


def _new_mechanisms(
    of: Callable[[NewMechanisms, int, tuple[int, ...]], torch.Tensor],
    fresh: Callable[[PooledEvidence, Sequence[Family], torch.Tensor], torch.Tensor],
) -> list[AbstractContextManager[object]]:
    """Other evidence of new mechanisms, in both kinds of joint evidence."""
    return [patch.object(NewMechanisms, "of", of), patch.object(PooledEvidence, "_fresh", fresh)]


FREE_TARGET = _method("free-target-only", BRIEF, Settling(), patched=_new_mechanisms(_free, _free_fresh))
WITHOUT_TARGET_TERM = _method(
    "target-term-dropped",
    BELIEVING,
    Settling(),
    plugged_in=True,
    patched=_new_mechanisms(_dropped, _dropped_fresh),
)
NO_SCREEN = _method("no-screen", BRIEF, Settling(), patched=[patch.object(Screen, "promising", _everything)])
