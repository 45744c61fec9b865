"""Findings of kinds: guesses to look at, columns that number the rows, skewed numbers, and units that are mixed."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

import numpy as np

from pyrocausal.data.columns import listing
from pyrocausal.data.kinds import Continuous
from pyrocausal.data.table_findings import TableFinding
from pyrocausal.tables.look import Look

__all__ = ["kind_findings"]

FEWEST = 30  # rows without intervention
FEW_VALUES, MANY_WHOLE = 10, 12  # different values of a number that may be a category, and the other way round
NUMBERED, UNIQUE = 10, 0.95  # rows that may be numbered; share of different values from which texts name rows
SKEWED, LESS_SKEWED = 3.0, 0.4  # skewness that is told, and share of it that logarithms must leave at the most
UNITS = (2.7, 3.3), (5.5, 6.5)  # decades between clusters of values in two units
EMPTY, SHARE = 1.0, 0.02  # decades between the clusters without a value, and share of rows that each has
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a formula begins
TITLES = ("unnamed", "index", "row")  # what columns that number rows are called


def kind_findings(look: Look) -> Iterator[TableFinding]:
    """What is said of the kinds of variables."""
    numbering = [i for i in range(len(look.names)) if _numbers_rows(look, i)]
    for i in numbering:
        yield _numbering(look, i)
    yield from _formulas(look)
    yield from _doubtful_guesses(look, numbering)
    skewed = []
    for i in look.measured:
        if look.exposed(i):
            continue
        values = _positive(look, i)
        if values is None:
            continue
        if finding := _mixed_units(look.names[i], values):
            yield finding
        elif isinstance(kind := look.kinds[i], Continuous) and kind.components == 1 and _skewed(look, i):
            skewed.append(look.names[i])
    if skewed:
        are = "is" if len(skewed) == 1 else "are"
        yield TableFinding(
            "skewed", "doubtful", tuple(skewed), ("",),
            f"{listing(skewed, 6)} {are} positive and very skewed: a few great values decide",
            f"Take logarithms, frame[{skewed[0]!r}] = np.log(frame[{skewed[0]!r}]), or say Count if they count "
            "something.",
            f"Take logarithms of these columns, or say --count {' '.join(skewed[:3])} if they count something.",
            {"variables": len(skewed)},
        )  # fmt: skip


def _formulas(look: Look) -> Iterator[TableFinding]:
    """Names that a spreadsheet takes for formulas when it opens a table of edges or targets."""
    names = [name for name in (*look.names, *look.tables) if name[:1] in FORMULA and not _is_number(name)]
    if names:
        yield TableFinding(
            "formula-name", "doubtful", tuple(name for name in names if name in look.names), (),
            f"{listing(names, 5)} begin like formulas, which a spreadsheet that opens edges.csv or targets.csv would "
            "run",
            "Rename them, frame.rename(columns=...), before results are opened in a spreadsheet.",
            "Rename them before results are opened in a spreadsheet.", {"names": len(names)},
        )  # fmt: skip


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------------- columns that number or name the rows
def _numbers_rows(look: Look, i: int) -> bool:
    """Whether a column goes up or down by the same step, or names nearly every row by a text of its own."""
    column = look.rows[:, i]
    if len(column) < NUMBERED or np.isnan(column).any():
        return False
    largest = max(look.tables.values(), key=len)[:, i]
    labels = None
    if i in look.states:
        codes = np.arange(look.kinds[i].cardinality)
        labels = look.labels(i, codes)
        if not all(isinstance(label, Real) and not isinstance(label, bool) for label in labels):
            return len(labels) >= UNIQUE * len(column)
        values = np.array([float(label) for label in labels])[largest.astype(int)]  # type: ignore[arg-type]
    else:
        values = look.in_units(i, largest)
    if len(values) < NUMBERED:
        return False
    if values.max() == values.min():
        return False
    step = np.diff(values)
    usual = np.median(step)
    even = np.isclose(step, usual, rtol=1e-2, atol=1e-5 * np.abs(values).max())
    return bool(usual != 0 and even.mean() > UNIQUE and ((step > 0).mean() > UNIQUE or (step < 0).mean() > UNIQUE))


def _numbering(look: Look, i: int) -> TableFinding:
    name = look.names[i]
    column = f"{name!r}"
    return TableFinding(
        "numbers-rows", "dangerous" if name.lower().startswith(TITLES) or i in look.states else "doubtful", (name,), (),
        f"{column} looks like row numbers, names of rows or a clock: it goes on evenly, or differs in every row",
        f"Drop it: frame.drop(columns={column}).", f"Drop the column {name}.",
    )  # fmt: skip


# ---------------------------------------------------------------------- guesses
def _doubtful_guesses(look: Look, numbering: list[int]) -> Iterator[TableFinding]:
    control = look.tables[""]
    if len(control) < FEWEST:
        return
    for i, name in enumerate(look.names):
        if name not in look.guessed or i in numbering:
            continue
        values = np.unique(control[:, i][~np.isnan(control[:, i])])
        if i in look.measured and 2 <= len(values) <= FEW_VALUES:
            some = ", ".join(f"{value:.6g}" for value in look.in_units(i, values)[:5])
            yield TableFinding(
                "kind", "doubtful", (name,), ("",),
                f"{name} was taken for a continuous number but has {len(values)} different values ({some}"
                f"{', ...' if len(values) > 5 else ''})",
                f"Say kinds={{{name!r}: pc.Categorical(states)}} if these are categories or doses, Continuous if not.",
                f"Say --categorical {name} if these are categories (written as whole numbers or text), --continuous "
                f"{name} if not.", {"values": len(values)},
            )  # fmt: skip
        elif i in look.states and look.guessed[name].startswith("whole") and look.kinds[i].cardinality > MANY_WHOLE:
            labels = look.labels(i, np.array([0, look.kinds[i].cardinality - 1]))
            yield TableFinding(
                "kind", "doubtful", (name,), (),
                f"{name} was taken for a category but holds {look.kinds[i].cardinality} whole numbers from {labels[0]} "
                f"to {labels[1]}",
                f"Say kinds={{{name!r}: pc.Continuous}} if they measure something, pc.Count if they count something, "
                "pc.Categorical if not.",
                f"Say --continuous {name} if they measure something, --count {name} if they count something, "
                f"--categorical {name} if not.", {"values": look.kinds[i].cardinality},
            )  # fmt: skip


# ---------------------------------------------------------------------- positive numbers
def _positive(look: Look, i: int) -> np.ndarray | None:
    """Observational values in the user's units if all are positive, and there are enough of them."""
    column = look.tables[""][:, i]
    column = column[~np.isnan(column)]
    if len(column) < FEWEST:
        return None
    values = look.in_units(i, column)
    return values if values.min() > 0 else None


