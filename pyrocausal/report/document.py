"""Parts of a written report, and two ways to write them down: Markdown beside picture files, and one HTML file.

Parts hold plain text, names that users gave among it; whatever has a meaning in Markdown or HTML is escaped when they
are written. The HTML needs nothing but itself: pictures are data URIs, the only script is that of a graph to be
explored, known by its hash, and a content security policy forbids everything else.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import NamedTuple, TypeAlias

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pyrocausal.report.explorer import SCRIPT, explorer, script_hash
from pyrocausal.report.page_style import PAGE, POLICY, STYLE

__all__ = [
    "Code", "Explored", "Folded", "Heading", "Items", "Mono", "Part", "Picture", "Strong", "Table", "Text",
    "pictures_of", "to_html", "to_markdown",
]  # fmt: skip

DPI = 150
NUMBER = r"[-+]?[\d,]*\.?\d+"  # a column of these is aligned to the right


class Strong(str):
    """Words that are printed bold."""


class Mono(str):
    """Words that a computer reads: names of files and functions."""


class Heading(NamedTuple):
    """A heading, of a section or within one."""

    text: str
    level: int = 2


class Text(NamedTuple):
    """A paragraph: words one after the other, some of them `Strong` or `Mono`."""

    words: tuple[str, ...]


class Items(NamedTuple):
    """A list of paragraphs."""

    texts: tuple[Text, ...]


class Table(NamedTuple):
    """Cells below a header; those of the first column name their row."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]


class Picture(NamedTuple):
    """A PNG file; `name` is that of the file, less the ending, and `size` its width and height in inches."""

    name: str
    title: str
    png: bytes
    size: tuple[float, float]

    @classmethod
    def of(cls, name: str, title: str, figure: Figure, dpi: int = DPI) -> Picture:
        """Draw a figure, once; `savefig` would lay it out and draw it for nothing first, to know its size."""
        file, (width, height) = BytesIO(), figure.get_size_inches()
        figure.set_dpi(dpi)
        FigureCanvasAgg(figure).print_png(file)
        return cls(name, title, file.getvalue(), (float(width), float(height)))


class Folded(NamedTuple):
    """A table that is shown where a reader opens it; in Markdown, where nothing can be folded, a section of its own."""

    title: str
    table: Table


class Code(NamedTuple):
    """Lines of Python."""

    text: str


class Explored(NamedTuple):
    """A graph that a reader explores on a screen; on paper, in Markdown and without scripts it is a picture.

    `drawing` is what `pyrocausal.report.drawn_graph.drawn_graph` gave, and `panels` what is told of each variable.
    """

    picture: Picture
    drawing: str
    panels: tuple[tuple[str, tuple[Part, ...]], ...]


Part: TypeAlias = Heading | Text | Items | Table | Folded | Picture | Code | Explored


def pictures_of(parts: Iterable[Part]) -> list[Picture]:
    """Pictures that Markdown expects beside it."""
    every = [part.picture if isinstance(part, Explored) else part for part in parts]
    return [each for each in every if isinstance(each, Picture)]


# ---------------------------------------------------------------------- Markdown
def to_markdown(title: str, parts: Iterable[Part]) -> str:
    """Write parts as Markdown that expects every picture in a file beside it."""
    return "\n\n".join([f"# {_marked(title)}", *map(_markdown, parts)]) + "\n"


def _markdown(part: Part) -> str:
    match part:
        case Heading(text, level):
            return f"{'#' * level} {_marked(text)}"
        case Text(words):
            return _marked_words(words)
        case Items(texts):
            return "\n".join(f"- {_marked_words(text.words)}" for text in texts)
        case Table(header, rows):
            lines = [header, ["---"] * len(header), *rows]
            return "\n".join("| " + " | ".join(_marked(str(cell)) for cell in line) + " |" for line in lines)
        case Folded(title, table):
            return f"### {_marked(title)}\n\n{_markdown(table)}"
        case Picture(name=name, title=title):
            return f"![{_marked(title)}]({name}.png)"
        case Explored(picture=picture):
            return _markdown(picture)
        case Code(text):
            return f"```python\n{text}\n```"


