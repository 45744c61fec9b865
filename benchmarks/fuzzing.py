"""Bad and odd inputs, made at random: is each refused in a line or told of, and is what is valid taken?

Whole tables with a fault, settings and arguments of the wrong type or size, knowledge and targets that make no sense,
files with bytes flipped, cut out or put in, and options of the shell. A *class* is one sort of fault; a seed decides
the rest. What has to come of it:

- *refused*: TypeError, ValueError or OSError in Python; status 2 and one line in the shell.
- *told*: that, or a warning, or a finding of the check of the table.
- *taken*: it is valid, and is taken.
- *any*: whatever, but no other error.

Everything else counts as *raw* (another error, or a traceback), *silent* (a fault that nobody speaks of) or *refused
though valid*.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import random
import tempfile
import typing
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

import pyrocausal as pc
from pyrocausal.cli.main import main as shell

__all__ = ["CLASSES", "Class", "fuzz", "outcome", "told_fuzz"]

QUICK = pc.SDI(
    mechanisms=partial(pc.NeuralMechanisms, hidden=2),
    fitting=pc.GraphFitting(rows=32, warm_up=2, steps=1),
    scoring=pc.GraphScoring(graphs=4, target_graphs=2, rows=32),
)
NOTHING = pc.Settling(rounds=0)
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, -0.5, math.nan, math.inf, "x", "", b"x", (), [], {}, 10**30, -(10**30), 1j, object(), print,
    np.float64(2.0), np.int64(3), np.array([1, 2]), Decimal("1"), ["a", 1], {"a": 1}, {1}, datetime(2020, 1, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Class:
    """One sort of input.

    Attributes
    ----------
    expect
        What has to come of it: "refused", "told", "taken" or "any".
    attempt
        Tries it, from a source of random numbers and a folder of its own. May return what has to come of it instead,
        where that depends on the draw.
    """

    expect: str
    attempt: Callable[[random.Random, Path], str | None]


def table(rng: random.Random) -> pd.DataFrame:
    """A table without a fault: a category, a number, a count that all hang together, and two conditions."""
    draw = np.random.default_rng(rng.randrange(2**32))
    n = rng.choice((60, 110, 201))
    a = draw.integers(2, size=n)
    b = draw.normal(size=n) + a
    frame = pd.DataFrame({"a": np.where(a == 1, "yes", "no"), "b": b.round(6), "c": draw.poisson(np.exp(0.4 * b + 1))})
    frame["condition"] = np.where(draw.random(n) < 0.6, "control", "drug")
    frame.loc[:4, "condition"], frame.loc[5:9, "condition"] = "control", "drug"
    return frame


def fit(frame: pd.DataFrame, **options: Any) -> None:
    """Read a table and fit it briefly, all in Python."""
    reading = {"regime": "condition", "observational": "control", "kinds": {"c": pc.Count()}}
    data = pc.InterventionalData.from_frame(frame, **(reading | options.pop("reading", {})))
    if lines := data.check().lines(severities=("dangerous", "doubtful")):
        warnings.warn(str(lines[0]), pc.TableWarning, stacklevel=2)
    pc.discover(data, **({"chains": 1, "cores": 1, "progress": False, "algorithm": QUICK, "settling": NOTHING,
                          "max_steps": 1, "seed": 0} | options))  # fmt: skip


# ---------------------------------------------------------------------- tables
def spoiled(change: Callable[[pd.DataFrame, random.Random], pd.DataFrame | None], **reading: Any) -> Any:
    """Try a table after a change."""

    def attempt(rng: random.Random, folder: Path) -> None:
        frame = table(rng)
        frame = found if (found := change(frame, rng)) is not None else frame
        fit(frame, reading=reading)

    return attempt


def cell(column: str, *values: Any) -> Callable[[pd.DataFrame, random.Random], pd.DataFrame]:
    """Put one of some values into a cell."""

    def change(frame: pd.DataFrame, rng: random.Random) -> pd.DataFrame:
        found = frame.astype({column: object})
        found.loc[rng.randrange(len(frame)), column] = rng.choice(values)
        return found

    return change


def column(name: str, make: Callable[[pd.DataFrame], Any]) -> Callable[[pd.DataFrame, random.Random], pd.DataFrame]:
    """Put a column in place of another one, or beside them."""
    return lambda frame, rng: frame.assign(**{name: make(frame)})


def renamed(*names: Any) -> Callable[[pd.DataFrame, random.Random], pd.DataFrame]:
    """Call a variable otherwise."""
    return lambda frame, rng: frame.rename(columns={"b": rng.choice(names)})


def _few(keep: int, label: str) -> Callable[[pd.DataFrame, random.Random], pd.DataFrame]:
    def change(frame: pd.DataFrame, rng: random.Random) -> pd.DataFrame:
        return pd.concat([frame[frame.condition != label], frame[frame.condition == label][:keep]])

    return change


TABLES = {
    "a text among numbers": Class("told", spoiled(cell("b", "oops", "?", "1,5", "3 mg"))),
    "a number out of this world": Class("told", spoiled(cell("b", 1e20, -1e30, 1e12, 1e300))),
    "an infinite number": Class("refused", spoiled(cell("b", math.inf, -math.inf))),
    "a cell that holds something else": Class("told", spoiled(cell("b", [1.0], {}, b"x", 1j, (1, 2), print))),
    "a category that holds something else": Class("refused", spoiled(cell("a", [1], {}, {1}))),
    "a missing cell": Class("taken", spoiled(cell("b", None, math.nan, pd.NA))),
    "a missing category": Class("taken", spoiled(cell("a", None, math.nan))),
    "a count below zero": Class("refused", spoiled(cell("c", -1, -7))),
    "a count with a fraction": Class("refused", spoiled(cell("c", 0.5, 2.25))),
    "a count that is too large": Class("told", spoiled(cell("c", 10**12, 2**70))),
    "labels 1 and '1'": Class("refused", spoiled(column("a", lambda f: [(1, "1")[i % 2] for i in range(len(f))]))),
    "a column of nothing": Class("told", spoiled(column("e", lambda f: np.nan))),
    "a constant column": Class("told", spoiled(column("e", lambda f: 1.5))),
    "an exact copy": Class("refused", spoiled(column("e", lambda f: 2 * f.b + 1))),
    "a column of dates": Class("told", spoiled(column("e", lambda f: pd.date_range("2020", periods=len(f))))),
    "a column of complex numbers": Class("refused", spoiled(column("e", lambda f: f.b * 1j))),
    "a column of identifiers": Class("told", spoiled(column("e", lambda f: [f"cell {i}" for i in range(len(f))]))),
    "two columns of one name": Class("refused", spoiled(lambda f, r: f.set_axis(["a", "b", "b", "condition"], axis=1))),
    "a name that is no text": Class("told", spoiled(renamed(1, 2.5, ("x", "y"), None, math.nan))),
    "an empty name": Class("refused", spoiled(renamed("", "  "))),
    "a name that spreadsheets run": Class("told", spoiled(renamed("=1+1", "@x", "+cmd|' /C calc'!A0"))),
    "a name in any letters": Class("taken", spoiled(renamed("β-Katenin", "p 53", "細胞", "x" * 200, "a.b", "a/b"))),
    "columns of two levels": Class(
        "refused", spoiled(lambda f, r: f.set_axis(pd.MultiIndex.from_product([["x"], f.columns]), axis=1))
    ),
    "a regime of one row": Class("refused", spoiled(_few(1, "drug"))),
    "no observational rows": Class("refused", spoiled(_few(0, "control"))),
    "a regime of few rows": Class("told", spoiled(_few(3, "drug"))),
    "no regime at all": Class("refused", spoiled(_few(0, "drug"))),
    "no rows": Class("refused", spoiled(lambda f, r: f[:0])),
    "a missing condition": Class("told", spoiled(cell("condition", None, math.nan))),
    "a condition that is no label": Class("refused", spoiled(cell("condition", [1], {}))),
    "rows in any order and of any number": Class(
        "taken", spoiled(lambda f, r: f.sample(frac=1, random_state=r.randrange(99)).set_index(f.index // 2))
    ),
    "a column of categories with one to spare": Class(
        "taken", spoiled(column("a", lambda f: pd.Categorical(f.a, categories=["no", "maybe", "yes"])))
    ),
    "columns of pandas' own types": Class("taken", spoiled(lambda f, r: f.convert_dtypes())),
    "a column of truths": Class("taken", spoiled(column("a", lambda f: f.a == "yes"))),
    "weights below zero": Class("refused", spoiled(column("w", lambda f: -1.0), weights="w")),
    "weights that are none": Class("refused", spoiled(column("w", lambda f: np.nan), weights="w")),
    "weights of zero": Class("refused", spoiled(column("w", lambda f: 0.0), weights="w")),
    "weights that are texts": Class("refused", spoiled(column("w", lambda f: "much"), weights="w")),
    "one weight for most": Class(
        "told", spoiled(column("w", lambda f: np.where(np.arange(len(f)) == 1, 1e6, 1.0)), weights="w")
    ),
    "weights": Class("taken", spoiled(column("w", lambda f: np.arange(len(f)) % 3 + 0.5), weights="w")),
}


# ---------------------------------------------------------------------- what is read how, and arguments
def read_wrongly(rng: random.Random, folder: Path) -> str:
    """An argument of `from_frame` that cannot be meant."""
    name = rng.choice(("regime", "observational", "kinds", "ignore", "covariates", "groups", "weights", "targets"))
    value = rng.choice([each for each in WRONG if each is not None and not _means_nothing(name, each)])
    fit(table(rng), reading={name: value})
    return "refused"


def _means_nothing(name: str, value: Any) -> bool:
    """Whether a value says "none", which is allowed."""
    return isinstance(value, tuple | list | dict | set | str | np.ndarray) and not len(value)


def targets_wrongly(rng: random.Random, folder: Path) -> None:
    """Targets that make no sense."""
    wrong = rng.choice((
        {"drug": "x"}, {"drog": "a"}, {"control": "a"}, {"drug": 3}, {"drug": {"a": 0.05}}, {"drug": ("a", "x")},
        "drug", {"drug": [["a"]]}, [("drug", "a")], {"drug": pc.AtLeast("x")}, {3: "a"}, {"drug": ("condition",)},
    ))  # fmt: skip
    fit(table(rng), reading={"targets": wrong})


def known_wrongly(rng: random.Random, folder: Path) -> None:
    """Knowledge that makes no sense."""
    wrong = rng.choice((
        {"required": [("a", "x")]}, {"required": [("a", "a")]}, {"required": [("a", "b"), ("b", "a")]},
        {"required": "ab"},
        {"required": [("a", "b")], "forbidden": [("a", "b")]}, {"required": [("a", "b", "c")]}, {"required": [3]},
        {"required": [("a", "b"), ("b", "c"), ("c", "a")]}, {"knowledge": {"required": [("a", "b")]}}, {"required": 3},
        {"knowledge": lambda: pc.Knowledge(tiers=[["a"], ["x"]])}, {"knowledge": lambda: pc.Knowledge(tiers="ab")},
        {"knowledge": lambda: pc.Knowledge(tiers=[["a"], ["a"]])}, {"target_prior": {"drug": {"a": 0.5}}},
        {"knowledge": lambda: pc.Knowledge(probability={("a", "b"): rng.choice((-1, 2, "x", None, math.nan))})},
        {"knowledge": lambda: pc.Knowledge([("a", "b"), ("c", "b")], max_parents=1)},
        {"target_prior": lambda: pc.TargetPrior(probability={"drug": {"x": 0.5}})},
        {"target_prior": lambda: pc.TargetPrior(probability={"drug": {"a": rng.choice((-1, 2, "x", None))}})},
        {"target_prior": lambda: pc.TargetPrior(several="yes")},
    ))  # fmt: skip
    fit(table(rng), **{name: value() if callable(value) else value for name, value in wrong.items()})


SETTINGS = (
    pc.GraphFitting, pc.GraphScoring, pc.CreditAssignment, pc.Stopping, pc.Settling, pc.Sampling, pc.Refitting,
    pc.Descent, pc.Knowledge, pc.TargetPrior, pc.Categorical, pc.Continuous, pc.Count, pc.Exposure,
)  # fmt: skip
NEEDED: dict[type, dict[str, Any]] = {
    pc.Descent: {"steps": 5, "rows": 64, "learning_rate": 1e-2},
    pc.Refitting: {"descent": pc.Descent(5, 64, 1e-2)},
    pc.Categorical: {"states": ("a", "b")},
}


def settings_wrongly(rng: random.Random, folder: Path) -> str:
    """A field of some settings that may not be so, as far as its annotation tells."""
    made = rng.choice(SETTINGS)
    field = rng.choice([each for each in dataclasses.fields(made) if each.init])
    value = rng.choice(WRONG)
    made(**NEEDED.get(made, {}) | {field.name: value})
    return "refused" if _of_another_type(typing.get_type_hints(made)[field.name], value) else "any"


def _of_another_type(hint: Any, value: Any) -> bool:
    """Whether a number, a truth or None is asked for, and this is none."""
    kinds = set(typing.get_args(hint)) or {hint}
    if not kinds <= {int, float, bool, NoneType}:
        return False
    right = {
        NoneType: value is None,
        bool: isinstance(value, bool),
        int: isinstance(value, int | np.integer) and not isinstance(value, bool),
        float: isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value),
    }
    return not any(right[kind] for kind in kinds)


def discover_wrongly(rng: random.Random, folder: Path) -> str:
    """An argument of `discover` that is of another type."""
    name = rng.choice((
        "chains", "cores", "max_steps", "seed", "progress", "algorithm", "settling", "sampling", "knowledge",
        "target_prior", "required", "forbidden", "checkpoint", "resume",
    ))  # fmt: skip
    right = {"progress": bool, "resume": bool}.get(name, int)
    fine = (None, "", "x") if name == "checkpoint" else (None, "", (), [], {}, 3)
    value = rng.choice([
        each for each in WRONG
        if not any(type(each) is type(other) and each == other for other in fine if not isinstance(each, np.ndarray))
        and not (isinstance(each, right | np.integer) and not isinstance(each, bool) and each > 0)
        and not (right is bool and isinstance(each, bool)) and not (name == "seed" and each == 0 and type(each) is int)
    ])  # fmt: skip
    fit(table(rng), **{name: value})
    return "refused"


def arrays_wrongly(rng: random.Random, folder: Path) -> None:
    """Arrays that do not go together."""
    rows = np.random.default_rng(0).normal(size=(40, 3))
    wrong = rng.choice((
        (rows, {"one": rows[:, :2]}, ["a", "b", "c"]), (rows, {"one": rows}, ["a", "b"]), (rows, "one", None),
        (rows[:, 0], {"one": rows}, None), (rows, {"one": rows[0]}, None), (rows, {}, None), (None, {}, None),
        (rows, [rows], ["a", "a", "b"]), (rows, rows, None), (rows, {"one": rows}, {"a", "b", "c"}),
        (rows[:0], {"one": rows}, None), (rows, {"one": rows.astype(str)}, None),
        (rows.astype(object), {"one": [[1], [2]]}, None), (rows * math.inf, {"one": rows}, None),
    ))  # fmt: skip
    observational, regimes, names = wrong
    pc.InterventionalData.from_arrays(observational, regimes, **({} if names is None else {"names": names}))


# ---------------------------------------------------------------------- files
def flipped(content: bytes, rng: random.Random) -> bytes:
    """Bytes with a few of them changed, cut out or put in."""
    found = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place, how = rng.randrange(len(found) or 1), rng.randrange(4)
        if how == 0 and found:
            found[place] = rng.randrange(256)
        elif how == 1:
            del found[place : place + rng.randint(1, max(1, len(found) // 4))]
        elif how == 2:
            found[place:place] = rng.randbytes(rng.randint(1, 20))
        else:
            found[place:place] = found[max(0, place - 30) : place]
    return bytes(found)


def flipped_file(suffix: str, write: Callable[[Path, random.Random], None], read: Callable[[Path], Any]) -> Any:
    """Try a file with bytes flipped."""

    def attempt(rng: random.Random, folder: Path) -> None:
        path = folder / f"file{suffix}"
        write(path, rng)
        path.write_bytes(flipped(path.read_bytes(), rng))
        read(path)

    return attempt


def _table(path: Path, rng: random.Random) -> None:
    table(rng).to_csv(path, index=False)


def _npz(path: Path, rng: random.Random) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))
    np.savez(path, data_obs=rows, data_int=rows[None] + 1)


def _result(path: Path, rng: random.Random) -> None:
    frame = table(random.Random(0))
    data = pc.InterventionalData.from_frame(frame, regime="condition", observational="control", kinds={"c": pc.Count()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pc.discover(
            data, chains=1, cores=1, seed=0, progress=False, algorithm=QUICK, settling=NOTHING, max_steps=1
        ).save(path)


def _graph(path: Path, rng: random.Random) -> None:
    pc.write_graph(nx.DiGraph([("a", "b"), ("b", "c")]), path)


def _csv(path: Path) -> pc.InterventionalData:
    return pc.InterventionalData.from_csv(path, regime="condition", observational="control")


FILES = {
    "a text table": Class("any", flipped_file(".csv", _table, _csv)),
    "a packed table": Class("any", flipped_file(".csv.gz", _table, _csv)),
    "arrays in a file": Class("any", flipped_file(".npz", _npz, pc.InterventionalData.from_npz)),
    "a result": Class("any", flipped_file(".zip", _result, pc.CausalPosterior.load)),
    **{
        f"a graph as {suffix}": Class("any", flipped_file(suffix, _graph, pc.Knowledge.from_file))
        for suffix in (".gml", ".graphml", ".dot")
    },
    "a list of edges": Class(
        "any",
        flipped_file(
            ".csv",
            lambda path, rng: path.write_text("cause,effect,probability\na,b,1\nb,c,0.5\n", encoding="utf-8"),
            pc.Knowledge.from_file,
        ),
    ),
    "a list of targets": Class(
        "any",
        flipped_file(
            ".csv",
            lambda path, rng: path.write_text("regime,target,at_least\ndrug,a,yes\nother,,\n", encoding="utf-8"),
            pc.read_targets,
        ),
    ),
    "another file as a table": Class("refused", lambda rng, folder: _another(rng, folder, _csv, ".csv")),
    "another file as a result": Class("refused", lambda rng, to: _another(rng, to, pc.CausalPosterior.load, ".zip")),
    "another file as arrays": Class(
        "refused", lambda rng, folder: _another(rng, folder, pc.InterventionalData.from_npz, ".npz")
    ),
    "another file as knowledge": Class(
        "refused", lambda rng, folder: _another(rng, folder, pc.Knowledge.from_file, rng.choice((".csv", ".gml", ".x")))
    ),
}


def _another(rng: random.Random, folder: Path, read: Callable[[Path], Any], suffix: str) -> None:
    """A file that is something else, or no file at all."""
    path = folder / f"file{suffix}"
    what = rng.randrange(5)
    if what == 0:
        path.write_bytes(b"\x80\x04cposix\nsystem\n(S'exit'\ntR.")
    elif what == 1:
        path.write_bytes(rng.randbytes(300))
    elif what == 2:
        path.mkdir()
    elif what == 3:
        path.write_bytes(b"")
    read(path)


# ---------------------------------------------------------------------- the shell
class InTheShell(Exception):
    """What the shell said; its status."""


def run_shell(arguments: Sequence[str]) -> None:
    """Run the command line. One line and status 2 are as good as a ValueError; a traceback would come through."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = shell([str(each) for each in arguments])
        except SystemExit as exit_:  # --help
            status = 0 if exit_.code in (0, None) else 99
    errors = [line for line in err.getvalue().splitlines() if line.startswith("pyrocausal: error:")]
    if status == 2 and len(errors) == 1:
        raise ValueError(errors[0])
    if status != 0:
        raise InTheShell(f"status {status}: {err.getvalue()[:300]}")
    if "warning" in err.getvalue() or "the table:" in out.getvalue():
        warnings.warn("said", RuntimeWarning, stacklevel=2)


