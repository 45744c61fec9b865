"""Digests of eight small fits: two checkouts that print the same have the same numbers, to the last bit.

For changes that are to change nothing, such as moving code. Figures of different machines, or of other versions of
torch, cannot be compared. Only the public API is used, so that the file can be laid into an older checkout.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

import pyrocausal as pc

__all__ = ["PROBLEMS", "digest", "digests"]

ALGORITHM = pc.SDI(
    mechanisms=partial(pc.NeuralMechanisms, hidden=8),
    fitting=pc.GraphFitting(warm_up=60, steps=5),
    scoring=pc.GraphScoring(graphs=30, rows=200),
)
BRIEF = pc.Descent(steps=60, rows=128, learning_rate=2e-2, last=1e-3, memory=(0.9, 0.99))
SETTLING = pc.Settling(
    proposal=8, refitting=pc.Refitting(pc.Descent(30, 128, 1e-2), BRIEF, BRIEF), draft=BRIEF, rounds=4, final_steps=30
)
NAMES = ("A", "B", "C", "D", "E")


def table(seed: int, kinds: str, rows: int, hit: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of A -> B -> D, A -> C -> D, D -> E, where what is hit is drawn anew, far away.

    Parameters
    ----------
    seed
        Of the rows.
    kinds
        Of each variable: "s" for states, "x" for numbers, "n" for counts.
    rows
        How many.
    hit
        Variables that are intervened on.
    """
    rng = np.random.default_rng(seed)
    causes = {"A": (), "B": ("A",), "C": ("A",), "D": ("B", "C"), "E": ("D",)}
    level: dict[str, np.ndarray] = {}
    columns: dict[str, Any] = {}
    for name, kind in zip(NAMES, kinds, strict=True):
        mean = sum((np.tanh(1.5 * level[cause]) + 0.2 * level[cause] for cause in causes[name]), np.zeros(rows))
        latent = mean + 0.5 * rng.standard_normal(rows)
        if name in hit:
            latent = 2.5 + 0.7 * rng.standard_normal(rows)
        if kind == "n":
            columns[name] = rng.poisson(np.exp(1.5 + 0.6 * latent.clip(-3, 3)))
            latent = np.log1p(columns[name]) - 1.5
        elif kind == "s":
            columns[name] = np.digitize(latent, [-0.4, 0.6])
            latent = columns[name] - 1.0
        else:
            columns[name] = latent
        level[name] = latent
    return pd.DataFrame(columns)


def experiments(
    kinds: str, hits: Iterable[Sequence[str]] = ("A", "B", "D", ()), rows: int = 400, each: int = 120, **options: Any
) -> pc.InterventionalData:
    """One table without intervention, one for each of `hits`; `options` go to `from_frames`."""
    word = {"s": pc.Categorical, "x": pc.Continuous, "n": pc.Count}
    regimes = {f"regime {r}": table(r + 1, kinds, each, hit) for r, hit in enumerate(hits)}
    named = {name: word[kind] for name, kind in zip(NAMES, kinds, strict=True)}
    return pc.InterventionalData.from_frames(table(0, kinds, rows), regimes, kinds=named, **options)


def with_gaps() -> pc.InterventionalData:
    """Mixed kinds, a tenth of all values missing, and a count in proportion to another column."""
    rng = np.random.default_rng(0)
    word = {"A": pc.Categorical, "B": pc.Continuous, "C": pc.Count(exposure="depth"), "D": pc.Continuous(components=2)}

    def holed(frame: pd.DataFrame) -> pd.DataFrame:
        gone = rng.random(frame.shape) < 0.1
        depth = np.exp(rng.normal(3.0, 0.4, len(frame)))
        return frame.astype(float).mask(gone).assign(depth=depth)

    regimes = {f"regime {r}": holed(table(r + 1, "sxnxs", 120, hit)) for r, hit in enumerate(("A", "B", "D"))}
    kinds = word | {"E": pc.Categorical}
    return pc.InterventionalData.from_frames(holed(table(0, "sxnxs", 400)), regimes, kinds=kinds)


def with_weights() -> pc.InterventionalData:
    """States and numbers whose rows count as more or less than one, some of the graph and targets known."""
    rng = np.random.default_rng(1)
    weigh = [
        table(seed, "sxsxs", n, hit) for seed, n, hit in ((0, 400, ()), (1, 120, "A"), (2, 120, "B"), (3, 90, "D"))
    ]
    control, *regimes = (frame.assign(w=rng.gamma(2.0, 0.5, len(frame))) for frame in weigh)
    kinds = {"A": pc.Categorical, "C": pc.Categorical, "E": pc.Categorical}
    return pc.InterventionalData.from_frames(
        control, dict(zip("abd", regimes, strict=True)), kinds=kinds, targets={"a": "A"}, weights="w"
    )