def _marked_words(words: Iterable[str]) -> str:
    def marked(word: str) -> str:
        if isinstance(word, Mono):
            return f"`{word}`"
        return f"**{_marked(word)}**" if isinstance(word, Strong) else _marked(word)

    return "".join(map(marked, words))


def _marked(text: str) -> str:
    """Text without meaning to Markdown, on one line."""
    return re.sub(r"([\\`*<\[|])", r"\\\1", re.sub(r"\s+", " ", text)).replace("&", "&amp;")


# ---------------------------------------------------------------------- HTML
def to_html(title: str, parts: Iterable[Part]) -> str:
    """Write parts as one HTML page that holds its pictures."""
    sections: list[tuple[str, list[str]]] = []  # of a heading of level 2, what is below it
    before: list[str] = []
    parts = list(parts)
    for part in parts:
        if isinstance(part, Heading) and part.level == 2:
            sections.append((part.text, []))
        else:
            (sections[-1][1] if sections else before).append(_html(part))
    contents = "".join(f'<li><a href="#s{i}">{escape(text)}</a></li>' for i, (text, _) in enumerate(sections))
    body = [
        f'<section aria-labelledby="s{i}">\n<h2 id="s{i}">{escape(text)}</h2>\n' + "\n".join(inside) + "\n</section>"
        for i, (text, inside) in enumerate(sections)
    ]
    explored = any(isinstance(part, Explored) for part in parts)
    return PAGE.format(
        title=escape(title),
        policy=POLICY + (f"; script-src '{script_hash()}'" if explored else ""),
        script=f"<script>{SCRIPT}</script>\n" if explored else "",
        style=STYLE,
        contents=contents,
        before="\n".join(before),
        body="\n".join(body),
    )


def _html(part: Part) -> str:
    match part:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(words):
            return f"<p>{_html_words(words)}</p>"
        case Items(texts):
            return "<ul>" + "".join(f"<li>{_html_words(text.words)}</li>" for text in texts) + "</ul>"
        case Table(header, rows):
            return _html_table(header, rows)
        case Folded(title, table):
            return f"<details><summary>{escape(title)}</summary>\n{_html(table)}\n</details>"
        case Picture(_, title, png, size):
            width, height = (round(96 * length) for length in size)  # CSS pixels
            source = b64encode(png).decode("ascii")
            return (
                f'<figure><img src="data:image/png;base64,{source}" width="{width}" height="{height}" '
                f'alt="{escape(title)}"></figure>'
            )
        case Explored(picture, drawing, panels):
            told = [(escape(name), "\n".join(map(_html, inside))) for name, inside in panels]
            return explorer(_html(picture), drawing, told)
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"


def _html_words(words: Iterable[str]) -> str:
    def marked(word: str) -> str:
        tag = "strong" if isinstance(word, Strong) else "code" if isinstance(word, Mono) else None
        return escape(word) if tag is None else f"<{tag}>{escape(word)}</{tag}>"

    return "".join(map(marked, words))


def _html_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [[str(cell) for cell in row] for row in rows]
    numbers = [all(re.fullmatch(NUMBER, cell) for cell in column) for column in zip(*lines, strict=True)]
    kinds = [' class="number"' if number else "" for number in numbers[1:]]
    first, *rest = (escape(name) for name in header)
    head = f'<th scope="col">{first}</th>' + "".join(
        f'<th scope="col"{kind}>{name}</th>' for kind, name in zip(kinds, rest, strict=True)
    )
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True))
        + "</tr>"
        for name, *cells in lines
    )
    return (
        f'<div class="wide" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n'
        "</table></div>"
    )