BRIEF = ("--chains", "1", "--no-settling", "--max-steps", "1", "--quiet", "--seed", "0")
VALUES = (
    "a",
    "b",
    "c",
    "condition",
    "control",
    "drug",
    "nowhere",
    "",
    "-1",
    "0",
    "3",
    "1.5",
    "drug=a",
    "drug=",
    "=",
    "a=b=c",
)
OPTIONS = (
    "--regime-column", "--targets-column", "--observational", "--sep", "--encoding", "--missing", "--index-column",
    "--ignore", "--covariate", "--group", "--categorical", "--continuous", "--count", "--levels", "--components",
    "--count-components", "--exposure", "--weights", "--count-all",
)  # fmt: skip
FOR_A_FIT = (
    "--required", "--forbidden", "--knowledge", "--several-targets", "--one-target", "--max-parents", "--target",
    "--at-least", "--targets-file", "--probable-target", "--paper", "--draws", "--chains", "--seed", "--resume",
    "--checkpoint", "--graph-file", "--cores",
)  # fmt: skip


def options(rng: random.Random, folder: Path) -> None:
    """Options at random."""
    path = folder / "table.csv"
    table(rng).to_csv(path, index=False)
    command = rng.choice(("check", "fit"))
    given = [command, str(path), "--regime-column", "condition", "--observational", "control"]
    given += ["--out", str(folder / "out"), *BRIEF] if command == "fit" else []
    for option in rng.sample(OPTIONS + (FOR_A_FIT if command == "fit" else ()), rng.randint(1, 3)):
        values = [rng.choice(VALUES) for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3)))]
        if option in ("--checkpoint", "--graph-file"):
            values = [str(folder / (value or "x")) for value in values]
        given += [option, *(["1"] if option in ("--chains", "--cores", "--draws") and values else values)]
    run_shell(given)