KNOWN = pc.Knowledge(
    forbidden=[("E", "A")], probability={("A", "B"): 0.8}, tiers=[["A"], ["B", "C", "D", "E"]], max_parents=3
)
SEVERAL = pc.TargetPrior(several=True, probability={"regime 2": {"D": 0.7}})
PROBLEMS: dict[str, Callable[[], tuple[pc.InterventionalData, dict[str, Any]]]] = {
    "categorical": lambda: (experiments("sssss"), {}),
    "continuous": lambda: (experiments("xxxxx"), {}),
    "count": lambda: (experiments("nnnnn"), {}),
    "mixed": lambda: (experiments("sxnxs"), {"knowledge": KNOWN}),
    "gaps": lambda: (with_gaps(), {}),
    "weights": lambda: (with_weights(), {"knowledge": KNOWN}),
    "several": lambda: (experiments("xsxsx", ("A", "BC", "D", ())), {"target_prior": SEVERAL}),
    "draws": lambda: (experiments("ssxss", each=80), {"sampling": pc.Sampling(draws=40, warm_up=10)}),
}


def digest(value: Any) -> str:
    """Eight hexadecimal digits of everything in a value.

    Examples
    --------
    >>> digest([1.0, torch.tensor([2.0])]) == digest((1.0, torch.tensor([2.0])))
    True
    >>> digest(1.0) == digest(1.0 + 2**-52)
    False
    """
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()[:8]


def _feed(into: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, pd.DataFrame):
        value = {"index": value.index.to_numpy(), **{str(name): value[name].to_numpy() for name in value}}
    if isinstance(value, dict):
        for name in sorted(value):
            _feed(into, (name, value[name]))
    elif isinstance(value, list | tuple):
        into.update(f"[{len(value)}".encode())
        for each in value:
            _feed(into, each)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        into.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    else:
        into.update(repr(value.tolist() if isinstance(value, np.ndarray) else value).encode())


def parts_of(result: pc.CausalPosterior) -> dict[str, Any]:
    """Every number of a result, by where it comes from."""
    (chain,) = result.chains
    diagnosis = pc.diagnose(result)
    predicted = result.to_arviz(
        log_likelihood=chain.graphs is not None, posterior_predictive=2, **({} if chain.graphs is None else {"thin": 8})
    )
    groups = ["posterior", "sample_stats", "posterior_predictive", "constant_data"]
    groups += ["log_likelihood"] if chain.graphs is not None else []
    return {
        "phases": [chain.beliefs, chain.trace, chain.belief_logits],
        "graph": [chain.dag, chain.edge_probability, chain.evidence, chain.settled],
        "targets": chain.target_probability,
        "rounds": chain.rounds,
        "model": dict(chain.model.state_dict()),
        "draws": [chain.graphs, chain.graph_evidence, chain.graph_targets, chain.accepted],
        "arviz": [{name: group.values for name, group in predicted[each].data_vars.items()} for each in groups],
        "diagnosis": [(each.name, each.subject, each.message, dict(each.numbers)) for each in diagnosis.findings],
    }


def held_out(data: pc.InterventionalData, options: dict[str, Any]) -> list[Any]:
    """What graphs predict of rows and regimes that were not fitted, networks left out."""
    rows = pc.held_out_rows(data, seed=0, refitting=None, **options)
    return [rows.gains().to_numpy(), str(rows)]


def digests(names: Sequence[str] = tuple(PROBLEMS)) -> list[str]:
    """Fit problems, one chain each, and print a line as it is known.

    Parameters
    ----------
    names
        Of `PROBLEMS`.

    Returns
    -------
    list of str
        The lines: the problem and a digest for each part of what is found.
    """
    lines = []
    for name in names:
        data, options = PROBLEMS[name]()
        fit = {"algorithm": ALGORITHM, "settling": SETTLING, "chains": 1, "seed": 0, "progress": False, "cores": 1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # brief fits need not settle
            result = pc.discover(data, **fit, **options)
            parts = parts_of(result)
            if name in ("categorical", "weights"):
                brief = fit | {"settling": replace(SETTLING, refitting=None)}
                parts["held-out"] = held_out(data, {k: brief[k] for k in ("algorithm", "settling")} | options)
        line = f"{name}: {' '.join(f'{part} {digest(value)}' for part, value in parts.items())}"
        print(line, flush=True)
        lines.append(line)
    return lines
