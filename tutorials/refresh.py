"""Run tutorials and store their outputs: `python tutorials/refresh.py [NOTEBOOK ...]`.

Without names it takes all of them. Tests run the notebooks and leave them as they are; this
writes their outputs. What changes from one machine or day to the next is not kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def refresh(path: Path) -> None:
    """Run a notebook from top to bottom and write it with its outputs.

    Parameters
    ----------
    path
        The notebook.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    ValueError
        If a cell writes to stderr, as a warning does.
    """
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3", record_timing=False).execute(
        cwd=path.parent
    )
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise ValueError(
                    f"{path.name}, cell {cell.id} wrote to stderr: {output.text!r}"
                )
            output.get("metadata", {}).clear()
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ.pop("MPLBACKEND", None)  # figures go into the notebook
    os.environ.pop("PYROCAUSAL_DATA", None)  # what is stored, everybody can run
    for path in (
        map(Path, sys.argv[1:]) if len(sys.argv) > 1 else sorted(FOLDER.glob("*.ipynb"))
    ):
        refresh(path.resolve())
        print(f"stored the outputs of {path.name}")
