"""Byte ranges from object stores; one store object per bucket and credential.

Credentials live in the store object. The id that cache keys carry names store and credential, so
nothing read with one credential is ever served under another.
"""

import asyncio
import atexit
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import HTTPStore, LocalStore, S3Store

from renderers import localfiles
from renderers.errors import (
    SourceChangedError,
    SourceCorruptError,
    SourceForbiddenError,
    SourceMissingError,
    SourceUnavailableError,
    SourceUnsupportedError,
)
from renderers.scene import ObjectRef
from renderers.together import together

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import ClientConfig, S3Config

T = TypeVar("T")


#: obstore's worker threads hand results to Python a moment after the caller has them; one that does
#: so while the interpreter is already going down aborts the process (measured: 3 of 20 short runs;
#: PyO3/pyo3-async-runtimes issue 40). They get this many seconds to come to rest.
_REST = 0.1
atexit.register(time.sleep, _REST)


#: Threads that read local files: enough for a mount whose answers take a while.
DISK_THREADS = 16


#: A member of an archive with its place in it, as `member_href` writes it.
_MEMBER = re.compile(
    r"(?P<archive>[^#]+\.zip)!/[^#]*#(?P<first>[0-9]{1,15})\+(?P<length>[0-9]{1,15})"
    r"(?::(?P<unpacked>[0-9]{1,15}))?",
    re.IGNORECASE,
)
#: A variable of a NetCDF file, as `part_href` writes it.
_PART = re.compile(r"(?P<file>.+)#variable=(?P<part>[^#]+)")

#: Store id of files on this machine.
LOCAL = "file"


