"""Sizes, ways, and how numbers are written."""

KIB, MIB = 1 << 10, 1 << 20
LARGE = {64 * KIB: "64 KiB", MIB: "1 MiB", 64 * MIB: "64 MiB"}
WAYS = ("up", "down")  # from the host to the server, and back


def grouped(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}".replace(",", " ")


def rounded(value: float, digits: int = 0) -> str:
    """To three significant figures."""
    whole = len(str(int(value)))
    return grouped(round(value, min(digits, 3 - whole)), max(0, min(digits, 3 - whole)))
