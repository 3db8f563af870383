"""What `run` computes from trials; pure, see figures_test.py.

A trial is a dict: setting, name, round, marked (its canary was off), canary (waited_percent,
spin_ns, eventfd_ns, pingpong_ns), and what the program said (median_ns, p99_ns, cpu_ns, rate …).
"""
import re
import statistics

WAITED_OFF = 10  # percent of its time in which a canary did not get its CPU: a neighbour
SPIN_OFF = 1.15  # a canary is off when it is this much slower than the best of this run
EVENTFD_OFF = 1.35
SAME_BIN = 1.5  # two ping-pongs nearer than this belong to the same state of the machine
ENOUGH = 4  # so many unmarked trials, and the marked ones are not needed


def parse_line(line):
    """{"median_ns": 12.0, …} of "NAME median_ns=12 …"; {} when nothing of the kind is there."""
    return {key: float(value) for key, value in re.findall(r"(\w+)=(-?[\d.]+)", line)}


def is_off(canary, best):
    """Is there a neighbour, or is the machine slower than it was at its best in this run?"""
    return (canary["waited_percent"] > WAITED_OFF
            or canary["spin_ns"] > SPIN_OFF * best["spin_ns"]
            or canary["eventfd_ns"] > EVENTFD_OFF * best["eventfd_ns"])


def usable(trials):
    """The unmarked ones, if they are enough; else all."""
    clean = [t for t in trials if not t["marked"]]
    return clean if len(clean) >= ENOUGH else list(trials)


def of(trials, setting, name):
    return [t for t in trials if t["setting"] == setting and t["name"] == name]


def best(trials, setting, name, key="median_ns"):
    """The smallest of the rounds: a neighbour only ever adds. None: there is none."""
    found = [t[key] for t in usable(of(trials, setting, name)) if key in t]
    return min(found) if found else None


def most(trials, setting, name, key="rate"):
    found = [t[key] for t in usable(of(trials, setting, name)) if key in t]
    return max(found) if found else None


def middle(trials, setting, name, key):
    found = [t[key] for t in usable(of(trials, setting, name)) if key in t]
    return statistics.median(found) if found else None


def ratio(above, below):
    """None when either is missing or there is nothing to divide by."""
    return None if above is None or not below else above / below


def pairs(trials, setting, one, other, key):
    """[(one's value, other's value)] of the rounds that have both."""
    left = {t["round"]: t[key] for t in of(trials, setting, one) if key in t}
    right = {t["round"]: t[key] for t in of(trials, setting, other) if key in t}
    return [(left[r], right[r]) for r in sorted(left.keys() & right.keys())]


def median_ratio(trials, setting, one, other, key):
    """The median of the rounds' own ratios; None without pairs."""
    found = [a / b for a, b in pairs(trials, setting, one, other, key) if b]
    return statistics.median(found) if found else None


def bins(values, same=SAME_BIN):
    """Groups values so that all of a group are within a factor of its smallest: [[…], …]."""
    groups = []
    for value in sorted(values):
        if groups and value <= groups[-1][0] * same:
            groups[-1].append(value)
        else:
            groups.append([value])
    return groups


def binned_difference(trials, setting, one, other, key="median_ns"):
    """
    One minus other, each at its best, where the machine was in the same state for both.

    A virtual machine's two CPUs are siblings of one core now and two cores later, and its
    scheduler tells nobody; the canary's ping-pong does. Of the states that both were measured in,
    the one with most trials counts: (difference, trials, ping-pong's median) for each, most first.
    """
    mine, theirs = of(trials, setting, one), of(trials, setting, other)
    groups = bins([t["canary"]["pingpong_ns"] for t in mine + theirs])
    found = []
    for group in groups:
        def inside(t, group=group):
            return group[0] <= t["canary"]["pingpong_ns"] <= group[-1]
        a = [t[key] for t in mine if inside(t)]
        b = [t[key] for t in theirs if inside(t)]
        if a and b:
            found.append((min(a) - min(b), len(a) + len(b), statistics.median(group)))
    return sorted(found, key=lambda f: -f[1])


def together(found):
    """What several programs said, as one: CPU time weighs by their calls. No median: none is it."""
    calls = sum(one["calls"] for one in found)
    return {"calls": calls, "rate": sum(one["rate"] for one in found),
            "cpu_ns": sum(one["cpu_ns"] * one["calls"] for one in found) / calls if calls else 0}


def bar(name, value, unit, limit, at_least=False):
    """The line that bench/run collects. It knows no sign: less than nothing is nothing."""
    value = max(value, 0)
    digits = 0 if value >= 100 else 2 if value >= 1 else 3
    while value > 0 and digits < 9 and float(f"{value:.{digits}f}") == 0:
        digits += 1  # a little is not nothing
    text = f"{value:.{digits}f}"
    good = float(text) >= limit if at_least else float(text) <= limit
    return f"bar {name} {text} {unit} {'>=' if at_least else ''}{limit:g} " \
           f"{'ok' if good else 'short'}"
