"""`python -m conformance [SUITE...] [--json FILE]`: see `scripts/conformance`."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from conformance.data import DATA
from conformance.engine import Counts, Engine, EngineError
from conformance.maven import AbsentError, Repository
from conformance.mirror import serving as mirror
from conformance.server import ServerError
from conformance.server import serving as server
from conformance.suites import SUITES

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "conformance"


def run(names: Sequence[str], url: str | None) -> dict[str, Counts | str]:
    """Run suites; of one that cannot run the reason is returned."""
    results: dict[str, Counts | str] = {}
    engine = Engine(Repository(CACHE), CACHE / "logs")
    CACHE.mkdir(parents=True, exist_ok=True)
    ready: list[str] = []
    for name in names:
        try:
            engine.fetch(SUITES[name])
            ready.append(name)
        except AbsentError as error:
            results[name] = f"absent: {error}"
    shared = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", ROOT.parent / "shared"))
    with ExitStack() as stack:
        schemas = shared / "schemas"
        if ready and schemas.is_dir():
            log = CACHE / "mirror.log"
            log.unlink(missing_ok=True)
            engine = replace(engine, proxy=stack.enter_context(mirror(schemas, log)))
        for name in ready:
            try:
                results[name] = _against(engine, name, shared, url)
            except (EngineError, ServerError) as error:
                results[name] = f"error: {error}"
    return results


def _against(engine: Engine, name: str, shared: Path, url: str | None) -> Counts:
    suite = SUITES[name]
    if url is not None:
        return engine.run(name, suite, url)
    with tempfile.TemporaryDirectory() as folder:
        data, work = Path(folder) / "data", Path(folder) / "server"
        data.mkdir()
        DATA[suite.data](data, shared)
        try:
            with server(data, work) as address:
                return engine.run(name, suite, address)
        finally:
            if (work / "server.log").exists():
                shutil.copy(work / "server.log", CACHE / f"server-{name}.log")


def _told(name: str, result: Counts | str) -> str:
    if isinstance(result, str):
        return f"{name}: {result}"
    line = f"{name}: passed {result.passed}, failed {result.failed}, skipped {result.skipped}"
    return "\n".join([line, *(f"  {failure}" for failure in result.failures)])


def _document(result: Counts | str) -> dict[str, object]:
    if isinstance(result, str):
        kind, _, reason = result.partition(": ")
        return {kind: True, "reason": reason}
    return {"passed": result.passed, "failed": result.failed, "skipped": result.skipped}


def main() -> int:
    """Return 0 where every suite ran without a failure, 1 where one failed, 3 where one is absent.

    Failures count more than absence.
    """
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts here")
    parser.add_argument("--url", help="test this server, with the data in it, not one of our own")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.suites if name not in SUITES]
    if unknown:
        parser.error(f"no suite {unknown[0]}; there are {', '.join(SUITES)}")
    results = run(arguments.suites or list(SUITES), arguments.url)
    for name, result in results.items():
        sys.stdout.write(_told(name, result) + "\n")
    sys.stdout.write(f"logs: {CACHE / 'logs'}\n")
    if arguments.json:
        document = {name: _document(result) for name, result in results.items()}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    counts = [r for r in results.values() if isinstance(r, Counts)]
    if any(r.failed for r in counts) or any(str(r).startswith("error") for r in results.values()):
        return 1
    return 0 if len(counts) == len(results) else 3


if __name__ == "__main__":
    sys.exit(main())
