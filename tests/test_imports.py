"""Modules import downwards only, and what is public exists and is explained."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import pyrocausal

ROOT = Path(pyrocausal.__file__).parent
ENGINE = [
    "threads", "versions", "interruption",
    "columns", "weights", "count_kinds", "kinds", "tables", "sources", "regime", "data", "gaps", "counts", "knowledge",
    "local", "mechanisms", "heads", "neural", "beliefs", "handlers", "model", "imputation", "scoring", "conjugate",
    "targets", "credit", "split", "predictive", "screening", "refitting", "evidence", "moves", "climb", "replanting",
    "retargeting", "state", "scouting", "settings", "sdi", "settle", "sampling", "chain", "row_groups",
    "inference_data", "result", "metrics", "progress", "line", "restarts", "discover", "stability", "trial",
    "comparison", "heldout", "control", "association", "unexplained", "findings", "misfits", "diagnostics",
]  # fmt: skip
TRUTH = [
    "graphs", "truth_mechanisms", "continuous_truths", "count_truths", "ground_truth", "networks", "interventions",
    "random_counts", "simulate",
]  # fmt: skip
FRONT = [
    "layout", "drawing", "heatmaps", "plots", "curves", "shares", "predictions", "document", "summary", "contents",
    "report", "arguments", "__main__",
]  # fmt: skip
ORDER = [*ENGINE, *TRUTH, *FRONT]
# One method is to be had on a result although what it does is made of results: `CausalPosterior.report`. The import
# waits in the method, so that modules can still be read, and loaded, in order.
BACKWARDS = {("result", "report")}


def imported(source: str) -> set[str]:
    """Modules of this package that a source imports, anywhere in it; "" for the package itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "pyrocausal" else [module]
        for name in names:
            package, *rest = name.split(".")
            if package == "pyrocausal":
                found.add(rest[0] if rest else "")
    return found


def test_the_reader_of_imports_finds_them():
    source = "import pyrocausal\nfrom pyrocausal import tables\ndef f():\n    from pyrocausal.data import Regime\n"
    assert imported(source) == {"", "tables", "data"}
    assert imported("import pyrocausal.model as m\nimport pyro\nfrom pyro import poutine") == {"model"}


def test_every_module_has_a_place():
    assert sorted(path.stem for path in ROOT.glob("*.py")) == sorted([*ORDER, "__init__"])
    assert not [path for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()]


def test_the_import_that_points_backwards_waits_in_a_method():
    for module, later in BACKWARDS:
        tree = ast.parse((ROOT / f"{module}.py").read_text())
        assert later in imported(ast.unparse(tree))
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            function.body = [ast.Pass()]
        assert later not in imported(ast.unparse(tree))


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_one_way(module):
    found = imported((ROOT / f"{module}.py").read_text())
    found -= {later for here, later in BACKWARDS if here == module}
    if module in ("arguments", "__main__"):
        found.discard("")  # the version
    allowed = set(ORDER[: ORDER.index(module)])
    if module in TRUTH:
        allowed = {"kinds", "data", *TRUTH[: TRUTH.index(module)]}
    assert found <= allowed, f"{module} imports {sorted(found - allowed)}, which come after it or are not for it"


def test_the_engine_does_not_know_the_truth():
    # Otherwise a fit could look at the answer.
    for module in ENGINE:
        assert not imported((ROOT / f"{module}.py").read_text()) & set(TRUTH), module


@pytest.mark.parametrize("name", pyrocausal.__all__)
def test_public_names_exist_and_have_a_docstring(name):
    found = getattr(pyrocausal, name)
    own = found.__doc__
    assert own and len(own.split()) >= 3, f"{name} has no docstring"
    if inspect.isclass(found):
        assert not own.startswith(f"{name}("), f"{name} has only the docstring that dataclass makes"


def test_public_names_are_listed_once_and_all_of_them():
    assert len(set(pyrocausal.__all__)) == len(pyrocausal.__all__)
    imported_names = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse((ROOT / "__init__.py").read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported_names == set(pyrocausal.__all__)


@pytest.mark.parametrize("module", [name for name in ORDER if name != "__main__"])
def test_every_modules_public_names_exist_and_have_a_docstring(module):
    found = __import__(f"pyrocausal.{module}", fromlist=["*"])
    assert found.__doc__
    for name in getattr(found, "__all__", ()):
        value = getattr(found, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{module}.{name}"
