"""The frame and the style of a page: light and dark as the reader has it, and for paper."""

from __future__ import annotations

from pyrocausal.report.explorer import STYLE as EXPLORER

__all__ = ["PAGE", "POLICY", "STYLE"]

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{before}
<nav aria-label="Sections"><ul>{contents}</ul></nav>
</header>
<main>
{body}
</main>
{script}</body>
</html>
"""

STYLE = (
    """\
:root { color-scheme: light dark; --text: #222; --page: #fff; --soft: #666; --pale: #999; --line: #ccc; --thin: #e4e4e4;
  --link: #0060a0; --code: #f5f5f5; --target: #f9d795; --near: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --page: #16181b; --soft: #a6a6a6; --pale: #8a8a8a; --line: #4a4d52; --thin: #33363a;
    --link: #7fbfff; --code: #22252a; --target: #5c4a1a; --near: #56b4e9; }
  img { filter: invert(0.91) hue-rotate(180deg); } /* white becomes the page, and hues stay */
}
body { max-width: 60rem; margin: 0 auto; padding: 1rem; color: var(--text); background: var(--page);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2.5rem; padding-top: 0.5rem; border-top: 1px solid var(--line); }
p, li, h1, h2, h3 { overflow-wrap: anywhere; }
p, li { max-width: 46rem; }
a { color: var(--link); }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }
figure { margin: 1rem 0; overflow-x: auto; }
img { display: block; max-width: max(100%, 44rem); height: auto; } /* on a phone, a wide one is moved sideways */
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; }
th, td { padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--thin); text-align: left;
  vertical-align: top; max-width: 26rem; overflow-wrap: break-word; }
thead th { border-bottom: 2px solid var(--pale); vertical-align: bottom; }
tbody th { font-weight: normal; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 40rem) { .wide table { width: max-content; } } /* a phone moves it sideways, and rows stay low */
pre { overflow-x: auto; padding: 0.75rem; background: var(--code); font-size: 0.875rem; }
@media print {
  :root { color-scheme: light; --text: #222; --page: #fff; --soft: #666; --pale: #999; --line: #ccc; --thin: #e4e4e4;
    --link: #0060a0; --code: #f5f5f5; --target: #f9d795; --near: #0072b2; }
  @page { margin: 1.5cm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  tr, figure, pre { break-inside: avoid; }
  img { filter: none; max-width: 100%; max-height: 24cm; object-fit: contain; object-position: left; }
  figure, .wide { overflow: visible; }
  pre { white-space: pre-wrap; }
}
"""
    + EXPLORER
)
