"""Findings of single values: missing codes, values that cannot be, limits and values filled in, codes among states."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real

import numpy as np

from pyrocausal.data.columns import listing, number_of, spelled_alike
from pyrocausal.data.table_findings import TableFinding, named_regimes
from pyrocausal.tables.far_values import DISTINCT, FEWEST, Far, is_code
from pyrocausal.tables.look import Look, shown

__all__ = ["value_findings"]

LIVES_THERE = 0.05  # share of the rows of another table from which such values are no fault
FEWEST_THERE = 20  # rows of such a table
REPEATS, SHARE_OF_REPEATS = 8, 0.03  # rows, and share of them, that one value holds where values else do not repeat
SET_ASIDE = "; a fit takes the median of the table in its place"
TEXT_CODES = {
    "na", "n/a", "n.a.", "nan", "null", "missing", "not measured", "nd", "n.d.", "?", "??", ".", "..", "-", "--",
    "#n/a", "#value!", "#div/0!", "inf", "unknown", "unk", "undetermined", "not determined", "not available",
}  # fmt: skip


def value_findings(look: Look) -> Iterator[TableFinding]:
    """Values that stand for none, cannot be, or are held by too many rows."""
    for i in look.numbers:
        if look.exposed(i):
            continue
        yield from _far(look, i)
        if not look.whole(i):
            yield from _repeats(look, i)
    for i in look.states:
        yield from _states(look, i)
        yield from _spelled_alike(look, i)


# ---------------------------------------------------------------------- numbers
def _far(look: Look, i: int) -> Iterator[TableFinding]:
    """Values far out, one finding for each value that repeats, and one for all others of a variable."""
    columns, moved = look.as_read(i), look.slip_rows(i)
    groups: dict[str, list[tuple[str, Far]]] = defaultdict(list)
    for name, column in columns.items():
        found = look.far[i][name]
        seen = {row for far in found for row in far.places.tolist()}
        for row in sorted(moved[name] - seen):  # a fit has set them aside, so that they are to be told
            groups[""].append((name, Far(float(column[row]), np.array([row]), False, False, False, math.inf)))
        for far in found:
            if moved[name].issuperset(far.places.tolist()) or not _lives_there(columns, name, far):
                groups[shown(far.value) if far.repeated or far.code else ""].append((name, far))
    for value, parts in groups.items():
        one = _of_code(look.names[i], value, parts) if value else _of_slips(look.names[i], columns, parts)
        if all(moved[name].issuperset(far.places.tolist()) for name, far in parts):
            one = replace(one, message=one.message + SET_ASIDE, numbers={**one.numbers, "set aside": 1})
        yield one


def _lives_there(columns: dict[str, np.ndarray], here: str, far: Far) -> bool:
    """Whether another table has many values as far out, so that they are ordinary there."""
    upper = far.value > np.nanmedian(columns[here])
    for name, column in columns.items():
        if name == here or len(column) < FEWEST_THERE:
            continue
        beyond = column >= far.value if upper else column <= far.value
        if far.repeated:
            beyond &= ~np.isclose(column, far.value, rtol=1e-5)
        if beyond.mean() > LIVES_THERE:
            return True
    return False


def _of_code(variable: str, value: str, parts: list[tuple[str, Far]]) -> TableFinding:
    count = sum(len(far.places) for _, far in parts)
    regimes = tuple(name for name, _ in parts)
    code = parts[0][1].code
    dangerous = any(far.dangerous for _, far in parts)
    looks = "a code for a missing value" if code else "a code, a default or a limit"
    message = (
        f"{variable} is {value} in {number_of(count, 'row')} of {named_regimes(regimes)} ({_first(parts)}), far from "
        f"all other values: it looks like {looks}"
    )
    return TableFinding(
        "missing-code", "dangerous" if dangerous else "doubtful", (variable,), regimes, message,
        f"If it means missing, say so to the reader of a file, missing=[{value!r}], or set it to NaN in a frame: "
        f"frame[{variable!r}] = frame[{variable!r}].replace({value}, np.nan).",
        f"If it means missing, say --missing {value}; or leave these cells of column {variable} empty.",
        {"value": float(value), "rows": count},
    )  # fmt: skip


def _of_slips(variable: str, columns: dict[str, np.ndarray], parts: list[tuple[str, Far]]) -> TableFinding:
    values = [columns[name][place] for name, far in parts for place in far.places]
    regimes = tuple(dict.fromkeys(name for name, _ in parts))
    farthest = max(far.distance for _, far in parts)
    told = ", ".join(shown(float(value)) for value in values[:3]) + (
        f" and {len(values) - 3} more" if len(values) > 3 else ""
    )
    times = "" if math.isinf(farthest) else f", {farthest:,.0f} times as far from the median as the next value"
    message = (
        f"{variable} has {number_of(len(values), 'extreme value')} in {named_regimes(regimes)} ({told}; "
        f"{_first(parts)}){times}: a slip of units or of the keyboard, or a code for a missing value?"
    )
    low, high = min(values), max(values)
    return TableFinding(
        "extreme-value", "dangerous" if any(far.dangerous for _, far in parts) else "doubtful", (variable,), regimes,
        message,
        f"Correct the values, or mark them as missing: frame[{variable!r}] = frame[{variable!r}].where("
        + (f"frame[{variable!r}] < {shown(float(low))})" if low > 0 else f"frame[{variable!r}] > {shown(float(high))})")
        + ".",
        f"Correct these cells of column {variable}, or leave them empty.",
        {"rows": len(values), "lowest": float(low), "highest": float(high)},
    )  # fmt: skip


def _first(parts: list[tuple[str, Far]]) -> str:
    name, far = parts[0]
    where = f"regime {name!r}" if name else "the observational rows"
    return f"first in row {int(far.places.min())} of {where}, counted from 0"


def _repeats(look: Look, i: int) -> Iterator[TableFinding]:
    """One value in many rows of a table where values else hardly repeat; a regime that sets it has it in all rows."""
    for name, rows in look.without_codes.items():
        column = rows[:, i][~np.isnan(rows[:, i])]
        if len(column) < max(FEWEST, REPEATS):
            continue
        values, counts = np.unique(column, return_counts=True)
        most = int(counts.argmax())
        count, rest = int(counts[most]), len(column) - int(counts[most])
        if count < max(REPEATS, SHARE_OF_REPEATS * len(column)) or rest < len(column) / 2:
            continue
        if (len(values) - 1) / rest < DISTINCT:
            continue
        value = shown(float(look.in_units(i, values[most])))
        end = most in (0, len(values) - 1)
        looks = "a limit of the instrument?" if end else "filled in?"
        yield TableFinding(
            "repeated-value", "noted" if end else "doubtful", (look.names[i],), (name,),
            f"{look.names[i]} is exactly {value} in {number_of(count, 'row')} of {named_regimes((name,))}, where "
            f"values else hardly repeat: {looks}",
            "If these are no measurements, mark them as missing (NaN).",
            "If these are no measurements, leave their cells empty.",
            {"value": float(value), "rows": count},
        )  # fmt: skip
        return


# ---------------------------------------------------------------------- states
def _states(look: Look, i: int) -> Iterator[TableFinding]:
    """States that stand for no value: texts such as "n.d.", and numbers such as -999 far from the others."""
    labels = look.labels(i, np.arange(look.kinds[i].cardinality))
    texts = [label for label in labels if isinstance(label, str) and label.strip().lower() in TEXT_CODES]
    codes: list[object] = []
    if all(isinstance(label, Real) and not isinstance(label, bool) for label in labels):
        numbers = [float(label) for label in labels]  # type: ignore[arg-type]
        codes = [label for label, number in zip(labels, numbers, strict=True) if _stands_apart(number, numbers)]
    column = look.rows[:, i]
    for label in [*texts, *codes]:
        count = int((column == labels.index(label)).sum())
        if not count:
            continue
        name = look.names[i]
        yield TableFinding(
            "missing-code", "doubtful", (name,), (),
            f"{name} has the state {shown(label)} in {number_of(count, 'row')}: it looks like a code for a missing "
            "value",
            f"If it means missing, set it to NaN before the table is read: frame[{name!r}] = "
            f"frame[{name!r}].replace({label!r}, np.nan); whole numbers with gaps need kinds={{{name!r}: "
            "pc.Categorical}.",
            f"If it means missing, leave these cells of column {name} empty.",
            {"rows": count},
        )  # fmt: skip


def _spelled_alike(look: Look, i: int) -> Iterator[TableFinding]:
    """States that differ in spaces around them or in capitals alone."""
    labels = [label for label in look.labels(i, np.arange(look.kinds[i].cardinality)) if isinstance(label, str)]
    for alike in spelled_alike(labels):
        name, first = look.names[i], alike[0]
        again = ", ".join(f"{label!r}: {first!r}" for label in alike[1:])
        yield TableFinding(
            "alike-states", "doubtful", (name,), (),
            f"{name} has the states {listing(alike)}, which differ in spaces or capitals alone: one state, written in "
            "two ways?",
            f"If they are one, write it in one way: frame[{name!r}] = frame[{name!r}].replace({{{again}}}).",
            f"If they are one, write it in one way in column {name}.", {"states": len(alike)},
        )  # fmt: skip


def _stands_apart(number: float, numbers: list[float]) -> bool:
    """Whether a state is a code, farther from the others than they are from each other."""
    others = sorted(each for each in numbers if each != number)
    apart = min(abs(number - each) for each in others)
    return is_code(number) and (number < 0 or number > 50) and apart > 3 * (others[-1] - others[0] + 1)
