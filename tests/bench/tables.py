"""What was measured, as text."""

from collections.abc import Callable

from peers import Candidate
from results import Results, ratio
from units import LARGE, MIB, WAYS, grouped

Cell = str
Show = Callable[[float], str]


def scaled(factor: float, digits: int = 0) -> Show:
    return lambda value: grouped(value * factor, digits)


def table(title: str, header: list[str], rows: list[list[Cell]]) -> str:
    """Rows without any figure are left out, and so is a table without rows."""
    rows = [row for row in rows if any(row[1:])]
    if not rows:
        return ""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def joined(line: list[Cell]) -> str:
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]
        return "  " + "  ".join(cells).rstrip()

    rule = "  " + "  ".join("-" * width for width in widths)
    return "\n".join([title, joined(header), rule, *map(joined, rows), ""])


def quotient(one: float | None, other: float | None) -> Cell:
    value = ratio(one, other)
    return "" if value is None else f"{value:.2f}"


class Report:
    def __init__(self, results: Results, names: list[str], rivals: list[str]) -> None:
        self.results, self.names, self.rivals = results, names, rivals

    def cell(self, case: str, name: str, key: str, show: Show) -> Cell:
        if name == "load" and key == "cpu_each":
            key = "own_cpu_each"
        if self.results.failed(case, name):
            return "fails"
        value = self.results.median(case, name, key)
        return "" if value is None else show(value)

    def columns(
        self, title: str, columns: dict[str, tuple[str, str, Show]], load: bool = False
    ) -> str:
        """A row for each candidate; columns: title -> case, key, how to show it."""
        names = [*self.names, "load"] if load else self.names
        rows = [
            [name, *(self.cell(case, name, key, show) for case, key, show in columns.values())]
            for name in names
        ]
        return table(title, ["", *columns], rows)

    def round_trip(self) -> str:
        return self.columns(
            "Round trip of a 200-byte request and its reply, ws",
            {
                "p50 us": ("rtt", "rtt_p50", scaled(1e6, 1)),
                "p99 us": ("rtt", "rtt_p99", scaled(1e6, 1)),
                "CPU us": ("rtt", "cpu_each", scaled(1e6, 1)),
            },
        )

    def small(self) -> str:
        columns = {}
        for way in WAYS:
            columns[f"{way} 1/s"] = (f"{way} 200 ws", "per_second", scaled(1))
            columns[f"{way} CPU ns"] = (f"{way} 200 ws", "cpu_each", scaled(1e9))
        return self.columns(
            "Notifications of 200 bytes, ws (CPU a message; in the last line the load's own)",
            columns,
            load=True,
        )

    def large(self, scheme: str) -> str:
        columns = {
            f"{way} {text}": (f"{way} {size} {scheme}", "bytes_per_second", scaled(1e-6))
            for way in WAYS
            for size, text in LARGE.items()
        }
        return self.columns(f"MB/s of large messages, {scheme}", columns, load=True)

    def busy(self) -> str:
        columns = {
            f"{way} {text} {scheme}": (f"{way} {size} {scheme}", "busy", scaled(100))
            for scheme, sizes in (("ws", {200: "200 B", MIB: "1 MiB"}), ("wss", {MIB: "1 MiB"}))
            for size, text in sizes.items()
            for way in WAYS
        }
        title = "Processor time of the load itself, in % of one processor"
        return self.columns(title, columns, load=True)

    def start_and_memory(self) -> str:
        text = self.columns(
            "Start to first reply; memory in MB: at rest, PSS of 10 and 100, peak of 64 MiB",
            {
                "ws ms": ("start ws", "start_p50", scaled(1e3, 1)),
                "wss ms": ("start wss", "start_p50", scaled(1e3, 1)),
                "RSS MB": ("memory 1", "resident", scaled(1e-6, 1)),
                "PSS MB": ("memory 1", "proportional", scaled(1e-6, 1)),
                "of 10": ("memory 10", "proportional", scaled(1e-6, 1)),
                "of 100": ("memory 100", "proportional", scaled(1e-6, 1)),
                "peak up": ("peak up", "peak", scaled(1e-6)),
                "peak down": ("peak down", "peak", scaled(1e-6)),
            },
        )
        rows = []
        for name in self.names:
            value = self.results.further(name, "proportional")
            rows.append([name, "" if value is None else f"{value / 1e6:.2f}"])
        return "\n".join(filter(None, [text, table("Each further bridge, PSS", ["", "MB"], rows)]))

    def revive(self) -> str:
        rows = []
        for name in self.names:
            ends = self.results.median("revive", name, "ends")
            text = self.cell("revive", name, "seconds", scaled(1e3))
            rows.append([name, "ends with the server" if ends else text])
        title = "A killed server's return to the answer of the next request"
        return table(title, ["", "ms"], rows)

    def flight(self) -> str:
        rows = []
        for count in (1, 1000, 100_000):
            row = [scaled(1)(count)]
            for name in ("wsmcp", "copy"):
                row.append(self.cell(f"flight {count}", name, "rtt_p50", scaled(1e6, 1)))
                row.append(self.cell(f"flight {count}", name, "cpu_each", scaled(1e6, 1)))
            rows.append(row)
        header = ["in flight", "wsmcp p50 us", "CPU us", "copy p50 us", "CPU us"]
        return table("A request and its reply with others in flight", header, rows)

    def sizes(self) -> str:
        cases = [case for case in self.results.records if case.startswith("size up ")]
        rows = []
        for size in sorted(int(case.split()[2]) for case in cases):
            row = [scaled(1)(size)]
            for way in WAYS:
                for name in ("wsmcp", "copy"):
                    row.append(
                        self.cell(f"size {way} {size}", name, "bytes_per_second", scaled(1e-6))
                    )
                    each = scaled(1e9 / size, 2)
                    row.append(self.cell(f"size {way} {size}", name, "cpu_each", each))
            rows.append(row)
        header = [
            "bytes",
            *(
                word
                for way in WAYS
                for name in ("wsmcp", "copy")
                for word in (f"{name} {way} MB/s", "CPU ns/B")
            ),
        ]
        return table("Sizes of messages, ws (CPU a byte)", header, rows)

    def escaped(self) -> str:
        rows = []
        for way in WAYS:
            for name in ("wsmcp", "copy"):
                found = self.cell(f"escaped {way}", name, "bytes_per_second", scaled(1e-6))
                plain = self.cell(f"{way} {MIB} ws", name, "bytes_per_second", scaled(1e-6))
                rows.append([f"{name} {way}", found, plain if found else ""])
        title = "MB/s in messages of 1 MiB with ends of lines and quotes in their text, and without"
        return table(title, ["", "with", "without"], rows)

    def instructions(self) -> str:
        rows = [[way, self.cell(f"instructions {way}", "wsmcp", "each", scaled(1))] for way in WAYS]
        return table(
            "Instructions of wsmcp a message of 200 bytes, libraries included", ["", ""], rows
        )

    def ratios(self) -> str:
        rows = []
        for size, text in {200: "200 B", **LARGE}.items():
            for way in WAYS:
                case, key = f"{way} {size} ws", "bytes_per_second"
                ours, copy = (self.results.median(case, n, key) for n in ("wsmcp", "copy"))
                best = self.results.best(case, self.rivals, key)
                cpu = [self.results.median(case, name, "cpu_each") for name in ("wsmcp", "copy")]
                rows.append(
                    [
                        f"{text} {way}",
                        quotient(ours, copy),
                        quotient(*cpu),
                        quotient(ours, best[1]) if best else "",
                        best[0] if best else "",
                    ]
                )
        header = ["", "of copy", "CPU of copy", "of best peer", ""]
        return table("wsmcp's throughput and processor time as a multiple, ws", header, rows)

    def failures(self) -> str:
        lines = []
        for case, failed in self.results.failures.items():
            for name, reasons in failed.items():
                succeeded = len(self.results.records.get(case, {}).get(name, []))
                often = f"{len(reasons)} of {len(reasons) + succeeded} times"
                lines.append(f"  {name}, {case}, {often}: {reasons[-1]}")
        return "\n".join(["What failed", *sorted(lines), ""]) if lines else ""


def report(
    results: Results,
    candidates: list[Candidate],
    rivals: list[str],
    machine: dict[str, str],
    rounds: int,
) -> str:
    r = Report(results, [c.name for c in candidates if not c.missing], rivals)
    about = [f"  {name}: {value}" for name, value in machine.items() if value]
    versions = [f"  {c.name}: {c.version}" for c in candidates if c.version and not c.missing]
    missing = [f"  {c.name} is missing: {c.missing}" for c in candidates if c.missing]
    text = "\n".join([f"Medians of {rounds} rounds", *about, *versions, *missing, ""])
    parts = [
        text,
        r.round_trip(),
        r.small(),
        r.large("ws"),
        r.large("wss"),
        r.ratios(),
        r.busy(),
        r.start_and_memory(),
        r.revive(),
        r.flight(),
        r.sizes(),
        r.escaped(),
        r.instructions(),
        r.failures(),
    ]
    return "\n".join(filter(None, parts))
