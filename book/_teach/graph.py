"""The graph of chapters: what each of them needs, drawn from book/teach.yml."""

import html

from . import reading

WIDE, HIGH, GAP_X, GAP_Y, EDGE = 168, 46, 20, 34, 16
COLOURS = {"required": "#cfe3f3", "optional": "#ffffff"}


def levels(needs):
    """{chapter: how many chapters must come before it at least}."""
    found = {}
    while len(found) < len(needs):
        ready = [
            c for c in needs if c not in found and all(n in found for n in needs[c])
        ]
        if not ready:
            raise ValueError("book/teach.yml: chapters need each other in a circle")
        for chapter in ready:
            found[chapter] = max((found[n] + 1 for n in needs[chapter]), default=0)
    return found


def places(needs):
    """{chapter: (x, y)} of the boxes, a row for each level."""
    level = levels(needs)
    rows = [
        [c for c in needs if level[c] == k] for k in range(max(level.values()) + 1)
    ]
    widest = max(map(len, rows))
    for k, row in enumerate(rows):
        left = (widest - len(row)) * (WIDE + GAP_X) / 2
        for i, chapter in enumerate(row):
            yield (
                chapter,
                (EDGE + left + i * (WIDE + GAP_X), EDGE + k * (HIGH + GAP_Y)),
            )


def box(chapter, x, y, fill):
    title = html.escape(reading.plan()["chapters"][chapter]["name"])
    number = chapter[:2] if chapter[:2] != "00" else ""
    label = f"{int(number)} {title}" if number else title
    middle = f'x="{x + WIDE / 2:g}" y="{y + HIGH / 2 + 5:g}" text-anchor="middle"'
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="6" fill="{fill}" stroke="#46505c"/>'
        f'<text {middle} font-size="14" fill="#1b2330">{label}</text>'
    )


def way(start, stop, at):
    """Points from below a box to above another; where rows lie between, through the gap that is nearest."""
    x, y = start[0] + WIDE / 2, start[1] + HIGH
    yield x, y
    goal = stop[0] + WIDE / 2
    while y + GAP_Y < stop[1]:
        y += GAP_Y
        lefts = sorted(left for left, top in at.values() if top == y)
        gaps = [lefts[0] - GAP_X / 2, *(left + WIDE + GAP_X / 2 for left in lefts)]
        gap = min(gaps, key=lambda gap: abs(gap - (x + goal) / 2))
        yield gap, y
        y += HIGH
        yield gap, y
    yield goal, stop[1] - 2


def line(points):
    (x, y), *others = points
    path = f"M{x:g} {y:g}"
    for to_x, to_y in others:
        bend = min(GAP_Y, to_y - y) * (to_x != x)
        path += f"C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
        x, y = to_x, to_y
    return f'<path d="{path}" fill="none" stroke="#6b7a8c" stroke-width="1.4" marker-end="url(#a)"/>'


def svg():
    """The graph as SVG text."""
    chapters = reading.plan()["chapters"]
    needs = {chapter: about.get("needs", []) for chapter, about in chapters.items()}
    at = dict(places(needs))
    width = max(x for x, _ in at.values()) + WIDE + EDGE
    height = max(y for _, y in at.values()) + HIGH + EDGE
    lines = [line(way(at[n], at[c], at)) for c in needs for n in needs[c]]
    taught = {
        c for session in reading.plan()["sessions"] for c in session["chapters"]
    }
    boxes = [
        box(c, *at[c], COLOURS["required" if c in taught else "optional"])
        for c in needs
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            'font-family="DejaVu Sans, Arial, sans-serif" role="img">',
            "<title>Which chapter needs which</title>",
            '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0L8 4L0 8z" fill="#6b7a8c"/></marker></defs>',
            f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )
