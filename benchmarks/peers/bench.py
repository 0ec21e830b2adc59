"""The run: which servers there are, each case over all of them, the entries of the results."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers import mapserver, ours, pictures, titiler
from benchmarks.peers.cases import Case, Window, windows
from benchmarks.peers.measure import Lane, run
from benchmarks.peers.scene import SceneFiles

SERVER_CORE = 0
#: Our answers may be this much larger than a peer's; beyond, the comparison would not be fair.
LARGEST_BYTES = 1.3


class Pair(NamedTuple):
    """One server in both states; the same lane twice where it has no state that differs."""

    warm: Lane
    cold: Lane


class Bench:
    """The scene, and the servers that are here."""

    def __init__(self, scene: SceneFiles, venv: Path) -> None:
        """Make our catalogue and the peers' files.

        Args:
            scene: What all servers draw.
            venv: Virtual environment of titiler.application; need not exist.
        """
        self.scene = scene
        self.venv = venv
        self.catalogue = ours.make_catalogue(scene)
        self.versions: dict[str, dict[str, str]] = {}
        self.skipped: dict[str, str] = {}
        if (venv / "bin" / "uvicorn").exists():
            self.versions["titiler"] = titiler.versions(venv)
        else:
            self.skipped["titiler"] = "not installed: scripts/bench peers installs it from PyPI"
        self.mapserv = mapserver.find()
        if self.mapserv:
            self.versions["mapserver"] = mapserver.prepare(self.mapserv, scene)
        else:
            self.skipped["mapserver"] = "not installed: Debian's package cgi-mapserver"

    def run_case(self, case: Case, tiles: int, rounds: int) -> list[dict[str, Any]]:
        """Measure one case.

        Args:
            case: Which.
            tiles: Most tiles to ask for.
            rounds: Rounds to deal them out to.

        Returns:
            One entry per peer; figures of ours are absent where we cannot answer the case.
        """
        names = [name for name in case.peers if name in self.versions]
        if not names:
            return []
        for path in self.scene.all_files:
            path.read_bytes()  # into the page cache, for all servers alike
        chosen = windows(case, self.scene, tiles)
        with ExitStack() as stack:
            mine, gone = self._start_ours(stack, case, chosen[0])
            peers = {name: self._start_peer(stack, case, name) for name in names}
            lanes = {id(lane): lane for pair in (mine, *peers.values()) if pair for lane in pair}
            run(list(lanes.values()), chosen, rounds, case.extension)
            for lane in mine or ():
                ours.check_caches(lane.server)
            asked = {"tiles": len(chosen), "pixels": chosen[0].pixels, "rounds": rounds}
            absent = {"ours_absent": gone} if gone else {}
            return [
                {"case": case.name, "peer": name, **_entry(case, mine, pair), **asked, **absent}
                for name, pair in peers.items()
            ]

    def _start_ours(self, stack: ExitStack, case: Case, window: Window) -> tuple[Pair | None, str]:
        address = partial(ours.address, case, scene=self.scene)
        lanes = []
        for blocks in (True, False):
            server = ours.start_ours(self.scene, self.catalogue, SERVER_CORE, blocks=blocks)
            stack.callback(server.close)
            if gone := ours.absent(case, server, window, self.scene):
                return None, gone
            lanes.append(Lane(server, address, keeps_pixels=blocks))
        return Pair(*lanes), ""

    def _start_peer(self, stack: ExitStack, case: Case, name: str) -> Pair:
        if name == "titiler":
            server = titiler.start_titiler(self.venv, self.scene, SERVER_CORE)
            stack.callback(server.close)
            # opens and closes its files in every request, and keeps nothing of their pixels
            lane = Lane(
                server, partial(titiler.address, case, scene=self.scene), keeps_pixels=False
            )
            return Pair(lane, lane)
        assert self.mapserv is not None
        lanes = []
        for warm in (True, False):
            server = mapserver.start_mapserver(self.mapserv, self.scene, SERVER_CORE, warm=warm)
            stack.callback(server.close)
            address = partial(mapserver.address, case, scene=self.scene)
            lanes.append(Lane(server, address, keeps_pixels=warm))
        return Pair(*lanes)


def _entry(case: Case, mine: Pair | None, peer: Pair) -> dict[str, Any]:
    """Write the figures of a case and a peer."""
    entry: dict[str, Any] = {"peer_cpu_ms": round(peer.warm.cpu_ms, 3)}
    entry["peer_cold_cpu_ms"] = round(peer.cold.cpu_ms, 3)
    if mine is not None:
        ours_bytes, peer_bytes = mine.warm.mean_bytes, peer.warm.mean_bytes
        entry |= {
            "ours_cpu_ms": round(mine.warm.cpu_ms, 3),
            "ours_cold_cpu_ms": round(mine.cold.cpu_ms, 3),
            "ratio": round(peer.warm.cpu_ms / mine.warm.cpu_ms, 2),
            "cold_ratio": round(peer.cold.cpu_ms / mine.cold.cpu_ms, 2),
            "spread": _spread(mine.warm, peer.warm),
            "cold_spread": _spread(mine.cold, peer.cold),
            "bytes": ours_bytes,
            "peer_bytes": peer_bytes,
            "bytes_fair": ours_bytes <= LARGEST_BYTES * peer_bytes,
            "pictures": pictures.compare(mine.warm.bodies, peer.warm.bodies, case.extension),
        }
    else:
        entry["peer_bytes"] = peer.warm.mean_bytes
    lanes = {"peer_warm": peer.warm, "peer_cold": peer.cold}
    lanes |= {} if mine is None else {"ours_warm": mine.warm, "ours_cold": mine.cold}
    return entry | {"detail": {name: lane.facts() for name, lane in lanes.items()}}


def _spread(mine: Lane, peer: Lane) -> list[float]:
    """Return the smallest and the largest ratio of a round."""
    ratios = [b / a for a, b in zip(mine.cpu, peer.cpu, strict=True)]
    return [round(min(ratios), 2), round(max(ratios), 2)]
