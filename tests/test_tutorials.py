"""Tutorials carry their outputs, and nothing that belongs to one machine or day; nbmake runs them (pyproject.toml)."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "tutorials").glob("*.ipynb"))
LARGEST = 400_000  # bytes
SOMEONES_PLACE = re.compile(
    r"(?<![\w./])/(home|Users|root|tmp|var|opt|usr|work|mnt|private)/|\b[A-Z]:\\|site-packages|0x[0-9a-f]{6,}"
)
TIME = re.compile(r"\b\d{1,2}:\d{2}:\d{2}\b|\b20\d\d-\d\d-\d\d\b")


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook):
    """Every text that the cells have put out; pictures left out."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            yield output.get("text", "")
            yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


def test_pytest_collects_the_tutorials(pytestconfig):
    assert PATHS
    assert [path.name[:3] for path in PATHS] == [f"{number:02}_" for number in range(1, len(PATHS) + 1)]  # none is lost
    assert set(pytestconfig.getini("testpaths")) == {"tests", "tutorials"}
    assert pytestconfig.getoption("nbmake")
    assert pytestconfig.getoption("nbmake_kernel") == "python3"


@pytest.mark.parametrize("page", ["README.md", "docs/tutorials.md"])
def test_the_readme_and_the_site_list_every_tutorial(page):
    listed = re.findall(r"\((?:\.\./)?tutorials/(\w+\.ipynb)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert listed == [path.name for path in PATHS]


def test_outputs_are_those_of_one_run_from_top_to_bottom(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    pictures = [o for cell in cells for o in cell.outputs if "image/png" in o.get("data", {})]
    assert pictures
    assert all(cell.outputs for cell in cells if re.search(r"^(print|((pc|az)\.)?plot_\w+)\(", cell.source, re.M))


def test_nothing_went_wrong_or_was_warned_of(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert {output.name for output in outputs if output.output_type == "stream"} <= {"stdout"}
    assert not [text for text in texts(notebook) if "Warning" in text]


def test_warnings_are_not_turned_off(notebook):
    assert not [
        cell.id for cell in code_cells(notebook) if re.search(r"filterwarnings|simplefilter|capture", cell.source)
    ]
    assert "execution" not in notebook.metadata  # nbmake's key to allow errors
    assert not [cell.id for cell in notebook.cells if cell.metadata.get("tags")]


def test_nothing_tells_of_a_machine_or_a_day(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert dict(notebook.metadata.language_info) == {"name": "python"}
    assert all(set(cell.metadata) <= {"nbmake"} for cell in notebook.cells)
    for text in texts(notebook):
        assert not SOMEONES_PLACE.search(text), text
        assert not TIME.search(text), text


@pytest.mark.parametrize("text", ["/home/ann/data", "in /tmp/x.csv", "C:\\Users", "<Axes at 0x7f3a2b>", "at 12:30:01"])
def test_what_tells_of_a_machine_or_a_day_would_be_seen(text):
    assert SOMEONES_PLACE.search(text) or TIME.search(text)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_files_stay_small(path):
    assert path.stat().st_size < LARGEST


def test_the_worked_solution_is_what_nbmake_runs(notebook):
    # nbmake runs `post_cell_execute` of the last code cell after it, with the asserts in it.
    exercise = code_cells(notebook)[-1]
    last = notebook.cells[-1]
    assert exercise.source.startswith("# your answer") or "\n# your answer" in exercise.source
    assert last.cell_type == "markdown"
    assert last.source.startswith("<details>\n<summary>") and last.source.endswith("</details>")
    (solution,) = re.findall(r"```python\n(.*?)\n```", last.source, re.S)
    assert exercise.metadata.nbmake.post_cell_execute == solution.split("\n")
    assert "assert" in solution
