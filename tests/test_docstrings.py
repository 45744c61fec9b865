"""Every public name has an example, and all examples of public names run.

Examples that use `data` or `result` go on from that of `discover`, those that use `settled`,
`check` or `compared` from those of `settle`, `held_out_rows` and `stability`.
"""

import doctest
import inspect
import re

import matplotlib
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import pyro
import pytest
import torch

import pyrocausal as pc

matplotlib.use("Agg")
NAMES = [*((pc, name) for name in pc.__all__), *((pc.simulate, name) for name in pc.simulate.__all__)]
FINDER = doctest.DocTestFinder()


def first_made():
    """What the examples of four functions make, from which those of other names go on."""
    names = {"pc": pc}
    for value in (pc.discover, pc.settle, pc.held_out_rows, pc.stability):
        for example in FINDER.find(value, value.__name__, globs={})[0].examples:
            if re.match(r"(import|[\w, ]+ = )", example.source):
                exec(example.source, names)
    return {name: names[name] for name in ("data", "result", "settled", "check", "compared")}


def examples_of(value, name):
    """Doctests of a function, a class and its methods, inherited ones too, or a module and what it lists."""
    if inspect.ismodule(value):
        listed = [getattr(value, each) for each in value.__all__]
        own = [each for each in listed if getattr(each, "__module__", "").startswith("pyrocausal.")]
        told = [doctest.DocTestParser().get_doctest(value.__doc__, {}, name, value.__file__, 0)]
        return told + [test for each in own for test in examples_of(each, each.__name__)]
    if inspect.isclass(value):
        classes = [each for each in value.__mro__ if each.__module__.startswith("pyrocausal.")]
        return [test for each in classes for test in FINDER.find(each, each.__name__, globs={})]
    return FINDER.find(value, name, globs={})


@pytest.mark.parametrize("name", pc.__all__)
def test_every_public_name_has_an_example(name):
    assert ">>> " in (inspect.getdoc(getattr(pc, name)) or ""), f"pyrocausal.{name} has no example"


def test_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, said = first_made(), []
    for place in NAMES:
        value = getattr(*place)
        module = value if inspect.ismodule(value) else inspect.getmodule(value)
        for test in examples_of(value, place[1]):
            test.globs = {**vars(module), "pc": pc, "np": np, "pd": pd, "nx": nx, "pyro": pyro, "torch": torch, **made}
            doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
        plt.close("all")
    assert not said, "".join(said)
