"""The table and the plot of `run`: ours, the raw cells and the peers side by side. Pure."""
import math
from xml.sax.saxutils import escape

import figures

ROWS = [("call", "atoll"), ("cell0", "raw: ring, spinning"), ("cell3", "raw: futex"),
        ("cell5", "raw: spin, yield, futex"), ("cell6", "raw: eventfd"),
        ("cell7", "raw: eventfd + epoll"), ("unix", "Unix socket echo"), ("grpc", "gRPC C++"),
        ("thrift", "Thrift C++"), ("nng", "nng"), ("zeromq", "ZeroMQ"), ("sdbus", "sd-bus"),
        ("nats", "NATS")]
# key, heading, title of its panel, factor to its unit, unit
COLUMNS = [("one", "one core p50", "One core, one outstanding, 64 B: median", 1e-3, "us"),
           ("cpu", "CPU a call", "CPU time of all processes for such a call", 1e-3, "us"),
           ("two", "two cores p50", "Two cores, one outstanding, 64 B: median", 1e-3, "us"),
           ("two_p99", "two cores p99", "Two cores: 99th percentile", 1e-3, "us"),
           ("pipelined", "64 in flight", "One core, 64 outstanding: calls a second (longer is better)", 1, "/s"),
           ("big", "1 MiB echo", "One core, 1 MiB there and back: median", 1e-3, "us")]
OURS = "#0b7a5c"
RAW = "#9aa7b1"
PEER = "#4a6fa5"


def rows(trials):
    """[(name, label, {column: value in ns or 1/s, or None})] of those that were measured."""
    found = []
    for name, label in ROWS:
        values = {"one": figures.best(trials, "one", name),
                  "cpu": figures.best(trials, "one", name, "cpu_ns"),
                  "two": figures.best(trials, "two", name),
                  "two_p99": figures.middle(trials, "two", name, "p99_ns"),
                  "pipelined": figures.most(trials, "pipelined", name),
                  "big": figures.best(trials, "big", name)}
        if any(value is not None for value in values.values()):
            found.append((name, label, values))
    return found


def short(value):
    """Three digits that count: 1.23, 45.6, 789, 12.3k, 4.56M."""
    if value is None:
        return "-"
    for bound, divisor, suffix in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= bound:
            return f"{value / divisor:.3g}{suffix}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def text(found, versions):
    """The table as lines."""
    lines = [f"{'':26}" + "".join(f"{heading:>15}" for _, heading, *_ in COLUMNS) + "  version",
             f"{'':26}" + "".join(f"{unit:>15}" for *_, unit in COLUMNS)]
    for name, label, values in found:
        cells = [values[key] * factor if values[key] is not None else None
                 for key, _, _, factor, _ in COLUMNS]
        lines.append(f"{label:26}" + "".join(f"{short(cell):>15}" for cell in cells)
                     + f"  {versions.get(name, '')}".rstrip())
    return lines


def axis(values):
    """(lowest, highest) power of ten around all of them."""
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def along(value, low, high):
    """Where a value lies on a logarithmic axis, 0 to 1."""
    return min(max((math.log10(value) - low) / (high - low), 0), 1)


def colour(name):
    return OURS if name == "call" else RAW if name.startswith("cell") else PEER


def panel(found, column, x, y, width):
    """SVG of one column and its height: a bar a row, the axis in decades."""
    key, _, title, factor, unit = column
    them = [(name, label, values[key] * factor) for name, label, values in found
            if values[key]]
    if not them:
        return "", 0
    low, high = axis([value for *_, value in them])
    left, bar_width, step = x + 160, width - 250, 22
    bottom = y + 34 + len(them) * step
    parts = [f'<text x="{x}" y="{y + 12}" font-size="14" font-weight="bold">{escape(title)}, '
             f'{escape(unit)}</text>']
    for power in range(low, high + 1):
        at = left + bar_width * (power - low) / (high - low)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y + 22}" y2="{bottom}" '
                     f'stroke="#ddd"/><text x="{at:.1f}" y="{bottom + 12}" font-size="10" '
                     f'text-anchor="middle" fill="#666">{short(10.0 ** power)}</text>')
    for i, (name, label, value) in enumerate(them):
        top = y + 24 + i * step
        weight = ' font-weight="bold"' if name == "call" else ""
        long = max(bar_width * along(value, low, high), 2)
        parts.append(f'<text x="{left - 8}" y="{top + 13}" text-anchor="end"{weight}>'
                     f'{escape(label)}</text><rect x="{left}" y="{top}" width="{long:.1f}" '
                     f'height="17" fill="{colour(name)}"/><text x="{left + long + 6:.1f}" '
                     f'y="{top + 13}"{weight}>{short(value)}</text>')
    return "".join(parts), bottom + 34 - y


def svg(found, about):
    """The whole plot: two panels beside each other."""
    width, y, parts = 1180, 56, []
    for i in range(0, len(COLUMNS), 2):
        tallest = 0
        for k, column in enumerate(COLUMNS[i:i + 2]):
            part, height = panel(found, column, 20 + k * 590, y, 570)
            parts.append(part)
            tallest = max(tallest, height)
        y += tallest
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            f'font-family="sans-serif" font-size="12"><rect width="{width}" height="{y}" '
            f'fill="#fff"/><text x="20" y="24" font-size="17">A call on one host (logarithmic; '
            f'shorter is better where not said)</text><text x="20" y="42" '
            f'font-size="11" fill="#666">{escape(about)}</text>{"".join(parts)}</svg>\n')
