"""A small writer of SVG: text, rectangles and lines on a white ground, in one font."""
from xml.sax.saxutils import escape

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"
INK, QUIET, RULE = "#1f2933", "#697586", "#d8dee6"


class Svg:
    def __init__(self, width, title, about):
        self.width, self.height = width, 0
        self.title, self.about = title, about
        self.parts = []

    def text(self, x, y, words, size=12, color=INK, anchor="start", weight=400):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
                          f'font-weight="{weight}">{escape(words)}</text>')

    def rect(self, x, y, width, height, color, opacity=1.0, about=""):
        inside = f"<title>{escape(about)}</title>" if about else ""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" fill="{color}" '
                          f'fill-opacity="{opacity:g}">{inside}</rect>')

    def line(self, x1, y1, x2, y2, color=RULE, width=1.0, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
                          f'stroke-width="{width:g}"{dashes}/>')

    def dot(self, x, y, radius, color, about="", hollow=False):
        fill = f'fill="#ffffff" stroke="{color}" stroke-width="2"' if hollow else f'fill="{color}"'
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" {fill}><title>{escape(about)}</title></circle>')

    def render(self):
        size = f'width="{self.width}" height="{self.height:.0f}" viewBox="0 0 {self.width} {self.height:.0f}"'
        return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{escape(FONT, {chr(34): "&quot;"})}">',
                          f"<title>{escape(self.title)}</title>", f"<desc>{escape(self.about)}</desc>",
                          f'<rect width="{self.width}" height="{self.height:.0f}" fill="#ffffff"/>', *self.parts, "</svg>", ""])
