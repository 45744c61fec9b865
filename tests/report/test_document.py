from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from pyrocausal.report.document import Code, Heading, Items, Mono, Picture, Strong, Table, Text, to_html, to_markdown

NASTY = '<b>&"x"'
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """What a page holds: tags and their attributes, text, and whether every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def named(self, tag) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def picture() -> Picture:
    return Picture.of("graph", f"A graph of {NASTY}", Figure(figsize=(2, 1)))


def parts():
    return [
        Heading(f"About {NASTY}"),
        Text((f"It is {NASTY}, ", Strong(NASTY), " and ", Mono("f(x)"))),
        Heading("Details", 3),
        Items((Text(("one",)), Text((NASTY,)))),
        Table(["name", "number", NASTY], [(NASTY, "1,000", "a|b"), ("x", 2.5, "1")]),
        picture(),
        Code("x < y"),
    ]


def test_html_escapes_and_is_closed():
    text = to_html(f"Title {NASTY}", parts())
    page = Page(text)
    assert "<b>" not in text and not page.named("b")
    assert sum(NASTY in each for each in page.texts) == 9  # title 2, heading 2, paragraph 2, item, header, cell
    assert page.named("img")[0]["alt"] == f"A graph of {NASTY}"
    assert [name for name, _ in page.tags if name in ("h1", "h2", "h3")] == ["h1", "h2", "h3"]
    assert page.named("a") == [{"href": "#s0"}] and page.named("h2") == [{"id": "s0"}]


def test_html_needs_nothing_else():
    page = Page(to_html("Title", parts()))
    assert not any(page.named(tag) for tag in ("script", "link", "iframe", "object"))
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith(("data:image/png;base64,", "#"))
    (policy,) = (each["content"] for each in page.named("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_pictures_are_light_on_dark_where_the_reader_has_it_so_and_never_on_paper():
    style, dark, paper = to_html("Title", parts()), "@media (prefers-color-scheme: dark) {", "@media print {"
    assert style.index("img { filter: invert(", style.index(dark)) < style.index("\nbody {")
    assert style.index(dark) < style.index(paper) < style.index("img { filter: none;")  # what comes last holds


def test_columns_of_numbers_are_aligned():
    page = Page(to_html("Title", [Table(["n", "m", "text"], [("1", "2,000", "3"), ("2", "-0.5", "x")])]))
    assert [each.get("class") for each in page.named("td")] == ["number", None] * 2
    assert page.named("th") == [
        {"scope": "col"}, {"scope": "col", "class": "number"}, {"scope": "col"}, {"scope": "row"}, {"scope": "row"},
    ]  # fmt: skip


def test_pictures_have_the_size_that_they_were_drawn_for():
    assert picture().png.startswith(b"\x89PNG")
    (image,) = Page(to_html("Title", [picture()])).named("img")
    assert (image["width"], image["height"]) == ("192", "96")


def test_markdown_escapes():
    lines = to_markdown("Title", parts()).split("\n\n")
    plain = '\\<b>&amp;"x"'
    assert lines[:3] == ["# Title", f"## About {plain}", f"It is {plain}, **{plain}** and `f(x)`"]
    assert lines[3:5] == ["### Details", f"- one\n- {plain}"]
    assert lines[5] == f"| name | number | {plain} |\n| --- | --- | --- |\n| {plain} | 1,000 | a\\|b |\n| x | 2.5 | 1 |"
    assert lines[6] == f"![A graph of {plain}](graph.png)"
    assert lines[7] == "```python\nx < y\n```\n"


@pytest.mark.parametrize("write", [to_html, to_markdown])
def test_a_document_may_be_empty(write):
    assert "Title" in write("Title", [])