def shell_table(rng: random.Random, folder: Path) -> None:
    """A text table with bytes flipped, to be checked in the shell."""
    path = folder / "table.csv"
    path.write_bytes(flipped(table(rng).to_csv(index=False).encode(), rng))
    run_shell(["check", path, "--regime-column", "condition", "--observational", "control"])


def shell_fit(rng: random.Random, folder: Path) -> None:
    """A table without a fault, fitted in the shell."""
    path = folder / "table.csv"
    table(rng).to_csv(path, index=False)
    reading = ("--regime-column", "condition", "--observational", "control", "--count", "c")
    run_shell(["fit", path, *reading, "--out", folder / "out", *BRIEF])


CLASSES: dict[str, Class] = {
    "a table without a fault": Class("taken", spoiled(lambda frame, rng: None)),
    **TABLES,
    "how a table is read": Class("any", read_wrongly),
    "targets": Class("refused", targets_wrongly),
    "knowledge": Class("refused", known_wrongly),
    "settings": Class("any", settings_wrongly),
    "arguments of discover": Class("any", discover_wrongly),
    "arrays": Class("refused", arrays_wrongly),
    **FILES,
    "options of the shell": Class("any", options),
    "a text table in the shell": Class("any", shell_table),
    "a fit in the shell": Class("taken", shell_fit),
}


