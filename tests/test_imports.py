"""Folders and modules import downwards only, and what is public exists and is explained."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pyrocausal

ROOT = Path(pyrocausal.__file__).parent
# A folder imports from those before it, and from its own.
FOLDERS = [
    "runtime", "data", "tables", "simulate", "model", "sdi", "copies", "evidence", "search", "mechanism_posterior",
    "queries", "posterior", "fit", "checks", "plots", "report", "cli",
]  # fmt: skip
# What a result is printed as, and two methods, are to be had on what they are given: `CausalPosterior.report` and
# `InterventionalData.check`. The imports wait in the methods, so that modules can still be read, and loaded, in order.
UPWARDS = {
    ("posterior.causal_posterior", "checks.verdict"), ("posterior.causal_posterior", "report.write"),
    ("data.interventional_data", "tables.check"),
}  # fmt: skip
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("*/*.py") if path.stem != "__init__"
)


def imported(source: str) -> set[str]:
    """Modules of this package that a source imports, anywhere in it, such as "data.kinds"; "" for the package."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            within = module == "pyrocausal" or module.removeprefix("pyrocausal.") in FOLDERS
            names = [f"{module}.{alias.name}" for alias in node.names] if within else [module]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "pyrocausal":
                found.add(rest)
    return found


def of(module: str) -> set[str]:
    """What a module imports of this package, but for what waits."""
    found = imported((ROOT / f"{module.replace('.', '/')}.py").read_text())
    return {each for each in found if (module, each) not in UPWARDS}


def test_the_reader_of_imports_finds_them():
    source = (
        "import pyrocausal\nfrom pyrocausal.data import tables\ndef f():\n    from pyrocausal.sdi.state import Info\n"
    )
    assert imported(source) == {"", "data.tables", "sdi.state"}
    assert imported("import pyrocausal.model.heads as m\nimport pyro\nfrom pyro import poutine") == {"model.heads"}


def test_every_module_is_in_a_folder_and_every_folder_has_a_place():
    assert {path.stem for path in ROOT.glob("*.py")} == {"__init__", "__main__"}
    assert {path.parent.name for path in ROOT.glob("*/*.py")} == set(FOLDERS)
    assert not [path for path in ROOT.glob("*/*/*.py")]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_what_it_is_for_and_nothing_else(folder):
    tree = ast.parse((ROOT / folder / "__init__.py").read_text())
    assert ast.get_docstring(tree)
    if folder != "simulate":  # it is public itself, and says so
        assert len(tree.body) == 1


def test_the_import_that_points_upwards_waits_in_a_method():
    for module, later in UPWARDS:
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
        assert later in imported(ast.unparse(tree))
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            function.body = [ast.Pass()]
        assert later not in imported(ast.unparse(tree))


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module):
    folder = module.split(".")[0]
    allowed = FOLDERS[: FOLDERS.index(folder) + 1]
    if folder == "simulate":
        allowed = ["data", "simulate"]
    found = of(module)
    if folder == "cli":
        found.discard("")  # the version
    wrong = sorted(each for each in found if each.split(".")[0] not in allowed)
    assert not wrong, f"{module} imports {wrong}, of folders that come after its own or are not for it"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_has_a_circle(folder):
    mine = {module: {each for each in of(module) if each in MODULES} for module in MODULES if module.startswith(folder)}
    try:
        TopologicalSorter(mine).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def test_a_fit_does_not_know_the_truth():
    # Otherwise it could look at the answer.
    for module in MODULES:
        if module.split(".")[0] not in ("simulate", "cli"):
            assert not [each for each in of(module) if each.startswith("simulate")], module


@pytest.mark.parametrize("name", pyrocausal.__all__)
def test_public_names_exist_and_have_a_docstring(name):
    found = getattr(pyrocausal, name)
    own = found.__doc__
    assert own and len(own.split()) >= 3, f"{name} has no docstring"
    if inspect.isclass(found):
        assert not own.startswith(f"{name}("), f"{name} has only the docstring that dataclass makes"


@pytest.mark.parametrize("file", ["__init__.py", "simulate/__init__.py"])
def test_public_names_are_listed_once_and_all_of_them(file):
    tree = ast.parse((ROOT / file).read_text())
    listed = importlib.import_module(".".join(("pyrocausal", *Path(file).parent.parts))).__all__
    assert len(set(listed)) == len(listed)
    handed_on = {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert handed_on == set(listed)


@pytest.mark.parametrize("module", MODULES)
def test_every_modules_public_names_exist_and_have_a_docstring(module):
    found = importlib.import_module(f"pyrocausal.{module}")
    assert found.__doc__
    for name in getattr(found, "__all__", ()):
        value = getattr(found, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{module}.{name}"


def test_what_texts_mention_is_there():
    """Dotted names of the package in docstrings, README and pages, such as `pyrocausal.data.kinds.Count`."""
    top = ROOT.parent
    texts = [*ROOT.rglob("*.py"), *top.glob("*.md"), *top.glob("docs/*.md"), *top.glob("benchmarks/*.md")]
    lost = []
    for path in texts:
        for name in set(re.findall(r"`~?(pyrocausal(?:\.\w+)+)", path.read_text(encoding="utf-8"))):
            found = pyrocausal
            for part in name.split(".")[1:]:
                found = getattr(found, part, None)
            if found is None:
                lost.append(f"{path.name}: {name}")
    assert not lost


def test_contributing_names_every_file_in_the_row_of_its_folder():
    rows = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    for module in MODULES:
        folder, name = module.split(".")
        (row,) = [row for row in rows if row.startswith(f"| `{folder}` |")]
        assert f"`{name}`" in row, module
