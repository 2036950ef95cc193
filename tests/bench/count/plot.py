"""plot: lines of growing numbers, drawn with the writer that the other plots of the bench use."""
import math
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # behind this folder, which has a loads.py of its own
from svg import INK, RULE, Svg  # noqa: E402 pylint: disable=wrong-import-position

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 64, 170, 44, 48
COLORS = ("#2456c7", "#d97a1d", "#1f8f6b", "#9b5bb5", "#7a6a00", "#b02a5a")


def number(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def round_step(span):
    """A step of 1, 2 or 5 times a power of ten, of which four or a few more make the span."""
    power = 10 ** math.floor(math.log10(span / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 5)


def lines(title, x_label, y_label, series):
    """series: {name: [(x, y) ...]}. x is drawn by its logarithm, y from 0. Returns the text of the file."""
    xs = sorted({x for points in series.values() for x, _ in points})
    top = max(y for points in series.values() for _, y in points) * 1.1 or 1
    low, high = math.log(xs[0]), math.log(xs[-1])

    def at_x(x):
        part = (math.log(x) - low) / (high - low) if high > low else 0.5
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def at_y(y):
        return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    svg = Svg(WIDTH, title, f"{y_label}, by {x_label}")
    svg.height = HEIGHT
    svg.text(LEFT, 22, title, 15, INK)
    step, y = round_step(top), 0.0
    while y <= top:
        svg.line(LEFT, at_y(y), WIDTH - RIGHT, at_y(y), RULE)
        svg.text(LEFT - 6, at_y(y) + 4, number(y), anchor="end")
        y += step
    for x in xs:
        svg.text(at_x(x), HEIGHT - BOTTOM + 18, number(x), anchor="middle")
    svg.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, anchor="middle")
    svg.text(LEFT - 46, TOP - 8, y_label)
    for i, (name, points) in enumerate(series.items()):
        color = COLORS[i % len(COLORS)]
        places = [(at_x(x), at_y(y)) for x, y in points]
        for (x1, y1), (x2, y2) in zip(places, places[1:]):
            svg.line(x1, y1, x2, y2, color, 2)
        for (x, y), (n, value) in zip(places, points):
            svg.dot(x, y, 3, color, f"{name}, {n:,}: {value:.4g}")
        svg.text(WIDTH - RIGHT + 12, TOP + 14 + 18 * i, name, color=color)
    return svg.render()
