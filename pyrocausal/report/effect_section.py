"""What a report says would happen if variables were set: effects on all that is below them, with intervals."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd
import torch

from pyrocausal.data.columns import number_of
from pyrocausal.data.kinds import Categorical
from pyrocausal.plots.effects import draw_effects, effects_size
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report.document import Heading, Mono, Part, Picture, Table, Text
from pyrocausal.report.pieces import constrained_figure, plain_text

__all__ = ["HEADER", "AskedEffects", "ask_effects", "effect_cells", "effect_section"]

SHOWN, MOST_CAUSES, FEWEST_CAUSES = 20, 20, 5
MOST_DRAWS, FEWEST_DRAWS, MANY = 100, 10, 40  # of all chains together; from how many on an interval is no rough guess
VISITS, MOST_VISITS = 2_500, 8_000  # of a variable by a program, about a millisecond each: so many, or for the fewest
CAUSES = 5  # that take as long again as a visit without any
HEADER = ["cause", "from", "to", "what changes", "by", "90 % interval", "acts in"]


class AskedEffects(NamedTuple):
    """What was asked of a result, and what came of it.

    Attributes
    ----------
    table
        See `CausalPosterior.effects`; empty if the question failed.
    causes
        That were asked about, the most strongly hit first.
    about
        The same in words.
    draws
        Of all chains together.
    failure
        What went wrong; empty if nothing did.
    """

    table: pd.DataFrame
    causes: list[str]
    about: str
    draws: int
    failure: str = ""


def ask_effects(result: CausalPosterior) -> AskedEffects | None:
    """Ask for the effects that a report shows, in about as much time whatever the number of variables.

    Causes are the variables that regimes are believed to act on, or all where there is none. If there are many, the
    most strongly hit are asked about, with fewer draws.

    Parameters
    ----------
    result
        A fit.

    Returns
    -------
    AskedEffects or None
        None where a chain has not settled a graph, or the graph has no edges.

    Examples
    --------
    >>> ask_effects(result).table  # doctest: +SKIP
    """
    if not (result.settled and all(len(chain.rounds) for chain in result.chains)):
        return None
    if not result.dag().number_of_edges():
        return None
    candidates, hit = _candidates(result)
    d = len(result.data.names)
    many = CAUSES * (MOST_VISITS // (d * FEWEST_DRAWS) - 1)
    causes = candidates[: max(FEWEST_CAUSES, min(MOST_CAUSES, many))]
    draws = max(FEWEST_DRAWS, min(MOST_DRAWS, CAUSES * VISITS // (d * (CAUSES + len(causes)))))
    each = -(-draws // len(result.chains))
    told = causes, _about(len(causes), len(candidates), hit), each * len(result.chains)
    try:
        return AskedEffects(result.effects(causes, draws=each), *told)
    except (ValueError, ArithmeticError, torch.linalg.LinAlgError) as error:  # what data may bring about
        return AskedEffects(pd.DataFrame(), *told, failure=" ".join(str(error).split()).rstrip("."))


def _candidates(result: CausalPosterior) -> tuple[list[str], bool]:
    """Variables that regimes are believed to act on, the strongest hit first; else all, by their edges. Which it is."""
    nodes = result.data.nodes
    if hit := [name for name in dict.fromkeys(result.target_table().variable) if name in nodes]:
        return hit, True
    return list(dict.fromkeys([*result.edges(None).cause, *nodes])), False


def _about(asked: int, candidates: int, hit: bool) -> str:
    if asked < candidates:
        which = "hit most strongly" if hit else "with the strongest edges"
        return f"the {asked} variables {which}, of {candidates}"
    every = "the one variable" if candidates == 1 else f"all {candidates} variables"
    return f"{every} that a regime is believed to act on" if hit else every


def effect_section(result: CausalPosterior, asked: AskedEffects | None) -> Iterator[Part]:
    """What `ask_effects` has found, as a table and a picture; nothing without settling or edges."""
    if asked is None and (result.settled or not all(len(chain.rounds) for chain in result.chains)):
        return
    yield Heading("What would happen")
    if asked is None:
        yield plain_text("The fit was not finished, so effects were not asked for; result.effects() asks all the same.")
        return
    if asked.failure:
        yield plain_text(f"The fitted programs could not be asked: {asked.failure}.")
        return
    if asked.table.empty:
        yield plain_text(f"Asked about: {asked.about}. In no graph drawn do they act on another variable.")
        return
    shown = asked.table.head(SHOWN)
    yield plain_text(
        "What the fitted programs say would happen to other variables if a variable were set, the largest effects "
        f"first. Asked about: {asked.about}. {_compared(result, asked)}"
    )
    yield Table(HEADER, list(map(effect_cells, shown.to_dict("records"))))
    if left := len(asked.table) - len(shown):
        yield plain_text(f"{number_of(left, 'smaller effect')} {'is' if left == 1 else 'are'} not shown.")
    figure = constrained_figure(*effects_size(shown))
    draw_effects(shown, result.data, figure.add_subplot())
    yield Picture.of("effects", "What would happen if variables were set, with intervals of 90 %", figure)
    yield Text(
        (
            f"An interval holds nine tenths of {asked.draws} draws, each of a graph and of the mechanisms in it: it is "
            f"as wide as the data leave both open{_few(asked.draws)}. Where it holds 0 it is grey. A cause that nobody "
            "measured is not in it. The last column tells in how many of the graphs the cause acts on the variable at "
            "all. More draws, and other questions: ",
            Mono("result.effects"), ", ", Mono("result.effect"), "; in the shell ", Mono("pyrocausal effect"), ".",
        )
    )  # fmt: skip


def _compared(result: CausalPosterior, asked: AskedEffects) -> str:
    """What causes are set to, of the sorts that there are (`pyrocausal.queries.effect_table.usual_contrast`)."""
    kinds = dict(zip(result.data.names, result.data.kinds, strict=True))
    sorts = {_sort(kinds[name]) for name in asked.causes}
    texts = {
        "number": "A number or a count is moved by one standard deviation, half of it below its mean to half above.",
        "ordered": "Of states with an order the lowest and the highest are compared.",
        "states": "Of states without an order the two that occur most are compared.",
    }
    told = [text for sort, text in texts.items() if sort in sorts]
    if (asked.table.measured != "mean").any():
        told.append("Of what changes, if it has states, the table has the one whose probability changes most.")
    return " ".join(told)


def _few(draws: int) -> str:
    return "" if draws >= MANY else ", and with so few draws no more than a rough guide"


def _sort(kind: object) -> str:
    if not isinstance(kind, Categorical):
        return "number"
    return "ordered" if kind.ordered else "states"


def effect_cells(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    """Cells of a row of `CausalPosterior.effects`, under `HEADER`."""
    of_state = row["measured"] != "mean"
    how = "+z.3f" if of_state else "+z.4g"
    what = row["measured"] if of_state else f"mean of {row['effect']}"
    by, low, high = (format(row[name], how) for name in ("mean", "low", "high"))
    return row["cause"], row["versus"], row["do"], what, by, f"{low} to {high}", f"{row['path']:.0%}"
