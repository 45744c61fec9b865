"""Objects as plain texts, numbers and arrays, and made anew from these: no code is written, and none is run.

An object is written down as the name of its class and what its constructor takes, read from attributes of the same
names; a module's tensors (`state_dict`) come on top. Only classes that are known, or that the reader names, are made,
by calling them with those arguments, which they check as ever. A class that makes more than it is given has a class
method `fits`, which says from tensors and arguments whether they go together.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import torch

__all__ = ["Reader", "Writer"]

Node = Any  # what JSON holds: an object of one key, a list, a text, a number, true, false or null
TIMES: dict[str, Callable[[str], Any]] = {
    "Timestamp": pd.Timestamp, "Timedelta": pd.Timedelta, "datetime": datetime.fromisoformat, "date": date.fromisoformat
}  # fmt: skip
DEEPEST = 60  # lists within lists


class Writer:
    """Makes nodes of objects, and keeps their arrays apart.

    Attributes
    ----------
    arrays
        By the names that nodes call them by.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def node(self, value: Any, where: str) -> Node:
        """The node of a value; `where` says in messages what it is.

        Raises
        ------
        ValueError
            If there is none.
        """
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic):
            return self.node(value.item(), where)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"number": repr(float(value))}
        if isinstance(value, date | pd.Timedelta):
            return {"time": [type(value).__name__, value.isoformat()]}
        if isinstance(value, torch.Tensor):
            return {"tensor": self._keep(value.detach().cpu().numpy(), where)}
        if isinstance(value, np.ndarray):
            return {"array": self._keep(value, where)}
        if isinstance(value, Mapping):
            return {"mapping": [[self.node(k, where), self.node(v, f"{where}, {k!r}")] for k, v in value.items()]}
        if type(value) is tuple:
            return {"tuple": [self.node(each, where) for each in value]}
        if isinstance(value, list):
            return [self.node(each, where) for each in value]
        if isinstance(value, pd.DataFrame):
            return {"frame": self._frame(value, where)}
        if isinstance(value, nx.DiGraph):
            return {"graph": [self.node([*value.nodes], where), self.node([list(e) for e in value.edges], where)]}
        return {"object": self._object(value, where)}

    def _keep(self, array: np.ndarray, where: str) -> str:
        if array.dtype.hasobject:
            raise ValueError(f"{where} is an array of objects, which no file holds; make it numbers")
        name = f"{len(self.arrays)}.npy"
        self.arrays[name] = array
        return name

    def _frame(self, frame: pd.DataFrame, where: str) -> Node:
        columns = [[str(name), self._column(frame[name], f"{where}, {name!r}")] for name in frame]
        return [frame.index.name, self._column(frame.index, where), columns]

    def _column(self, column: pd.Series | pd.Index, where: str) -> Node:
        values = column.to_numpy()
        return self.node(values.tolist() if values.dtype.hasobject else values, where)

    def _object(self, value: Any, where: str) -> Node:
        name, arguments = type(value).__name__, {}
        for argument in _arguments(type(value), where):
            if not hasattr(value, argument):
                raise ValueError(
                    f"{where} is a {name}, which cannot be written down: its constructor takes {argument!r}, and it "
                    "has no such attribute; keep it in one"
                )
            arguments[argument] = self.node(getattr(value, argument), f"{where}, {name}.{argument}")
        state = {}
        if isinstance(value, torch.nn.Module):
            own = {key: each for key, each in value.state_dict().items() if key.split(".")[0] not in arguments}
            state = {key: self.node(each, f"{where}, {key}") for key, each in own.items()}
        return [name, arguments, state]


