"""Artifacts of Maven Central, fetched by Maven itself: it knows this machine's mirrors."""

import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_SECONDS = 600


class AbsentError(Exception):
    """An artifact cannot be had; the message says why."""


@dataclass(frozen=True)
class Repository:
    """Artifacts kept in a folder; what is there already is not asked for again."""

    folder: Path

    def fetch(self, artifact: str) -> Path:
        """Return the path of an artifact.

        Args:
            artifact: `group:name:version:type:classifier`.

        Raises:
            AbsentError: Maven is not installed, or does not find it.
        """
        _, name, version, kind, classifier = artifact.split(":")
        path = self.folder / "artifacts" / f"{name}-{version}-{classifier}.{kind}"
        if not path.exists():
            self._copy(artifact, path.parent)
        if not path.exists():
            raise AbsentError(f"{artifact}: Maven copied something else")
        return path

    def unpacked(self, artifact: str) -> Path:
        """Return the folder that an artifact, a zip, is unpacked in.

        Raises:
            AbsentError: See `fetch`.
        """
        archive = self.fetch(artifact)
        target = self.folder / "unpacked" / archive.stem
        if not target.is_dir():
            part = target.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(part)
            part.rename(target)
        return target

    def _copy(self, artifact: str, folder: Path) -> None:
        maven = shutil.which("mvn")
        if maven is None:
            raise AbsentError("Maven is not installed")
        done = subprocess.run(
            [
                maven,
                "-q",
                "-B",
                "-U",  # else Maven would say for a day that what was missing once is missing
                f"-Dmaven.repo.local={self.folder / 'm2'}",
                _COPY,
                f"-Dartifact={artifact}",
                f"-DoutputDirectory={folder}",
            ],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "ERROR" in line]
            why = (
                lines[0].rpartition(": ")[2].removesuffix(" -> [Help 1]")
                if lines
                else "Maven failed"
            )
            raise AbsentError(f"{artifact}: {why}")
