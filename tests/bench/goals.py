"""What wsmcp is to reach, and whether it does."""

from dataclasses import dataclass

from results import Results, ratio
from units import LARGE, MIB, WAYS, grouped

MB = 1e6


@dataclass
class Goal:
    text: str
    met: bool | None  # None = not measured
    figures: str


def at_most(text: str, value: float | None, limit: float | None, unit: str = "") -> Goal:
    if value is None or limit is None:
        return Goal(text, None, "")
    return Goal(text, value <= limit, f"{value:.2f}{unit}, at most {limit:.2f}{unit}")


def all_at_least(text: str, least: float, values: dict[str, float | None]) -> Goal:
    """One goal of several figures; if some could not be measured it is not met."""
    known = {name: value for name, value in values.items() if value is not None}
    shown = ", ".join(f"{name} {value:.2f}" for name, value in known.items())
    if not known:
        return Goal(text, None, "")
    met = len(known) == len(values) and all(value >= least for value in known.values())
    return Goal(text, met, f"{shown}; at least {least:g}")


def round_trip(r: Results) -> list[Goal]:
    def against_copy(key: str) -> float | None:
        return ratio(r.median("rtt", "wsmcp", key), r.median("rtt", "copy", key))

    return [
        at_most("1  round trip, p50 against the copy limit", against_copy("rtt_p50"), 1.3),
        at_most("1  round trip, p99 against the copy limit", against_copy("rtt_p99"), 2.0),
    ]


def small_messages(r: Results, rivals: list[str]) -> list[Goal]:
    goals = []
    for way in WAYS:
        case = f"{way} 200 ws"
        value, ceiling = (r.median(case, name, "per_second") for name in ("wsmcp", "load"))
        text = f"2  200-byte notifications a second, {way}"
        if value is None or ceiling is None:
            goals.append(Goal(text, None, ""))
        else:
            least = min(1e6, 0.6 * ceiling)
            figures = (
                f"{grouped(value)}, at least {grouped(least)}; the load alone {grouped(ceiling)}"
            )
            goals.append(Goal(text, value >= least, figures))
        best = r.best(case, rivals, "per_second")
        against = {f"{best[0]}:" if best else "": ratio(value, best[1] if best else None)}
        goals.append(all_at_least(f"2  ... against the best peer, {way}", 5, against))
    return goals


def large_messages(r: Results, rivals: list[str]) -> list[Goal]:
    key = "bytes_per_second"
    copy, peer, curl = {}, {}, {}
    for way in WAYS:
        for size, name in LARGE.items():
            plain, tls = f"{way} {size} ws", f"{way} {size} wss"
            ours, best = r.median(plain, "wsmcp", key), r.best(plain, rivals, key)
            copy[f"{way} {name}"] = ratio(ours, r.median(plain, "copy", key))
            peer[f"{way} {name}"] = ratio(ours, best[1] if best else None)
            ours = r.median(tls, "wsmcp", key)
            curl[f"{way} {name}"] = ratio(ours, r.median(tls, "curl-loop", key))
    return [
        all_at_least("3  64 KiB and more, against the copy limit", 0.6, copy),
        all_at_least("3  64 KiB and more, against the best peer", 1.5, peer),
        all_at_least("3  64 KiB and more over TLS, against a bare libcurl loop", 0.85, curl),
    ]


def start_and_memory(r: Results) -> list[Goal]:
    start = r.median("start ws", "wsmcp", "start_p50")
    idle = r.median("memory 1", "wsmcp", "resident")
    further, bare = (r.further(name, "proportional") for name in ("wsmcp", "curl-loop"))
    goals = [
        at_most("4  start to first reply", None if start is None else start * 1e3, 20, " ms"),
        at_most("4  idle, resident", None if idle is None else idle / MB, 12, " MB"),
        at_most(
            "4  each further bridge, against bare libcurl + 0.7 MB",
            None if further is None else further / MB,
            None if bare is None else bare / MB + 0.7,
            " MB",
        ),
    ]
    for way in WAYS:
        peak = r.median(f"peak {way}", "wsmcp", "peak")
        limit = 1.15 * 64 * MIB / MB + 12
        text = f"4  peak of one 64 MiB message, {way}"
        goals.append(at_most(text, None if peak is None else peak / MB, limit, " MB"))
    return goals


def judge(results: Results, rivals: list[str]) -> list[Goal]:
    """A goal is not met, whatever the figures, if wsmcp failed in a case that it is about."""
    goals = [
        *round_trip(results),
        *small_messages(results, rivals),
        *large_messages(results, rivals),
        *start_and_memory(results),
    ]
    failed = [case for case, who in results.failures.items() if "wsmcp" in who]
    for goal in goals:
        if spoilt := [case for case in failed if about(case) == goal.text[0]]:
            goal.met = False
            goal.figures = "; ".join([*filter(None, [goal.figures]), f"wsmcp failed: {', '.join(spoilt)}"])
    return goals


def about(case: str) -> str:
    """The number of the goals that a case is for."""
    beginnings = {"rtt": "1", "up 200 ": "2", "down 200 ": "2", "up ": "3", "down ": "3", "start ws": "4"}
    beginnings |= {"memory": "4", "peak": "4"}
    return next((goal for start, goal in beginnings.items() if case.startswith(start)), "")


def report(judged: list[Goal]) -> str:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    lines = [f"  {words[goal.met]:13}{goal.text}: {goal.figures}".rstrip(": ") for goal in judged]
    return "\n".join(["Goals", *lines])
