"""Asks a server in another process for pictures, and watches its memory."""

import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from benchmarks.peers.processes import HttpClient

MIB = 1024 * 1024


def resident(pid: int) -> dict[str, float]:
    """Return resident memory of a process in MiB: all of it, and the part that is no file."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            found[name] = round(int(value.split()[0]) / 1024, 1)
    return found


def ask_all(port: int, paths: Sequence[str], connections: int) -> int:
    """Ask for pictures over several kept connections, each path once; return the bytes of answers.

    Args:
        port: Of the server on 127.0.0.1.
        paths: What to ask for.
        connections: How many ask at the same time.

    Raises:
        AnswerError: Some answer was not of status 200; the others are still asked for.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for path in paths:
        waiting.put(path)
    sizes: list[int] = []
    failures: list[Exception] = []

    def work() -> None:
        client = HttpClient(port)
        try:
            while True:
                sizes.append(len(client.get(waiting.get_nowait())[1]))
        except queue.Empty:
            pass
        except Exception as error:  # told to the caller, in its own thread
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    if len(sizes) != len(paths):
        raise RuntimeError(f"{len(sizes)} answers for {len(paths)} requests")
    return sum(sizes)


def watch(
    port: int,
    pid: int,
    paths: Iterable[str],
    steps: Sequence[int],
    told: Callable[[int, dict[str, float]], None] = lambda *_: None,
    connections: int = 4,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Ask for ever more pictures; yield their number and the memory of the server at each step.

    Args:
        port: Of the server on 127.0.0.1.
        pid: Of the server.
        paths: What to ask for.
        steps: Numbers of pictures, rising, after which memory is read.
        told: Called with each pair as well.
        connections: How many ask at the same time.
    """
    source, asked = iter(paths), 0
    for step in steps:
        ask_all(port, list(islice(source, step - asked)), connections)
        asked = step
        found = resident(pid)
        told(asked, found)
        yield asked, found


def figures(port: int) -> dict[str, float]:
    """Return what the server's metrics say of its caches, as `name what`."""
    client = HttpClient(port)
    try:
        _, body = client.get("/metrics")
    finally:
        client.close()
    line = re.compile(
        r'^tileserver_(tile_cache|block_cache|file_cache|background|queue)\{what="(\w+)"\} (\S+)$',
        re.MULTILINE,
    )
    return {f"{name} {what}": float(value) for name, what, value in line.findall(body.decode())}
