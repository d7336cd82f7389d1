"""The main figures as an SVG picture: bars on logarithmic scales, readable on light and on dark."""

import math
from dataclasses import dataclass
from html import escape

from results import Results
from units import MIB, grouped, rounded

WIDTH, MARGIN, GAP = 920, 24, 40
PANEL = (WIDTH - 2 * MARGIN - GAP) // 2
NAME, VALUE = 96, 62  # room left of the bars for names, right of them for figures
ROW, BAR = 22, 13
HEAD, FOOT = 30, 26  # of a panel: its title, its axis

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.heading { font-size: 16px; font-weight: 600 }
.quiet { fill: #59636e; font-size: 11px }
.page { fill: #ffffff }
.value { stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.peer { fill: #8c959f }
.limit { fill: #c9d1d9 }
.wsmcp { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .page { fill: #0d1117 }
  .value { stroke: #0d1117 }
  .grid { stroke: #30363d }
  .peer { fill: #6e7681 }
  .limit { fill: #3d444d }
  .wsmcp { fill: #4493f8 }
}
"""


@dataclass
class Panel:
    title: str
    case: str
    key: str
    factor: float
    digits: int = 0


PANELS = [
    Panel("Messages of 200 bytes a second, host to server", "up 200 ws", "per_second", 1),
    Panel("Messages of 200 bytes a second, server to host", "down 200 ws", "per_second", 1),
    Panel(
        "MB a second in messages of 1 MiB, host to server", f"up {MIB} ws", "bytes_per_second", 1e-6
    ),
    Panel(
        "MB a second in messages of 1 MiB, server to host",
        f"down {MIB} ws",
        "bytes_per_second",
        1e-6,
    ),
    Panel("Round trip in µs, median (less is better)", "rtt", "rtt_p50", 1e6),
    Panel("Memory at rest in MB (less is better)", "memory 1", "resident", 1e-6, 1),
]


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}{where}>{escape(words)}</text>'


def kind_of(name: str) -> str:
    return "wsmcp" if name == "wsmcp" else "limit" if name in ("copy", "curl-loop") else "peer"


def label_of(name: str) -> str:
    return {"copy": "copy (limit)", "curl-loop": "libcurl (limit)"}.get(name, name)


def axis(
    values: list[float], left: float, width: float, top: float, bottom: float
) -> tuple[list[str], float, float]:
    """Lines at the powers of ten. Returns them, and the powers at both ends."""
    low = math.floor(math.log10(min(values) * 0.5))
    high = math.log10(max(values))
    shapes = []
    for power in range(low, math.floor(high) + 1):
        x = left + width * (power - low) / (high - low)
        shapes.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>')
        shapes.append(text(x, bottom + 15, grouped(10.0**power, max(0, -power)), "quiet", "middle"))
    return shapes, low, high


def draw_panel(
    panel: Panel, results: Results, names: list[str], left: float, top: float
) -> list[str]:
    medians = {name: results.median(panel.case, name, panel.key) for name in names}
    values = {name: value * panel.factor for name, value in medians.items() if value}
    shapes = [text(left, top + 14, panel.title, "title")]
    if not values:
        return [*shapes, text(left, top + 38, "not measured", "quiet")]
    x, width = left + NAME, PANEL - NAME - VALUE
    first, last = top + HEAD, top + HEAD + ROW * len(names)
    lines, low, high = axis(list(values.values()), x, width, first, last)
    shapes += lines
    for row, name in enumerate(names):
        y = first + ROW * row
        shapes.append(
            text(x - 8, y + 15, label_of(name), "title" if name == "wsmcp" else "", "end")
        )
        if name not in values:
            shapes.append(
                text(x + 4, y + 15, "fails" if results.failed(panel.case, name) else "–", "quiet")
            )
            continue
        long = max(2.0, width * (math.log10(values[name]) - low) / (high - low))
        shapes.append(
            f'<rect class="{kind_of(name)}" x="{x:.1f}" y="{y + (ROW - BAR) / 2:.1f}"'
            f' width="{long:.1f}" height="{BAR}" rx="2"/>'
        )
        shapes.append(text(x + long + 5, y + 15, rounded(values[name], panel.digits), "value"))
    return shapes


def draw(results: Results, names: list[str], machine: dict[str, str]) -> str:
    tall = HEAD + ROW * len(names) + FOOT + 18
    top = 64
    height = top + tall * ((len(PANELS) + 1) // 2)
    about = ", ".join(machine[key] for key in ("processor", "kernel", "system") if machine.get(key))
    shapes = [
        text(MARGIN, 30, "wsmcp beside other bridges and the limits of the machine", "heading"),
        text(MARGIN, 48, f"medians; logarithmic scales; {about}", "quiet"),
    ]
    for number, panel in enumerate(PANELS):
        left = MARGIN + (PANEL + GAP) * (number % 2)
        shapes += draw_panel(panel, results, names, left, top + tall * (number // 2))
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>\n{body}\n</svg>\n'
    )
