"""A real S3 server for tests: SeaweedFS in one process, with signed and anonymous identities."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import obstore
from obstore.store import S3Store

ADMIN = ("test-admin", "test-admin-secret")
READER = ("test-reader", "test-reader-secret")


def free_ports(count: int) -> list[int]:
    """Ports that are free now, with their gRPC twins (port + 10000) free as well."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port > 50000:
            port -= 30000
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
        if all(abs(port - other) not in (0, 10000) for other in found):
            found.append(port)
    return found


@dataclass
class Seaweed:
    """A running server; `private` wants keys, `public` may be read by anybody."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": _identities()}))
        if not self.port:
            self.port, *self._others = free_ports(4)
        master, volume, filer = self._others
        command = [
            str(Path(sys.executable).parent / "weed"), "server", f"-dir={self.folder}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.port={self.port}",
            f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
            "-master.volumeSizeLimitMB=64", "-volume.max=30", "-master.telemetry=false",
        ]  # fmt: skip
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        self._wait()
        return self

    def _wait(self) -> None:
        """Wait until a signed PUT and GET succeed; an open port says nothing."""
        deadline = time.monotonic() + 60
        last: Exception | None = None
        while time.monotonic() < deadline:
            try:
                store = self.store("probe")
                self._create("probe")
                obstore.put(store, "ready", b"yes")
                if bytes(obstore.get(store, "ready").bytes()) == b"yes":
                    return
            except Exception as error:
                last = error
                time.sleep(0.3)
        raise RuntimeError(f"SeaweedFS did not become ready: {last}")

    def _create(self, bucket: str) -> None:
        """Make a bucket: in SeaweedFS that is a folder of the filer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._others[2]}/buckets/{bucket}/", method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code != 409:  # it is there already
                raise

    def bucket(self, name: str) -> S3Store:
        """Make a bucket and return a store that may write to it."""
        self._create(name)
        return self.store(name)

    def store(self, bucket: str, key: tuple[str, str] = ADMIN) -> S3Store:
        return S3Store(
            bucket,
            config={
                "endpoint": self.endpoint,
                "access_key_id": key[0],
                "secret_access_key": key[1],
                "region": "us-east-1",
            },
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    def put_folder(self, bucket: str, prefix: str, folder: Path) -> int:
        """Upload a folder; return the number of files."""
        store = self.store(bucket)
        files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        for path in files:
            obstore.put(store, f"{prefix}/{path.relative_to(folder).as_posix()}", path)
        return len(files)

    def stop(self) -> None:
        if self.process is not None:
            # On SIGTERM it lingers for 20 s and more; what it holds is not wanted any more.
            self.process.kill()
            self.process.wait(20)
            self.process = None


def _identities() -> list[dict[str, object]]:
    def identity(name: str, key: tuple[str, str] | None, actions: list[str]) -> dict[str, object]:
        keys = [{"accessKey": key[0], "secretKey": key[1]}] if key else []
        return {"name": name, "credentials": keys, "actions": actions}

    return [
        identity("admin", ADMIN, ["Admin", "Read", "Write", "List", "Tagging"]),
        identity("reader", READER, ["Read:private", "List:private"]),
        identity("anonymous", None, ["Read:public", "List:public"]),
    ]
