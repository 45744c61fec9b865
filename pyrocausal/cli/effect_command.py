"""`pyrocausal effect`: what happens to a variable of a saved result if others are set."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pyrocausal.cli import argument_types
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.queries.asked import check_do, check_variable
from pyrocausal.report.write import SAVED

__all__ = ["add_effect", "effect"]

EXAMPLES = """\
examples:
  What happens to Erk if PKA is high, against it being low:
    pyrocausal effect results --on Erk --do PKA=high --versus PKA=low

  Two variables at once, against nothing being done, where Mek is then seen to be low:
    pyrocausal effect results/result.zip --on Erk --do PKA=high --do PKC=low --given Mek=low

Values are labels where a variable has states, and numbers in its units where it has none.
"""
BETWEEN = 0.05, 0.95
MOST_EDGES = 20


def add_effect(commands: Any) -> None:
    """Add the command to those of `pyrocausal`."""
    text = "ask a saved result what happens if a variable is set"
    parser = commands.add_parser(
        "effect", help=text, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EXAMPLES,
        usage="%(prog)s RESULT --on VARIABLE --do VARIABLE=VALUE [--versus VARIABLE=VALUE] [options]",
        description="Say how an intervention changes a variable, and how sure that is, graph and mechanisms included.",
    )  # fmt: skip
    parser.add_argument(
        "result",
        metavar="RESULT",
        type=argument_types.folder,
        help="a saved result, or the folder that fit --out wrote",
    )
    parser.add_argument("--on", metavar="VARIABLE", required=True, help="the variable that is asked about")
    pairs: dict[str, Any] = {"metavar": "VARIABLE=VALUE", "action": "append", "type": _pair}
    parser.add_argument("--do", required=True, help="what is set; again for another variable", **pairs)
    parser.add_argument("--versus", default=[], help="what it is compared with; default: nothing is done", **pairs)
    parser.add_argument("--given", default=[], help="what is observed after that", **pairs)
    parser.add_argument(
        "--draws", metavar="N", type=argument_types.count, default=100, help="graphs of every chain; default: 100"
    )
    parser.add_argument("--seed", metavar="N", type=argument_types.seed, default=0, help="of the draws; default: 0")


def _pair(text: str) -> str:
    """Which = is the one between the two, the names of the variables have to tell."""
    if "=" not in text[1:]:
        raise argparse.ArgumentTypeError(f"expected VARIABLE=VALUE, got {text!r}")
    return text


def effect(arguments: argparse.Namespace) -> None:
    """Ask and print.

    Raises
    ------
    OSError, TypeError, ValueError
        If there is no such result, or the question is none; the message begins with the option that is to blame.
    """
    result = _load(arguments.result)
    on = check_variable("--on", arguments.on, result.data)
    do, versus, given = (
        _values(f"--{name}", getattr(arguments, name), result.data) for name in ("do", "versus", "given")
    )
    _check_apart(on, do, versus, given)
    if not result.settled:
        unsettled = f"{sum(not chain.settled for chain in result.chains)} of {len(result.chains)} chains"
        warnings.warn(f"{unsettled} have not settled; do not trust their graphs", RuntimeWarning, stacklevel=2)
    draws, seed = arguments.draws, arguments.seed
    answer = result.effect(on, do=do, versus=versus, given=given, draws=draws, seed=seed)
    against = _in_words(versus) or "nothing being done"
    seen = f", where {_in_words(given)} is then observed" if given else ""
    print(f"What happens to {on} if {_in_words(do)} is set, compared with {against}{seen}:")
    _print_answer(answer)
    number = answer.sizes["chain"] * answer.sizes["draw"]
    print(f"means of {number:,} draws of graph and mechanisms; nine tenths of the draws are within the brackets")
    _print_edges(result, answer)


# ---------------------------------------------------------------------- what is asked
def _load(path: Path) -> CausalPosterior:
    if path.is_dir():
        folder, path = path, path / SAVED
        if not path.is_file():
            raise ValueError(f"RESULT: the folder {folder} holds no {SAVED}; name one that fit --out wrote")
    return CausalPosterior.load(path)


def _values(option: str, texts: Sequence[str], data: InterventionalData) -> dict[str, Any]:
    """What variables are set to, or seen to be."""
    found: dict[str, Any] = {}
    for text in texts:
        places = [k for k, letter in enumerate(text) if letter == "="]
        name, k = next(((text[:k], k) for k in reversed(places) if text[:k] in data.names), (text[: places[0]], 0))
        check_variable(option, name, data)
        if name in found:
            raise ValueError(f"{option}: {name!r} is named twice; drop one")
        found[name] = _value(option, name, text[k + 1 :], data)
    try:
        return check_do(option, found, data)
    except ValueError as error:
        raise error if str(error).startswith(option) else ValueError(f"{option}: {error}") from None


def _value(option: str, name: str, text: str, data: InterventionalData) -> Any:
    """The label or number that a text stands for."""
    kind = data.kinds[data.names.index(name)]
    if kind.discrete:
        states = list(getattr(kind, "states", kind.decode(np.arange(float(kind.cardinality)))))
        for state in states:
            if str(state) == text or (_number(str(state)) is not None and _number(str(state)) == _number(text)):
                return state
        raise ValueError(f"{option}: {name!r} has the states {', '.join(map(str, states))}, got {text!r}")
    number = _number(text)
    if number is None:
        raise ValueError(f"{option}: {name!r} is a number, got {text!r}")
    return number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _check_apart(on: str, do: Mapping[str, Any], versus: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Complain, in the words of the shell, of a variable that has two parts."""
    for option, values in (("--do", do), ("--versus", versus), ("--given", given)):
        if on in values:
            raise ValueError(f"{option}: {on!r} is what is asked about; name another one")
    if both := [name for name in given if name in do or name in versus]:
        raise ValueError(f"--given: {both[0]!r} is set, and cannot be observed as well")


