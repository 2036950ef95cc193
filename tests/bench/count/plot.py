"""svg: plots as SVG text, with nothing but strings. A plot is a value; lines() returns its file."""

import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 64, 170, 44, 48
COLOURS = ("#1f6fb4", "#d1550e", "#2a8a4a", "#8a4ab0", "#7a6a00", "#b02a5a")


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text(x, y, words, anchor="middle", size=12, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{more}>{escape(words)}</text>'


def number(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def round_step(span):
    """A step of 1, 2 or 5 times a power of ten, of which four or a few more make the span."""
    power = 10 ** math.floor(math.log10(span / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 5)


def lines(title, x_label, y_label, series):
    """series: {name: [(x, y) ...]}. x is drawn by its logarithm, y from 0."""
    xs = sorted({x for points in series.values() for x, _ in points})
    top = max(y for points in series.values() for _, y in points) * 1.1 or 1
    low, high = math.log(xs[0]), math.log(xs[-1])

    def at_x(x):
        part = (math.log(x) - low) / (high - low) if high > low else 0.5
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def at_y(y):
        return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text(LEFT, 22, title, "start", 15)]
    step, y = round_step(top), 0.0
    while y <= top:
        out.append(f'<path d="M{LEFT} {at_y(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, at_y(y) + 4, number(y), "end"))
        y += step
    for x in xs:
        out.append(text(at_x(x), HEIGHT - BOTTOM + 18, number(x)))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label))
    out.append(text(LEFT - 46, TOP - 8, y_label, "start"))
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = "L".join(f"{at_x(x):.1f} {at_y(y):.1f}" for x, y in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        out.append(text(WIDTH - RIGHT + 12, TOP + 14 + 18 * i, name, "start", 12, f' fill="{colour}"'))
    return "\n".join([*out, "</svg>", ""])