def _skewness(values: np.ndarray) -> float:
    """Skewness without the farthest value of either side, which alone could make it."""
    middle = np.sort(values)[1:-1]
    z = middle - middle.mean()
    return float((z**3).mean() / max(float((z**2).mean()), 1e-300) ** 1.5)


def _skewed(look: Look, i: int) -> bool:
    values = _positive(look, i)
    if values is None or (skewness := _skewness(values)) < SKEWED:
        return False
    return abs(_skewness(np.log(values))) < LESS_SKEWED * skewness


def _mixed_units(name: str, values: np.ndarray) -> TableFinding | None:
    """Two clusters of values, a factor of a thousand or a million apart and nothing between."""
    logs = np.sort(np.log10(values))
    gaps = np.diff(logs)
    at = int(gaps.argmax()) + 1
    low, high = logs[:at], logs[at:]
    if gaps[at - 1] < EMPTY or min(len(low), len(high)) < max(3, SHARE * len(logs)):
        return None
    apart = float(np.median(high) - np.median(low))
    for (least, most), factor in zip(UNITS, ("1,000", "1,000,000"), strict=True):
        if least <= apart <= most:
            return TableFinding(
                "mixed-units", "doubtful", (name,), ("",),
                f"{name} has two clusters of values, a factor of about {factor} apart ({len(low)} rows around "
                f"{10 ** np.median(low):.4g}, {len(high)} around {10 ** np.median(high):.4g}) and none between: units "
                "that are mixed?",
                f"Bring {name} to one unit.", "", {"factor": 10**apart},
            )  # fmt: skip
    return None