def outcome(name: str, seed: int) -> tuple[str, str]:
    """What comes of a class and a seed: "right", "raw", "silent" or "refused though valid"; and what was said."""
    tried = CLASSES[name]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        expect, said = tried.expect, ""
        try:
            expect = tried.attempt(random.Random(f"{name} {seed}"), Path(folder)) or expect
        except (TypeError, ValueError, OSError) as error:
            said = f"{type(error).__name__}: {error}"
            return ("refused though valid" if expect == "taken" else _lines(said)), said
        except Exception as error:  # which is what is looked for
            return "raw", f"{type(error).__name__}: {error}"
    told = [each for each in heard if issubclass(each.category, RuntimeWarning | UserWarning)]
    silent = expect == "refused" or (expect == "told" and not told)
    return ("silent" if silent else "right"), said


def _lines(said: str) -> str:
    """An error whose message says nothing is as good as a raw one."""
    return "right" if len(said.partition(": ")[2]) >= 10 else "raw"


def fuzz(seeds: Sequence[int], classes: Sequence[str] | None = None) -> pd.DataFrame:
    """Try every class with every seed.

    Returns
    -------
    pandas.DataFrame
        A row per try: `name`, `seed`, `outcome` and `said`.
    """
    rows = [(name, seed, *outcome(name, seed)) for name in classes or CLASSES for seed in seeds]
    return pd.DataFrame(rows, columns=["name", "seed", "outcome", "said"])


def told_fuzz(found: pd.DataFrame) -> list[str]:
    """How often what came of which class, and what was not right."""
    counts = pd.crosstab(found["name"], found["outcome"]).reindex([*dict.fromkeys(found["name"])])
    lines = counts.to_string().splitlines()
    wrong = found[found.outcome != "right"]
    lines += [
        f"{name} {seed}: {what}: {said[:200]}" for name, seed, what, said in wrong.itertuples(index=False, name=None)
    ]
    return [*lines, f"{len(found)} inputs of {found['name'].nunique()} classes, {len(wrong)} not right"]
