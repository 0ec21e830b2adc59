"""Products in a real object store, and the settings that reach them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support.demo import environment
from support.seaweed import READER, Seaweed

from tileserver.settings import StoreSettings

COG = "cog/S2A_29RKH_20200219_0_L2A"


@dataclass(frozen=True)
class Stocked:
    """The S3 server with a SAFE product and, where real products are at hand, a STAC item of COGs.

    Attributes:
        server: With the buckets `private` and `public`, both holding the same.
        safe: Name of the SAFE folder; its key is `products/<safe>`.
        local: The same SAFE folder on disk.
        cogs: Folder of the COGs on disk, None where they are absent; their key is `cogs`.
    """

    server: Seaweed
    safe: str
    local: Path
    cogs: Path | None


def store_settings(endpoint: str, bucket: str, key: tuple[str, str] | None) -> StoreSettings:
    """Settings of one bucket with a key, or anonymous."""
    if key is None:
        return StoreSettings(prefix=f"s3://{bucket}", endpoint=endpoint, anonymous=True)
    return StoreSettings(
        prefix=f"s3://{bucket}",
        endpoint=endpoint,
        access_key_id=key[0],
        secret_access_key=key[1],
    )


def both_buckets(endpoint: str, key: tuple[str, str] | None = READER) -> list[StoreSettings]:
    """The private bucket with a key, the public one without."""
    return [store_settings(endpoint, "private", key), store_settings(endpoint, "public", None)]


def in_environment(stores: list[StoreSettings]) -> str:
    """Stores as an operator writes them into TILESERVER_STORES."""
    rows = []
    for store in stores:
        row = store.model_dump(exclude_defaults=True)
        if store.secret_access_key is not None:
            row["secret_access_key"] = store.secret_access_key.get_secret_value()
        rows.append(row)
    return json.dumps(rows)


def cli(folder: Path, stores: list[StoreSettings], *words: str) -> tuple[int, str]:
    """Run the real command with settings in the environment; return status and output."""
    done = subprocess.run(  # noqa: S603 - our own command
        [str(Path(sys.executable).parent / "tileserver"), *words],
        cwd=folder,
        env=environment(
            data_dir=str(folder / "data"),
            stores=in_environment(stores),
        ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