class Reader:
    """Makes objects of nodes.

    Parameters
    ----------
    arrays
        By the names that nodes call them by.
    classes
        That may be made, by their names.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], classes: Mapping[str, type]) -> None:
        self.arrays, self.classes = arrays, classes
        self._tensors: dict[str, torch.Tensor] = {}  # one of each array, however often a file names it

    def value(self, node: Node, depth: int = 0) -> Any:
        """What a node was made of.

        Raises
        ------
        ValueError
            If it was made of nothing, or of an object whose class is not known.
        """
        if depth > DEEPEST:
            raise ValueError(f"it holds lists within lists, deeper than {DEEPEST}")
        if node is None or isinstance(node, bool | str | int | float):
            return node
        if isinstance(node, list):
            return [self.value(each, depth + 1) for each in node]
        if not isinstance(node, dict) or len(node) != 1:
            raise ValueError("it holds something that was not written by save")
        ((tag, inside),) = node.items()
        if tag not in self._made:
            raise ValueError(f"it holds {tag!r}, which this version does not know")
        return self._made[tag](self, inside, depth + 1)

    def _object(self, node: Node, depth: int) -> Any:
        name, arguments, state = node
        if name not in self.classes:
            raise ValueError(
                f"it holds a {name!r}, which is no class of this package; say what it is, classes={{{name!r}: ...}}, "
                "if you know it"
            )
        made: Any = self.classes[name]
        known = _arguments(made, name)
        if strange := [argument for argument in arguments if argument not in known]:
            raise ValueError(f"it holds a {name} with {strange[0]!r}, which its constructor does not take")
        given = {argument: self.value(each, depth) for argument, each in arguments.items()}
        spread = [each for argument, each in given.items() if known[argument] == inspect.Parameter.VAR_POSITIONAL]
        tensors = {key: self.value(each, depth) for key, each in state.items()}
        if "fits" in vars(made) and not made.fits(tensors, **given):  # before anything large is made
            raise ValueError(f"the tensors of a {name} do not have the shapes that its arguments ask for")
        found = made(
            *(spread[0] if spread else ()),
            **{k: v for k, v in given.items() if known[k] != inspect.Parameter.VAR_POSITIONAL},
        )
        if isinstance(found, torch.nn.Module):
            whole = {key: each for key, each in found.state_dict().items() if key.split(".")[0] in given}
            found.load_state_dict({**whole, **tensors})
        return found

    def _frame(self, node: Node, depth: int) -> pd.DataFrame:
        name, index, columns = node
        found = {column: self._column(each, depth) for column, each in columns}
        return pd.DataFrame(found, index=pd.Index(self._column(index, depth), name=name))

    def _column(self, node: Node, depth: int) -> np.ndarray:
        values = self.value(node, depth)
        return np.array(values, dtype=object) if isinstance(values, list) else values

    def _graph(self, node: Node, depth: int) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(self.value(node[0], depth))
        graph.add_edges_from(self.value(node[1], depth))
        return graph

    def _mapping(self, node: Node, depth: int) -> dict[Any, Any]:
        return {self.value(key, depth): self.value(each, depth) for key, each in node}

    def _tuple(self, node: Node, depth: int) -> tuple[Any, ...]:
        return tuple(self.value(each, depth) for each in node)

    def _array(self, node: Node, depth: int) -> np.ndarray:
        return self.arrays[node]

    def _tensor(self, node: Node, depth: int) -> torch.Tensor:
        if node not in self._tensors:
            self._tensors[node] = torch.from_numpy(self.arrays[node].copy())
        return self._tensors[node]

    def _number(self, node: Node, depth: int) -> float:
        return float(node)

    def _time(self, node: Node, depth: int) -> Any:
        return TIMES[node[0]](node[1])

    _made: Mapping[str, Callable[[Reader, Node, int], Any]] = {
        "object": _object, "frame": _frame, "graph": _graph, "mapping": _mapping, "tuple": _tuple, "array": _array,
        "tensor": _tensor, "number": _number, "time": _time,
    }  # fmt: skip


def _arguments(made: type, where: str) -> dict[str, Any]:
    """What a constructor takes, and in what way."""
    if made.__module__ == "builtins":
        raise ValueError(f"{where} holds a {made.__name__}, which no file can hold; make it a text")
    found: Sequence[inspect.Parameter] = [*inspect.signature(made).parameters.values()]
    if spread := [each.name for each in found if each.kind == inspect.Parameter.VAR_KEYWORD]:
        raise ValueError(
            f"{where}: the constructor of {made.__name__} takes **{spread[0]}, so that nobody knows what to write "
            "down; name what it takes"
        )
    return {each.name: each.kind for each in found}
