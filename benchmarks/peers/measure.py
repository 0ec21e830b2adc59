"""Runs one case: all servers over the same tiles in turn, on one core."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.peers.cases import Window
from benchmarks.peers.processes import AnswerError, Server

#: How files of a format begin. What servers call them differs (TiTiler says `image/jpg`).
_SIGNATURES = {"png": (b"\x89PNG\r\n",), "jpg": (b"\xff\xd8\xff",), "tif": (b"II*\0", b"MM\0*")}
#: Requests that load code, open connections and read headers, for servers that keep no pixels.
_FIRST_REQUESTS = 8


@dataclass
class Lane:
    """One server within a case.

    Attributes:
        server: Running.
        address: Makes the path of a window.
        keeps_pixels: It remembers decoded pixels: every window is asked once before.
        cpu: Milliseconds of CPU per tile, one value per round.
        wall: Milliseconds of every request.
        sizes: Bytes of every answer.
        bodies: Some answers by the window's name, to be compared as pictures.
    """

    server: Server
    address: Callable[[Window], str]
    keeps_pixels: bool
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)

    @property
    def cpu_ms(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.cpu)

    @property
    def mean_bytes(self) -> int:
        """Of all answers."""
        return round(statistics.fmean(self.sizes))

    def facts(self) -> dict[str, object]:
        """Figures of this server for the results."""
        return {
            "cpu_ms": round(self.cpu_ms, 3),
            "cpu_ms_rounds": [round(value, 3) for value in self.cpu],
            "p50_ms": round(statistics.median(self.wall), 3),
            "p95_ms": round(quantile(self.wall, 0.95), 3),
            "bytes": self.mean_bytes,
            "rss_mb": round(self.server.resident_bytes() / 1e6),
        }


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def slices(windows: Sequence[Window], rounds: int) -> list[list[Window]]:
    """Deal the windows out to the rounds, so that all rounds together ask each of them once.

    Where there are too few of them for rounds of two, every round asks all.
    """
    if len(windows) < 2 * rounds:
        return [list(windows)] * rounds
    return [list(windows[number::rounds]) for number in range(rounds)]


def run(lanes: Sequence[Lane], windows: Sequence[Window], rounds: int, extension: str) -> None:
    """Measure all lanes; their figures are written into them.

    A round asks all servers for the same windows, one server after another, in an order that turns
    from round to round. CPU time counts until the server is quiet again, so that work behind an
    answer is part of its price.

    Args:
        lanes: The servers.
        windows: What they are asked for.
        rounds: How many.
        extension: `png`, `jpg` or `tif`: what every answer must be.

    Raises:
        AnswerError: An answer is not a file of that format.
    """
    for lane in lanes:
        first = (
            windows if lane.keeps_pixels else windows[:: max(1, len(windows) // _FIRST_REQUESTS)]
        )
        for window in first:
            _ask(lane, window, extension)
        lane.server.settle()
    shown = {window.name for window in windows[:: max(1, len(windows) // 4)]}
    for number, part in enumerate(slices(windows, rounds)):
        turn = number % len(lanes)
        for lane in [*lanes[turn:], *lanes[:turn]]:
            _measure(lane, part, extension, shown)


def _ask(lane: Lane, window: Window, extension: str) -> bytes:
    address = lane.address(window)
    kind, body = lane.server.client.get(address)
    if not body.startswith(_SIGNATURES[extension]):
        raise AnswerError(f"{lane.server.name} answered {kind} to {address}: {body[:300]!r}")
    return body


def _measure(lane: Lane, part: Sequence[Window], extension: str, shown: set[str]) -> None:
    before = lane.server.cpu_seconds()
    for window in part:
        began = time.perf_counter()
        body = _ask(lane, window, extension)
        lane.wall.append((time.perf_counter() - began) * 1e3)
        lane.sizes.append(len(body))
        if window.name in shown:
            lane.bodies[window.name] = body
    lane.server.settle()
    lane.cpu.append((lane.server.cpu_seconds() - before) * 1e3 / len(part))
