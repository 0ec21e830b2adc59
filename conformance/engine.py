"""Runs a suite and counts its results."""

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from conformance.maven import Repository
from conformance.suites import GROUP, TEAM_ENGINE, CtlSuite, Suite, TestNgSuite

#: Results in TEAM Engine's logs (`TECore` of teamengine-core): best practice 0, pass 1, not tested
#: 2, skipped 3, warning 4, inherited failure 5, failure 6.
_RESULTS = {
    "0": "passed",
    "1": "passed",
    "2": "skipped",
    "3": "skipped",
    "4": "passed",
    "5": "inherited",
    "6": "failed",
}
_SECONDS = 3600


class EngineError(Exception):
    """A suite did not run to its end; the message says what is known."""


@dataclass(frozen=True)
class Counts:
    """Executions of tests of one suite.

    Attributes:
        passed: Also those with a warning.
        failed: Those that failed by themselves, or did not end.
        skipped: Those whose conditions were not met.
        failures: Name and message of each failed one.
    """

    passed: int
    failed: int
    skipped: int
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Engine:
    """Where things are.

    Attributes:
        repository: Has the artifacts.
        work: Folder for logs; one below per suite, made anew by each run.
        proxy: Port of the mirror, None where schemas come from the web.
    """

    repository: Repository
    work: Path
    proxy: int | None = None

    def fetch(self, suite: Suite) -> None:
        """Fetch all that a suite needs.

        Raises:
            AbsentError: Something is not to be had.
        """
        for artifact in _artifacts(suite):
            self.repository.fetch(artifact)

    def run(self, name: str, suite: Suite, url: str) -> Counts:
        """Run a suite against a server.

        Args:
            name: Of the suite; its logs are kept under it.
            suite: What to run.
            url: Address of the server, without slash at the end.

        Raises:
            AbsentError: An artifact is missing.
            EngineError: It did not run to its end.
        """
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if isinstance(suite, TestNgSuite):
            return self._run_testng(suite, folder, url)
        return self._run_ctl(suite, folder, url)

    def _run_ctl(self, suite: CtlSuite, folder: Path, url: str) -> Counts:
        program, base, scripts, libraries = map(self.repository.unpacked, _artifacts(suite))
        shutil.copytree(base, folder, dirs_exist_ok=True)
        shutil.copytree(scripts, folder / "scripts", dirs_exist_ok=True)
        shutil.copytree(libraries, folder / "resources" / "lib", dirs_exist_ok=True)
        return self.run_scripts(
            suite, folder, url, [program / "lib" / "*", folder / "resources" / "lib" / "*"]
        )

    def run_scripts(self, suite: CtlSuite, folder: Path, url: str, classpath: list[Path]) -> Counts:
        """Run scripts that lie below a base folder of the engine.

        Raises:
            EngineError: They did not run to their end.
        """
        source = _only(sorted((folder / "scripts").glob(f"**/{suite.source}")), suite.source)
        self._java(
            folder,
            [
                f"-DTE_BASE={folder}",
                "-cp",
                ":".join(map(str, [*classpath, folder / "resources"])),
                "com.occamlab.te.Test",
                f"-source={source}",
                "-session=s0001",
                f"-test={suite.test}",
                *(f"@{key}={value}" for key, value in suite.parameters(url).items()),
            ],
        )
        return count_ctl(folder)

    def _run_testng(self, suite: TestNgSuite, folder: Path, url: str) -> Counts:
        (jar,) = map(self.repository.fetch, _artifacts(suite))
        entries = "".join(
            f"<entry key={quoteattr(key)}>{escape(value)}</entry>"
            for key, value in suite.parameters(url).items()
        )
        properties = folder / "properties.xml"
        properties.write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">\n'
            f'<properties version="1.0">{entries}</properties>\n'
        )
        self._java(folder, ["-jar", str(jar), "-o", str(folder / "out"), str(properties)])
        return count_testng(folder)

    def _java(self, folder: Path, arguments: list[str]) -> None:
        proxy = []
        if self.proxy is not None:
            proxy = [
                "-Dhttp.proxyHost=127.0.0.1",
                f"-Dhttp.proxyPort={self.proxy}",
                "-Dhttp.nonProxyHosts=localhost|127.*",
            ]
        with (folder / "engine.log").open("w") as log:
            try:
                subprocess.run(
                    ["java", *proxy, *arguments],
                    cwd=folder,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=_SECONDS,
                )
            except subprocess.TimeoutExpired as error:
                raise EngineError(f"it did not end within {_SECONDS} s") from error


def _artifacts(suite: Suite) -> tuple[str, ...]:
    if isinstance(suite, TestNgSuite):
        return (f"{GROUP}:{suite.artifact}:jar:aio",)
    return (
        f"{TEAM_ENGINE}:zip:bin",
        f"{TEAM_ENGINE}:zip:base",
        f"{GROUP}:{suite.artifact}:zip:ctl",
        f"{GROUP}:{suite.artifact}:zip:deps",
    )


def _only(found: list[Path], what: str) -> Path:
    if len(found) != 1:
        raise EngineError(f"{len(found)} scripts {what} in the artifact, not one")
    return found[0]


def count_ctl(folder: Path) -> Counts:
    """Count the results in TEAM Engine's logs.

    Args:
        folder: Its base folder, with `users/NAME/s0001/**/log.xml`, one per execution of a test.

    Raises:
        EngineError: The first test did not end.
    """
    found: Counter[str] = Counter()
    failures: list[str] = []
    logs = sorted(folder.glob("users/*/s0001/**/log.xml"))
    for log in logs:
        root = etree.parse(str(log)).getroot()
        end = root.find("endtest")
        result = "unfinished" if end is None else _RESULTS.get(end.get("result", ""), "unfinished")
        found[result] += 1
        if result in ("failed", "unfinished"):
            failures.append(_failure(root, result))
    if not logs or not found.total():
        raise EngineError("no test ran; see engine.log")
    return Counts(
        found["passed"], found["failed"] + found["unfinished"], found["skipped"], tuple(failures)
    )


def _failure(root: etree._Element, result: str) -> str:
    start = root.find("starttest")
    name = "" if start is None else f"{start.get('prefix')}:{start.get('local-name')}"
    messages = [" ".join("".join(m.itertext()).split()) for m in root.iter("message")]
    asserted = root.findtext("starttest/assertion", "")
    return f"{name} ({result}): {'; '.join(messages) or ' '.join(asserted.split())}"


def count_testng(folder: Path) -> Counts:
    """Count the results in a TestNG report.

    Raises:
        EngineError: There is none.
    """
    reports = sorted((folder / "out").glob("**/testng-results.xml"))
    if not reports:
        raise EngineError("no report was written; see engine.log")
    root = etree.parse(str(reports[-1])).getroot()
    failures = [
        f"{method.get('name')}: {' '.join(method.findtext('exception/message', '').split())}"
        for method in root.iter("test-method")
        if method.get("status") == "FAIL"
    ]
    passed, failed, skipped = (int(root.get(k, "0")) for k in ("passed", "failed", "skipped"))
    return Counts(passed, failed, skipped, tuple(failures))
