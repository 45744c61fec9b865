"""Three phases that are taken up where a journal says they were: see `pyrocausal.runtime.journal`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyrocausal.runtime.journal import Entry, current_journal
from pyrocausal.runtime.torch_state import random_state, set_random_state
from pyrocausal.sdi.state import Info, State

__all__ = ["keep_step", "taken_up"]

STEP = "step of the three phases"
TENSORS, NUMBERS = ("likelihood", "target_probability", "graph"), ("step", "loss", "unchanged")


def taken_up(state: State, tell: Callable[[Info], object]) -> tuple[State, Info | None]:
    """Where a fit was, after the last step that its journal has a snapshot of.

    Parameters
    ----------
    state
        Where it begins; its model and optimisers are updated in place.
    tell
        Told of all steps so far.

    Returns
    -------
    tuple of State and Info or None
        The state, and what the last step said; None where there is nothing to take up.
    """
    journal = current_journal()
    if journal is None:
        return state, None
    kept = journal.snapshot or {"step": 0}
    steps = [Info(*entry.value) for entry in journal.take_up(STEP, kept["step"])]
    for info in steps:
        tell(info)
    if not steps:
        return state, None
    for part, tensors in zip(_parts(state), kept["parts"], strict=True):
        part.load_state_dict(tensors)
    set_random_state(kept["random"])
    device = state.likelihood.device
    tensors = {name: kept[name].to(device) for name in TENSORS}
    return replace(state, **tensors, **{name: kept[name] for name in NUMBERS}), steps[-1]


def keep_step(state: State, info: Info, *, last: bool) -> None:
    """Tell the journal, if there is one, of a step, and now and then, and after the last one, where the fit is."""
    if (journal := current_journal()) is None:
        return

    def snapshot() -> dict[str, Any]:
        parts = [part.state_dict() for part in _parts(state)]
        return {
            "parts": parts, "random": random_state(), **{name: getattr(state, name) for name in (*TENSORS, *NUMBERS)}
        }  # fmt: skip

    journal.add(Entry(STEP, tuple(info), None))
    journal.save(snapshot, at_once=last)


def _parts(state: State) -> tuple[Any, ...]:
    return state.model, state.mechanism_optimiser, state.belief_optimiser