# ---------------------------------------------------------------------- what is printed
def _in_words(values: Mapping[str, Any]) -> str:
    texts = [f"{name} = {f'{value:g}' if isinstance(value, float) else value}" for name, value in values.items()]
    return " and ".join(texts)


def _how(answer: xr.DataArray) -> str:
    return "+z.3f" if "state" in answer.dims else "+z.4g"


def _print_answer(answer: xr.DataArray) -> None:
    """A line for every state, or for the mean."""
    how = _how(answer)
    values = answer.values.reshape(answer.sizes["chain"] * answer.sizes["draw"], -1)
    names = [_measured(answer, state) for state in (answer.state.values if "state" in answer.dims else [""])]
    width = max(map(len, names))
    for name, column in zip(names, values.T, strict=True):
        mean, (low, high) = float(column.mean()), np.quantile(column, BETWEEN)
        print(f"  {name:{width}}  changes by {mean:{how}}  ({low:{how}} to {high:{how}})")


def _measured(answer: xr.DataArray, state: Any) -> str:
    return f"P({answer.name}={state})" if "state" in answer.dims else "its mean"


def _print_edges(result: CausalPosterior, answer: xr.DataArray) -> None:
    """How the answer depends on edges that are in some of the graphs."""
    table, how = result.by_edge(answer), _how(answer)
    if table.empty:
        print(f"no edge on the way to {answer.name} is in doubt")
        return
    print(
        f"edges on the way to {answer.name} that are in doubt, with their share of the graphs (others may come along):"
    )
    arrows = [f"{cause} -> {effect}" for cause, effect in zip(table.cause, table.effect, strict=True)]
    width = max(map(len, arrows[:MOST_EDGES]))
    for arrow, row in list(zip(arrows, table.to_dict("records"), strict=True))[:MOST_EDGES]:
        told = (
            f"{_measured(answer, row['state'])} changes by {row['with']:{how}} with it, {row['without']:{how}} without"
        )
        print(f"  {arrow:{width}}  {row['share']:4.0%}  {told}")
    if len(table) > MOST_EDGES:
        print(f"  and {len(table) - MOST_EDGES} more, on which less depends")
