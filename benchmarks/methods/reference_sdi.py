"""The published implementation of SDI, on our rows; the targets are unknown to it.

The repository makes its data itself, from a graph it is given. Here its world is replaced by one without a graph:
wherever the original samples from the ground truth, rows are drawn from the observational table, and wherever it makes
an intervention, one of the regimes is drawn. Everything else is the repository's own loop: each "distribution" fits the
networks for 10,000 batches of 256 rows and then takes 100 interventions, each of which guesses its target from 100
batches and moves the edge beliefs once. In the original every distribution is a new ground truth over the same graph;
ours is always the same one, so later fits only carry on with the networks. Flags are those of its README, where
--limit-samples has become the rows that a regime has. Categories only.

By default the repository takes 200 epochs of 10 distributions, 200,000 interventions; `REFERENCE_SDI` takes 5 epochs.
A regime's target is the one guessed most often in its last 20 interventions. `watch` is called after every tenth
intervention, and interventions are the steps; of a cycle of edges believed with more than a half the weakest edge goes.

Install, on a machine with AVX2 and FMA and a C compiler: ``pip install setuptools Pillow``, ``pip install
--use-deprecated=legacy-resolver nauka==0.0.11``, and in a checkout ``python setup.py build_ext --inplace``; then pass
the checkout. Two habits of old torch that the code relies on are restored while it runs.

References
----------
Ke, Bilaniuk, Goyal, Bauer, Larochelle, Pal and Bengio (2019), Learning neural causal models from unknown interventions,
arXiv:1910.01075. Code: https://github.com/nke001/causal_learning_unknown_interventions.
"""

from __future__ import annotations

import importlib.util
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks.methods.base import Answer, Method, Watch, acyclic
from benchmarks.methods.peers import absent, all_categorical, environments, peer
from pyrocausal import InterventionalData

__all__ = ["FLAGS", "REFERENCE_SDI", "method"]

MODULES = "causal.experiment", "causal.models", "causal._causal"
REMEDY = (
    "pass a checkout of github.com/nke001/causal_learning_unknown_interventions, installed as "
    "benchmarks/methods/reference_sdi.py says"
)
GUESSES = 20  # interventions of a regime whose guesses are counted
LOOK_EVERY = 10  # interventions
FLAGS = {
    "train_functional": 10_000, "mopt": "adam:5e-2,0.9", "gopt": "adam:5e-3,0.1", "lsparse": 0.1, "bs": 256,
    "ldag": 0.5, "predict": 100, "temperature": 1,
}  # fmt: skip


def _tables(data: InterventionalData) -> list[torch.Tensor]:
    """Codes of the observational rows and of each regime, int32 [d, n]: the repository has rows on the last axis."""
    return [torch.from_numpy(rows.T.astype(np.int32)) for rows in environments(data)]


def _world(base: Any, data: InterventionalData, look: Callable[[torch.Tensor], None]) -> type:
    """Make the repository's world draw from our tables, with no graph behind them."""
    observational, *regimes = _tables(data)

    class World(base):
        def initgraph(self) -> World:
            self.M, self.N = data.d, np.asarray(data.cardinalities, dtype=np.int32)
            self.initgammagt()  # all zero
            self.dataset = observational
            self.guesses: list[deque[int]] = [deque(maxlen=GUESSES) for _ in regimes]
            return self

        def alterdists(self) -> World:
            return self

        @contextmanager
        def intervention(self) -> Iterator[Sequence[int]]:
            self.regime = np.random.randint(len(regimes))  # noqa: NPY002 (the repository seeds the global generator)
            self.dataset = regimes[self.regime]
            yield ()  # it asks for the true target, but only to log it
            self.dataset = observational

        def logprob_nograd(self, sample: Any, config: Any, block: Any = (), **settings: Any) -> torch.Tensor:
            if isinstance(block, int):  # the guess whose likelihood it leaves out
                self.last_guess = block
            return super().logprob_nograd(sample, config, block, **settings)

        def reconstrain_gamma(self) -> None:
            super().reconstrain_gamma()
            self.guesses[self.regime].append(self.last_guess)
            look(self.gamma)

    return World


def _read(logits: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and DAG, [d, d] with row = effect as in the repository."""
    probability = logits.detach().double().sigmoid().numpy()
    return probability, acyclic(probability)


def _targets(guesses: Sequence[Sequence[int]], names: Sequence[str]) -> list[set[str]]:
    """The most frequent guess of each regime; none for a regime never drawn."""
    return [{names[node] for node, _ in Counter(seen).most_common(1)} for seen in guesses]


def _arguments(package: Any, seed: int, flags: dict[str, Any]) -> Any:
    """Parse flags as the repository's run.py does."""
    spec: Any = importlib.util.spec_from_file_location("_sdi_run", Path(package.__file__).parents[1] / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    command = [text for flag, value in flags.items() for text in (f"--{flag}", str(value))]
    return run.root.addAllArgs().parse_args(["train", "--seed", str(seed), *command])


def _resize_as_before(storage: torch.TypedStorage, size: int) -> torch.TypedStorage:
    """Resize in place and return the storage: torch returned it when the repository was written."""
    storage.untyped().resize_(size * storage.element_size())
    return storage


def _fit(
    data: InterventionalData,
    targets: dict[str, tuple[str, ...]],
    seed: int,
    watch: Watch,
    checkout: Path | None,
    *,
    epochs: int,
    flags: dict[str, Any],
) -> Answer:
    steps = 0

    def look(logits: torch.Tensor) -> None:
        nonlocal steps
        steps += 1
        if steps % LOOK_EVERY == 0:
            watch(*_read(logits))

    with peer(checkout, *MODULES) as (experiment, models, _):
        original: Any = experiment.Experiment

        class Experiment(original):
            def __init__(self, arguments: Any) -> None:  # the original opens log files and folders
                self.a = arguments

        world = _world(models.CategoricalWorld, data, look)
        with (
            mock.patch.multiple(experiment, CategoricalWorld=world, logging=mock.DEFAULT),
            mock.patch.object(torch.TypedStorage, "resize_", _resize_as_before),
        ):
            run = Experiment(_arguments(experiment, seed, flags)).fromScratch()
            for optimizer in (run.S.msoptimizer, run.S.goptimizer):  # the C code writes gradients in place
                optimizer.zero_grad = partial(optimizer.zero_grad, set_to_none=False)
            for _ in range(epochs):
                run.interval()
    model = run.S.model
    return Answer(*_read(model.gamma), targets=_targets(model.guesses, data.names), steps=steps)


def method(name: str, epochs: int = 5, **flags: Any) -> Method:
    """The reference with other flags of its run.py, by their names, beside those of its README."""
    return Method(
        name=name,
        told_targets=False,
        missing=lambda checkout: absent(checkout, REMEDY, *MODULES),
        fit=partial(_fit, epochs=epochs, flags=FLAGS | flags),
        handles=all_categorical,
    )


REFERENCE_SDI = method("sdi-reference")