class ByteRange(NamedTuple):
    """Bytes `start` (included) to `stop` (excluded) of an object."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How to reach the objects whose address begins with `prefix`.

    Attributes:
        prefix: `s3://bucket` or `s3://bucket/folder`, `https://host[/folder]`, compared by whole
            path segments; the longest match wins.
        endpoint: S3 endpoint URL, None for AWS.
        region: S3 region.
        access_key_id: Key; with `secret_access_key` requests are signed.
        secret_access_key: Its secret.
        session_token: Temporary credentials' token.
        anonymous: Send unsigned requests.
        virtual_hosted: Bucket in the host name instead of the path.
    """

    prefix: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    anonymous: bool = False
    virtual_hosted: bool = False

    @property
    def credential_id(self) -> str:
        """Digest that tells credentials apart without holding them."""
        parts = (
            self.endpoint or "",
            self.region,
            self.access_key_id or "",
            self.secret_access_key or "",
            self.session_token or "",
            str(self.anonymous),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """What may be reached, and how patiently.

    Attributes:
        file_roots: Folders that `file://` addresses and plain paths may lie in.
        http_hosts: Hosts (`host` or `host:port`) that `http(s)://` may name; those of configured
            stores are allowed anyway. S3 buckets must be configured.
        timeout: Seconds for one request.
        connect_timeout: Seconds to connect.
        retries: Retries of one request.
        gap: Ranges closer than this many bytes are fetched as one.
        max_range: No coalesced request grows past this many bytes.
    """

    file_roots: tuple[Path, ...] = ()
    http_hosts: frozenset[str] = frozenset()
    timeout: float = 10.0
    connect_timeout: float = 3.0
    retries: int = 2
    gap: int = 16 * 1024
    max_range: int = 16 * 1024 * 1024


class ObjectMeta(NamedTuple):
    """Size in bytes and ETag of an object."""

    size: int
    etag: str | None


#: obstore has no class of its own for a listing that the store refused, only these words.
_REFUSED = re.compile(r"status code: 40[13]\b")

_PORT = re.compile(r":\d*\Z")

#: Characters that no address has, encoded or not.
_CONTROL = frozenset(map(chr, (*range(32), 127)))


def _check_segments(key: str, href: str) -> None:
    """Refuse `.` and `..` in a key: they would leave the prefix that its credential is for.

    Raises:
        SourceForbiddenError: There is one.
    """
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise SourceForbiddenError("the address has relative parts", detail=href)


def _only_to(host: str) -> "ClientConfig":
    """Return client options with which redirects reach no other host than the one checked.

    obstore follows redirects and has no option against it, so an allowed host could send us to any
    address of the inner network. All hosts but this one get a proxy that cannot exist (nothing can
    listen on port 0); other ports and subdomains of this one stay reachable. Where the environment
    names a proxy, that one decides what may be reached.
    """
    if getproxies().keys() & {"http", "https", "all"}:
        return {}
    name = _PORT.sub("", host.lower())
    return {"proxy_url": "http://127.0.0.1:0", "proxy_excludes": name.strip("[]")}


def _within(prefix: str, href: str) -> bool:
    prefix = prefix.rstrip("/")
    return href == prefix or href.startswith(prefix + "/")


def coalesce(
    ranges: Sequence[ByteRange], gap: int, limit: int
) -> tuple[list[ByteRange], list[tuple[int, int]]]:
    """Merge near ranges.

    Args:
        ranges: Wanted ranges, in any order.
        gap: Ranges at most this many bytes apart become one.
        limit: A merged range is no longer than this, unless one wanted range alone is.

    Returns:
        The merged ranges, and for each wanted one (number of its merged range, offset inside it).
    """
    order = sorted(range(len(ranges)), key=lambda i: ranges[i])
    merged: list[ByteRange] = []
    place: list[tuple[int, int]] = [(0, 0)] * len(ranges)
    for i in order:
        start, stop = ranges[i]
        if merged:
            last = merged[-1]
            grown = max(stop, last.stop)
            if start - last.stop <= gap and grown - last.start <= max(
                limit, last.stop - last.start
            ):
                merged[-1] = ByteRange(last.start, grown)
                place[i] = (len(merged) - 1, start - last.start)
                continue
        merged.append(ByteRange(start, stop))
        place[i] = (len(merged) - 1, 0)
    return merged, place


class ByteSource:
    """Range reads of one object; ranges of an indexed object carry If-Match.

    Of an object with a window (see `ObjectRef`), all offsets and sizes are those of the window.
    """

    def __init__(self, registry: "StoreRegistry", store: Any, ref: ObjectRef) -> None:
        self._registry = registry
        self._store = store
        self.ref = ref
        #: Path of a local file, "" for other objects.
        self._local = f"/{ref.path}" if ref.store == LOCAL else ""

    def beside(self, suffix: str, etag: str | None = None, size: int | None = None) -> "ByteSource":
        """Return the object whose name is this one's with a suffix, in the same store.

        Args:
            suffix: For example `.msk`.
            etag: Its ETag, where known.
            size: Its bytes, where known.

        Raises:
            SourceForbiddenError: A link that leads out of the allowed folders.
            SourceMissingError: This one lies inside an archive, which has files beside it.
        """
        if self.ref.window is not None:
            raise SourceMissingError("nothing lies beside a member of an archive")
        ref = self._registry.beside(self.ref, suffix)
        pinned = ObjectRef(ref.store, ref.path, etag, size)
        return ByteSource(self._registry, self._store, pinned)

    async def head(self) -> ObjectMeta:
        """Return size and ETag.

        Raises:
            SourceError: One of its kinds, by what the store answered.
        """
        if self._local:
            found = await self._ask(self._registry.on_disk(localfiles.facts, self._local))
            return ObjectMeta(self._visible(found.size), found.etag)
        meta = await self._ask(obstore.head_async(self._store, self.ref.path))
        return ObjectMeta(self._visible(int(meta["size"])), meta["e_tag"])

    async def pinned(self) -> "ByteSource":
        """Return this source with size and ETag filled in, asking the store where needed."""
        if self.ref.etag is not None and self.ref.size is not None:
            return self
        return await self.repinned()

    async def repinned(self) -> "ByteSource":
        """Return this source with the ETag that the object has now."""
        meta = await self.head()
        return self._as_of(meta.etag, meta.size)

    async def first(self, length: int) -> tuple["ByteSource", bytes]:
        """Read the first bytes and pin size and ETag by the same answer, in one round.

        Args:
            length: Bytes wanted, at least 1; fewer come of a shorter object.

        Returns:
            The pinned source, and the bytes.

        Raises:
            SourceError: One of its kinds, by what the store answered.
        """
        if self.ref.size == 0:
            return self, b""
        if self._local:
            found, (head,) = await self._from_disk([ByteRange(0, length)])
            return self._as_of(found.etag, self._visible(found.size)), head
        try:
            result, head = await self._answer(ByteRange(0, length))
        except SourceUnavailableError:
            # Stores answer 416 for a range of an object of no bytes, whichever range it is.
            source = await self.pinned()
            if source.ref.size == 0:
                return source, b""
            raise
        meta = result.meta
        return self._as_of(meta["e_tag"], self._visible(int(meta["size"]))), head

    async def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Read several ranges in one round: near ones merged, all requests sent at once.

        Raises:
            SourceChangedError: The object's ETag is no longer the one of `ref`.
            SourceCorruptError: A range ends past the object (it was truncated).
            SourceError: Other kinds, by what the store answered.
        """
        size = self.ref.size
        if size is not None and any(wanted.stop > size for wanted in ranges):
            raise SourceCorruptError("the file is shorter than its index says")
        if self._local:
            return self._checked(ranges, (await self._from_disk(ranges))[1])
        policy = self._registry.policy
        merged, place = coalesce(ranges, policy.gap, policy.max_range)
        buffers = await together(*(self._get(r) for r in merged))
        return self._checked(
            ranges,
            [
                buffers[number][offset : offset + wanted.stop - wanted.start]
                for wanted, (number, offset) in zip(ranges, place, strict=True)
            ],
        )

    @staticmethod
    def _checked(ranges: Sequence[ByteRange], parts: list[bytes]) -> list[bytes]:
        for wanted, part in zip(ranges, parts, strict=True):
            if len(part) != wanted.stop - wanted.start:
                raise SourceCorruptError("the file is shorter than its index says")
        return parts

    def _as_of(self, etag: str | None, size: int) -> "ByteSource":
        ref = replace(self.ref, etag=etag, size=size)
        return ByteSource(self._registry, self._store, ref)

    def _visible(self, size: int) -> int:
        """Return the bytes that are seen of an object of a size.

        Raises:
            SourceCorruptError: The window ends past the object.
        """
        if self.ref.window is None:
            return size
        first, length = self.ref.window
        if first + length > size:
            raise SourceCorruptError("the archive is shorter than its directory says")
        return length

    def _placed(self, wanted: ByteRange) -> ByteRange:
        """Return where a range lies in the object, cut at the end of the window."""
        if self.ref.window is None:
            return wanted
        first, length = self.ref.window
        return ByteRange(first + wanted.start, first + min(wanted.stop, length))

    async def _from_disk(
        self, ranges: Sequence[ByteRange]
    ) -> tuple[localfiles.FileFacts, list[bytes]]:
        ranges = [self._placed(r) for r in ranges]
        work = self._registry.on_disk(localfiles.read, self._local, self.ref.etag, ranges)
        found, parts = await self._ask(work)
        # Counted as a store across a network would be asked.
        policy = self._registry.policy
        merged, _ = coalesce(ranges, policy.gap, policy.max_range)
        self._registry.count(sum(map(len, parts)), len(merged))
        return found, parts

    async def read_head(self, length: int) -> bytes:
        """Read at most `length` bytes from the beginning (fewer when the object is shorter)."""
        return await self._get(ByteRange(0, length))

    async def read_all(self, limit: int) -> bytes:
        """Read the whole object.

        Raises:
            SourceUnsupportedError: It is larger than `limit` bytes.
        """
        source = await self.pinned()
        size = source.ref.size or 0
        if size > limit:
            raise SourceUnsupportedError("the file is too large to be read whole")
        return (await source.read([ByteRange(0, size)]))[0] if size else b""

    async def _get(self, wanted: ByteRange) -> bytes:
        if self._local:
            return (await self._from_disk([wanted]))[1][0]
        return (await self._answer(wanted))[1]

    async def _answer(self, wanted: ByteRange) -> tuple["GetResult", bytes]:
        options: GetOptions = {"range": tuple(self._placed(wanted))}
        if self.ref.etag is not None:
            options["if_match"] = self.ref.etag
        result = await self._ask(obstore.get_async(self._store, self.ref.path, options=options))
        buffer = bytes(memoryview(await self._ask(result.bytes_async())))
        self._registry.count(len(buffer))
        return result, buffer

    async def _ask(self, answer: Awaitable[T]) -> T:
        detail = f"{self.ref.store}:{self.ref.path}"
        try:
            async with asyncio.timeout(self._registry.policy.timeout * 2):
                return await answer
        except (NotFoundError, FileNotFoundError) as error:
            raise SourceMissingError("a source file is missing", detail=detail) from error
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise SourceForbiddenError("the store refused access", detail=detail) from error
        except (PreconditionError, localfiles.ChangedError) as error:
            raise SourceChangedError("a source file has changed", detail=detail) from error
        except (BaseError, OSError, TimeoutError) as error:
            if _REFUSED.search(str(error)):
                raise SourceForbiddenError("the store refused access", detail=detail) from error
            text = f"{detail}: {type(error).__name__}"
            raise SourceUnavailableError("the store did not answer", detail=text) from error


class StoreRegistry:
    """Turns addresses into stores by the settings; the only place that holds credentials.

    Attributes:
        policy: What may be reached.
        requests: Range requests answered so far (for metrics and for tests that count rounds).
        bytes_read: Bytes they brought.
    """

    def __init__(
        self,
        stores: Sequence[StoreOptions] = (),
        policy: StorePolicy | None = None,
        unpack: "Callable[[ByteSource, int], ByteSource] | None" = None,
    ) -> None:
        """Open nothing yet.

        Args:
            stores: Those that need more than their address.
            policy: What may be reached.
            unpack: Returns the content of a deflated member of an archive, from its stored bytes
                and the content's size; None refuses such members.
        """
        self.policy = policy or StorePolicy()
        self._unpack = unpack
        self._options = sorted(stores, key=lambda s: len(s.prefix), reverse=True)
        self._stores: dict[str, Any] = {}
        # Reads of a network mount that hangs hold their threads, and no others.
        self._disk = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="files")
        self.requests = 0
        self.bytes_read = 0

    def on_disk(self, work: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Do something with local files in threads that are there for it."""
        return asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)

    def count(self, size: int, requests: int = 1) -> None:
        """Note answered range requests."""
        self.requests += requests
        self.bytes_read += size

    def resolve(self, href: str) -> ObjectRef:
        """Return the object that an address names.

        Args:
            href: `s3://bucket/key`, `https://host/path`, `file:///path` or an absolute path; also
                a member of an archive, as `member_href` writes it, and one raster of either, as
                `part_href` does.

        Raises:
            SourceForbiddenError: The location is not among the allowed ones.
            SourceUnsupportedError: A scheme we do not read, or no address at all.
        """
        inside = _PART.fullmatch(href)
        if inside is not None and _CONTROL.isdisjoint(unquote(inside["part"])):
            return replace(self.resolve(inside["file"]), part=unquote(inside["part"]))
        member = _MEMBER.fullmatch(href)
        if member is not None:
            first, length = int(member["first"]), int(member["length"])
            archive = self.resolve(member["archive"])
            unpacked = None if member["unpacked"] is None else int(member["unpacked"])
            size = length if unpacked is None else unpacked
            return replace(archive, size=size, window=(first, length), unpacked=unpacked)
        try:
            parts = urlsplit(href)
        except ValueError as error:
            raise SourceUnsupportedError("the address cannot be read", detail=href) from error
        if not _CONTROL.isdisjoint(unquote(href)):
            raise SourceUnsupportedError("the address cannot be read", detail=repr(href))
        if parts.scheme in ("", "file"):
            path = Path(unquote(parts.path) if parts.scheme else href)
            return self._resolve_file(path, href)
        if parts.scheme == "s3":
            return self._resolve_s3(parts.netloc, unquote(parts.path).lstrip("/"), href)
        if parts.scheme in ("http", "https"):
            return self._resolve_http(parts.scheme, parts.netloc, parts.path, href)
        raise SourceUnsupportedError("addresses of this scheme are not read", detail=href)

    def beside(self, ref: ObjectRef, suffix: str) -> ObjectRef:
        """Return the object whose name is another's with a suffix.

        Raises:
            SourceForbiddenError: A link that leads out of the allowed folders.
        """
        if "/" in suffix:
            raise ValueError("a suffix names no folder")
        if ref.store == LOCAL:
            return self._resolve_file(Path(f"/{ref.path}{suffix}"), ref.path)
        return ObjectRef(ref.store, ref.path + suffix)

    def open(self, ref: ObjectRef) -> ByteSource:
        """Return the byte source of a resolved object.

        Raises:
            SourceForbiddenError: Its store is not configured here (any more).
            SourceUnsupportedError: A deflated member of an archive that is not unpacked here.
        """
        store = self._store(ref.store)
        if ref.unpacked is None or ref.window is None:
            return ByteSource(self, store, ref)
        if self._unpack is None:
            message = "compressed inside the archive; repack that without compression (zip -0)"
            raise SourceUnsupportedError(message)
        packed = replace(ref, size=ref.window[1], unpacked=None)
        return self._unpack(ByteSource(self, store, packed), ref.unpacked)

    async def list_folder(self, href: str) -> list[str]:
        """List the addresses of all objects below a folder, in no promised order."""
        ref = self.resolve(href.rstrip("/") + "/")
        source = self.open(ref)
        prefix = ref.path.rstrip("/") + "/"
        pages = await source._ask(
            obstore.list(self._store(ref.store), prefix=prefix).collect_async()
        )
        base = href.rstrip("/")
        return [f"{base}/{entry['path'][len(prefix) :]}" for entry in pages]

    def _resolve_file(self, path: Path, href: str) -> ObjectRef:
        real = path.resolve()
        if not path.is_absolute() or not any(
            real.is_relative_to(root.resolve()) for root in self.policy.file_roots
        ):
            message = "the location is outside the allowed folders"
            raise SourceForbiddenError(message, detail=href)
        self._stores.setdefault(LOCAL, LocalStore())
        return ObjectRef(LOCAL, str(PurePosixPath(*real.parts[1:])))

    def _resolve_s3(self, bucket: str, key: str, href: str) -> ObjectRef:
        _check_segments(key, href)
        options = next((o for o in self._options if _within(o.prefix, href)), None)
        if options is None:
            raise SourceForbiddenError("the bucket is not configured", detail=href)
        store = f"s3:{bucket}:{options.credential_id}"
        if store not in self._stores:
            self._stores[store] = self._make_s3(bucket, options)
        return ObjectRef(store, key)

    def _resolve_http(self, scheme: str, host: str, path: str, href: str) -> ObjectRef:
        _check_segments(unquote(path), href)
        plain = f"{scheme}://{host}{path}"
        configured = any(_within(o.prefix, plain) for o in self._options)
        if "@" in host or not (configured or host.lower() in self.policy.http_hosts):
            raise SourceForbiddenError("the host is not among the allowed ones", detail=href)
        store = f"{scheme}:{host.lower()}"
        if store not in self._stores:
            client = self._client(scheme) | _only_to(host)
            self._stores[store] = HTTPStore.from_url(
                f"{scheme}://{host}", client_options=client, **self._retry()
            )
        return ObjectRef(store, unquote(path).lstrip("/"))

    def _store(self, name: str) -> Any:
        if name == LOCAL:
            return self._stores.setdefault(LOCAL, LocalStore())
        try:
            return self._stores[name]
        except KeyError:
            raise SourceForbiddenError("the store is not configured", detail=name) from None

    def _client(self, scheme: str) -> "ClientConfig":
        return {
            "timeout": timedelta(seconds=self.policy.timeout),
            "connect_timeout": timedelta(seconds=self.policy.connect_timeout),
            "allow_http": scheme == "http",
        }

    def _retry(self) -> dict[str, Any]:
        return {
            "retry_config": {
                "max_retries": self.policy.retries,
                "retry_timeout": timedelta(seconds=self.policy.timeout),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=50),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2.0,
                },
            }
        }

    def _make_s3(self, bucket: str, options: StoreOptions) -> Any:
        config: S3Config = {
            "region": options.region,
            "skip_signature": options.anonymous,
            "virtual_hosted_style_request": options.virtual_hosted,
        }
        if options.endpoint is not None:
            config["endpoint"] = options.endpoint
        if options.access_key_id is not None and options.secret_access_key is not None:
            config["access_key_id"] = options.access_key_id
            config["secret_access_key"] = options.secret_access_key
        if options.session_token is not None:
            config["session_token"] = options.session_token
        scheme = urlsplit(options.endpoint or "https://").scheme
        return S3Store(bucket, config=config, client_options=self._client(scheme), **self._retry())


def part_href(file: str, part: str) -> str:
    """Return the address of one raster of a file that holds several; see `ObjectRef.part`."""
    return f"{file}#variable={quote(part, safe='/[],')}"


def member_href(
    archive: str, member: str, first: int, length: int, unpacked: int | None = None
) -> str:
    """Return the address of a file that lies inside a ZIP archive.

    Args:
        archive: Address of the archive.
        member: Its name there, for people: the place alone is read.
        first: First byte of its content in the archive.
        length: Bytes of its content there.
        unpacked: Bytes of its content where it is deflated, None where it lies as it is.
    """
    place = f"{archive}!/{member}#{first}+{length}"
    return place if unpacked is None else f"{place}:{unpacked}"


def href_of_path(path: Path) -> str:
    """Return the `file://` address of a local path."""
    return "file://" + quote(str(path.resolve()))
