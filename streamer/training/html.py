"""Reports as one HTML page: the Markdown that the reports are written in, and no more of it than they use."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}th,td{border:1px solid #ddd;padding:.25rem .6rem;"
    "text-align:left}th{background:#f4f4f4}tr:nth-child(even) td{background:#fafafa}code{background:#f2f2f2;padding:0 .2em;"
    "overflow-wrap:anywhere}img{max-width:100%}h1,h2,h3{line-height:1.2;margin-top:2rem}"
)
_INLINE: tuple[tuple[str, str], ...] = (
    (r"!\[([^\]]*)\]\(([^)]*)\)", r'<img src="\2" alt="\1">'),
    (r"\[([^\]]*)\]\(([^):/]*)\.md\)", r'<a href="\2.html">\1</a>'),  # a report beside this one, which is a page too
    (r"\[([^\]]*)\]\(([^)]*)\)", r'<a href="\2">\1</a>'),
    (r"`([^`]*)`", r"<code>\1</code>"),
    (r"\*\*([^*]+)\*\*", r"<strong>\1</strong>"),
    (r"\*([^*]+)\*", r"<em>\1</em>"),
)
_CELL = re.compile(r"(?<!\\)\|")


def page(markdown: str) -> str:
    """The page of a report; its title is the first heading."""
    blocks = [block for block in markdown.split("\n\n") if block.strip()]
    title = html.escape(blocks[0].lstrip("# ").strip()) if blocks else ""
    body = "\n".join(_block(block.strip("\n")) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _block(text: str) -> str:
    kinds: tuple[tuple[str, Callable[[str], str]], ...] = (("#", _heading), ("| ", _table), ("- ", _list))
    for mark, made in kinds:
        if text.startswith(mark):
            return made(text)
    return f"<p>{_inline(text)}</p>"


def _heading(text: str) -> str:
    level = len(text) - len(text.lstrip("#"))
    return f"<h{level}>{_inline(text.lstrip('# '))}</h{level}>"


def _list(text: str) -> str:
    return "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in text.split("\n")) + "</ul>"


def _table(text: str) -> str:
    head, _, *rows = text.split("\n")
    return "<table><thead>" + _row(head, "th") + "</thead><tbody>" + "".join(_row(row, "td") for row in rows) + "</tbody></table>"


def _row(line: str, tag: str) -> str:
    cells = _CELL.split(line.strip()[1:-1])
    made = (cell.strip().replace("\\|", "|") for cell in cells)
    return "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in made) + "</tr>"


def _inline(text: str) -> str:
    made = html.escape(text, quote=False)
    for pattern, replacement in _INLINE:
        made = re.sub(pattern, replacement, made)
    return made
