"""What a text of the shell has to be: a folder, a whole number, a graph's file; an error says what is wrong with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pyrocausal.posterior.graph_writing import check_graph_path

__all__ = ["count", "folder", "graph_file", "seed", "whole"]


def folder(text: str) -> Path:
    """A folder's path, which is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a folder, . for this one")
    return Path(text)


def whole(text: str, least: int) -> int:
    """A whole number of at least `least`."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
    return number


def count(text: str) -> int:
    """A whole number of at least 1."""
    return whole(text, 1)


def seed(text: str) -> int:
    """A whole number of at least 0."""
    return whole(text, 0)


def graph_file(text: str) -> Path:
    """The path of a graph in a format that can be written."""
    try:
        return check_graph_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
