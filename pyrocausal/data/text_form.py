"""What the first bytes of a text file say of its form: what separates fields, how it is encoded, decimal commas."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any, TypeAlias

__all__ = ["DAMAGE", "FilePath", "first_bytes", "not_unpacked", "sniff"]

FilePath: TypeAlias = str | PathLike[str]

SEPARATORS = (",", "\t", ";", "|")
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16 does, so it comes first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
HEAD, LINES = 2**18, 200  # bytes and lines that are looked at
DAMAGE = gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, zlib.error, EOFError, IndexError, NotImplementedError
OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMMA, POINT = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?"), re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")


def sniff(
    head: bytes,
    path: str,
    expected: Iterable[str] = (),
    sep: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
) -> dict[str, Any]:
    """What the first bytes of a file say of its form: the arguments sep, encoding and decimal of `pandas.read_csv`.

    Parameters
    ----------
    head
        The first bytes.
    path
        Of the file, for messages.
    expected
        Columns that have to be there; a separator that yields them is preferred.
    sep, encoding, decimal
        Taken as they are where they are given.

    Raises
    ------
    ValueError
        If the bytes are UTF-16 without a mark that says so.

    Examples
    --------
    >>> sniff(b"arm;dose\\nold;0,5\\n", "cells.csv")
    {'sep': ';', 'encoding': 'utf-8', 'decimal': ','}
    """
    if encoding is None:
        encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")
        if encoding == "utf-8" and head[:1000].count(b"\0") > len(head[:1000]) // 4:
            order = "le" if head[1:2] == b"\0" else "be"
            raise ValueError(
                f'path: {path} looks like UTF-16 without a mark at its beginning; say encoding="utf-16-{order}" '
                f"(--encoding utf-16-{order} in the shell), or store it as UTF-8"
            )
    try:
        lines = [line for line in head.decode(encoding, errors="replace").splitlines() if line.strip()]
    except LookupError:
        lines = []  # reading it will say so
    lines = (lines[:-1] if len(head) >= HEAD else lines)[:LINES]
    if sep is None:
        sep = max(SEPARATORS, key=lambda each: _fit(lines, each, set(expected)), default=",")
    if decimal is None:
        fields = [field.strip() for row in _rows(lines, sep)[1:] for field in row]
        commas, points = (any(each.fullmatch(field) for field in fields) for each in (COMMA, POINT))
        decimal = "," if sep in (";", "\t", "|") and commas and not points else "."
    return {"sep": sep, "encoding": encoding, "decimal": decimal}


def _rows(lines: list[str], sep: str) -> list[list[str]]:
    if len(sep) != 1:
        return []
    try:
        return list(csv.reader(lines, delimiter=sep))
    except csv.Error:
        return []


def _fit(lines: list[str], sep: str, expected: set[str]) -> tuple[bool, float, int]:
    """How well a separator fits: whether expected columns are there, rows as long as the header, fields."""
    rows = _rows(lines, sep)
    if not rows or len(rows[0]) < 2:
        return False, 0.0, 0
    like = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    return bool(expected) and expected <= {field.strip() for field in rows[0]}, like, len(rows[0])


def first_bytes(path: FilePath) -> bytes | None:
    """The first bytes of a file, None where only pandas knows how it is compressed."""
    suffix = Path(fspath(path)).suffix.lower()
    if suffix in (".zst", ".tar") or "://" in fspath(path):
        return None
    stream: IO[bytes]
    try:
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
                return stream.read(HEAD)
        with OPENERS.get(suffix, open)(path, "rb") as stream:
            return stream.read(HEAD)
    except DAMAGE as error:
        raise not_unpacked(path, error) from error


def not_unpacked(path: FilePath, error: Exception) -> ValueError:
    """The error of a file that is not packed as its name says, or damaged."""
    suffix = Path(fspath(path)).suffix.lower()
    return ValueError(f"path: {path} cannot be unpacked as its suffix {suffix} says ({error}); correct its name")
