"""Findings of too little: values that a regime lacks, regimes of few rows, many states and few rows, rare states."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyrocausal.data.columns import listing, number_of
from pyrocausal.data.table_findings import TableFinding, named_regimes
from pyrocausal.tables.look import Look

__all__ = ["amount_findings"]

MOSTLY, NEARLY, FEW_VALUES = 0.5, 0.75, 5  # share missing that is doubtful, and dangerous; values that are too few
FEW_ROWS, ROWS_ENOUGH = 20, 100  # of a regime
MANY_STATES = 8  # from which the rows of a state are counted
DANGEROUS, DOUBTFUL, ENOUGH = 15, 25, 40  # rows for a state
RARE = 5  # rows of a state that tell nothing of it


def amount_findings(look: Look) -> Iterator[TableFinding]:
    """What there is too little of."""
    yield from _missing(look)
    yield from _small_regimes(look)
    for i in look.states:
        counts = np.bincount(look.rows[:, i][~np.isnan(look.rows[:, i])].astype(int))
        occurring = int((counts > 0).sum())
        if occurring >= MANY_STATES and (each := counts.sum() / occurring) < DOUBTFUL:
            yield _many_states(look, i, occurring, float(each))
        elif rare := [code for code, count in enumerate(counts) if 0 < count < RARE]:
            yield _rare_states(look, i, rare, counts)
    yield from _constant(look)


def _missing(look: Look) -> Iterator[TableFinding]:
    """Variables that a table lacks, wholly or mostly."""
    share = np.array([np.isnan(rows).mean(0) for rows in look.tables.values()])  # [tables, d]
    rows = np.array([[len(each)] for each in look.tables.values()])
    left = np.round((1 - share) * rows)
    for i in np.flatnonzero((share > MOSTLY).any(0)):
        # A number that is missing is drawn; a category that is missing is a state, behind which others act.
        most = MOSTLY if look.kinds[i].discrete else NEARLY
        bad = (share[:, i] > most) | ((share[:, i] > MOSTLY) & (left[:, i] < FEW_VALUES) & (rows[:, 0] >= FEW_ROWS))
        for severity, where in (("dangerous", bad), ("doubtful", (share[:, i] > MOSTLY) & ~bad)):
            regimes = tuple(name for name, hit in zip(look.tables, where, strict=True) if hit)
            if not regimes:
                continue
            low, high = share[where, i].min(), share[where, i].max()
            much = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
            name = look.names[i]
            told = f"{much} of {name} is missing" if low < 1 else f"{name} was not measured: all values are missing"
            yield TableFinding(
                "missing-in-regime", severity, (name,), regimes,
                f"{told} in {named_regimes(regimes)}: what happens to it there cannot be told",
                "Drop it or these regimes, or read nothing about it there; where it is known not to be a target, say "
                "what is with targets=.",
                "Drop it or these regimes, or read nothing about it there; where it is known not to be a target, say "
                "what is with --target.",
                {"share": float(high)},
            )  # fmt: skip


def _small_regimes(look: Look) -> Iterator[TableFinding]:
    small = {name: len(rows) for name, rows in look.tables.items() if len(rows) < FEW_ROWS}
    if small:
        fewest, most = min(small.values()), max(small.values())
        rows = number_of(most, "row") if fewest == most else f"{fewest} to {most} rows"
        yield TableFinding(
            "few-rows", "doubtful", (), tuple(small),
            f"{named_regimes(tuple(small))}: {rows}{' each' if len(small) > 1 else ''}, too few to tell which variable "
            f"was hit, unless it was hit hard; about {ROWS_ENOUGH} would do",
            "Record more rows, or put regimes together in which the same was done.", "", {"rows": fewest},
        )  # fmt: skip


def _many_states(look: Look, i: int, occurring: int, each: float) -> TableFinding:
    name, rows = look.names[i], len(look.rows)
    severity = "dangerous" if each < DANGEROUS else "doubtful"
    numbers = all(not isinstance(label, str | bool) for label in look.labels(i, np.arange(occurring)))
    advice = [f"Join states of {name} into a few groups"]
    shell = [*advice]
    if numbers:
        advice.append(f"say kinds={{{name!r}: pc.Continuous}} if its values are numbers")
        shell.append(f"say --continuous {name} if its values are numbers")
    end = f"or record about {occurring * ENOUGH:,} rows."
    return TableFinding(
        "many-states", severity, (name,), (),
        f"{name} has {occurring} states and there are {rows:,} rows, {each:.1f} for a state: edges to and from {name} "
        f"would rest on chance; about {occurring * ENOUGH:,} rows would do",
        ", ".join([*advice, end]), ", ".join([*shell, end]), {"states": occurring, "rows": rows},
    )  # fmt: skip


def _rare_states(look: Look, i: int, rare: list[int], counts: np.ndarray) -> TableFinding:
    name = look.names[i]
    labels = look.labels(i, np.array(rare))
    rows = int(counts[rare].sum())
    return TableFinding(
        "rare-state", "noted", (name,), (),
        f"{name} has {number_of(len(rare), 'state')} with fewer than {RARE} rows ({listing(labels, 5)}; "
        f"{number_of(rows, 'row')}): too rare to tell what goes with it; {ENOUGH} rows of each would do",
        "Join rare states with others if they mean something alike.", "", {"states": len(rare), "rows": rows},
    )  # fmt: skip


def _constant(look: Look) -> Iterator[TableFinding]:
    """Variables that are constant without intervention, or in every table another value: those name the regime."""
    firsts = np.array([_first(rows) for rows in look.tables.values()])  # [tables, d]
    same = np.array([((rows == _first(rows)) | np.isnan(rows)).all(0) for rows in look.tables.values()])
    labels = [
        len(look.tables) > 2
        and name not in look.covariates
        and same[:, i].all()
        and len({*firsts[:, i]}) == len(firsts)
        for i, name in enumerate(look.names)
    ]
    if found := tuple(name for name, label in zip(look.names, labels, strict=True) if label):
        are, name = ("is", "it names") if len(found) == 1 else ("are", "they name")
        yield TableFinding(
            "names-the-regime", "dangerous", found, (),
            f"{listing(found, 5)} {are} the same in all rows of a regime and differ from regime to regime: {name} the "
            "condition and may be no measurement, and then every regime seems to act on it",
            "Leave it out, ignore=, unless it was measured.", "Leave it out, --ignore, unless it was measured.",
            {"variables": len(found)},
        )  # fmt: skip
    for covariate in (True, False):
        names = tuple(
            name for name, constant, label in zip(look.names, same[0], labels, strict=True)
            if constant and not label and (name in look.covariates) == covariate
        )  # fmt: skip
        if names:
            yield _constant_in_controls(names, covariate)


def _constant_in_controls(names: tuple[str, ...], covariate: bool) -> TableFinding:
    are = "is" if len(names) == 1 else "are"
    told = f"{listing(names, 5)} {are} constant in the observational rows: "
    if covariate:
        return TableFinding(
            "covariate-constant-in-controls", "doubtful", names, ("",),
            f"{told}what a covariate does there and what the regimes do cannot be told apart",
            "Record rows without intervention under its other values too, or take a target to mean either.", "",
            {"variables": len(names)},
        )  # fmt: skip
    return TableFinding(
        "constant-in-controls", "noted", names, ("",),
        f"{told}only regimes tell what acts on it and what it acts on",
        "Nothing, if this is a switch that regimes turn; else drop it.", "", {"variables": len(names)},
    )  # fmt: skip


def _first(rows: np.ndarray) -> np.ndarray:
    """The first value of each column [n, d] that is there, 0 where none is."""
    return np.array([column[~np.isnan(column)][:1].sum() for column in rows.T])
