"""ZIP archives as folders: members that are stored as they are can be read where they lie.

Deflated members are read from copies that are unpacked once, see `renderers.unpacked`.

Source: APPNOTE.TXT 6.3, sections 4.3.7 (local header) and 4.3.12 (central directory). The directory
is parsed by `zipfile` over the archive's last bytes.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.stores import ByteRange, ByteSource, member_href

#: What stands between the address of an archive and the name of a member.
MARK = "!/"
_SUFFIX = ".zip"
#: Bytes of the end of an archive that are read at first; a product's directory takes 20 kB.
_TAIL = 128 * 1024
#: Larger directories are refused.
_DIRECTORY_LIMIT = 16 * 1024 * 1024
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1
_UNUSUAL = "packed in the archive in an unusual way; repack that without compression (zip -0)"


def may_be_archive(href: str) -> bool:
    """Tell by its name whether a file is worth looking at as an archive."""
    return href.lower().endswith(_SUFFIX)


def split(href: str) -> tuple[str, str] | None:
    """Return the archive's address and the member's name of `.../x.zip!/name`, None for others."""
    place = href.lower().find(_SUFFIX + MARK)
    if place < 0:
        return None
    end = place + len(_SUFFIX)
    return href[:end], href[end + len(MARK) :]


class _OutsideError(Exception):
    """The directory begins before the bytes that were read."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position


class _Tail(io.RawIOBase):
    """The last bytes of a file, seen as the whole file."""

    def __init__(self, size: int, data: bytes) -> None:
        self._size = size
        self._data = data
        self._place = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if begin + offset < 0:
            raise OSError("before the beginning")
        self._place = begin + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        first = self._place - (self._size - len(self._data))
        if first < 0:
            raise _OutsideError(self._place)
        stop = len(self._data) if size < 0 else first + size
        data = self._data[first:stop]
        self._place += len(data)
        return data


@dataclass(frozen=True, slots=True)
class Archive:
    """The directory of one archive.

    Attributes:
        href: Its address.
        source: Its bytes, pinned.
        members: Files by name.
    """

    href: str
    source: ByteSource
    members: Mapping[str, zipfile.ZipInfo]

    def addresses(self, folder: str = "") -> tuple[str, ...]:
        """Return the addresses of the members below a folder, sorted."""
        return tuple(f"{self.href}{MARK}{n}" for n in sorted(self.members) if n.startswith(folder))

    async def place(self, name: str) -> str:
        """Return the address under which a member is read without the directory.

        Raises:
            SourceUnsupportedError: It is encrypted, or packed in another way than deflated.
            SourceCorruptError: There is none of that name, or directory and content disagree.
        """
        member = self._member(name)
        first = await self._begin(member)
        told = name.replace("#", "_")  # the name is for people, and `#` begins the place
        if member.compress_type == zipfile.ZIP_STORED:
            return member_href(self.href, told, first, member.file_size)
        if member.compress_type != zipfile.ZIP_DEFLATED:
            raise SourceUnsupportedError(_UNUSUAL, detail=name)
        return member_href(self.href, told, first, member.compress_size, member.file_size)

    async def content(self, name: str, limit: int, *, cut: bool = False) -> bytes:
        """Return a member's content, also of a compressed one, or with `cut` its beginning.

        Raises:
            SourceUnsupportedError: It is larger than `limit` bytes, or packed in an unusual way.
            SourceCorruptError: There is none of that name, or it cannot be unpacked.
        """
        member = self._member(name)
        if member.file_size > limit and not cut:
            raise SourceUnsupportedError("the file is too large to be read whole")
        first = await self._begin(member)
        # deflate makes nothing longer by more than a few bytes per 16 kB
        length = min(member.compress_size, limit + 1024 if cut else member.compress_size)
        (data,) = await self.source.read([ByteRange(first, first + length)]) if length else (b"",)
        if member.compress_type == zipfile.ZIP_STORED:
            return data[:limit]
        if member.compress_type != zipfile.ZIP_DEFLATED:
            raise SourceUnsupportedError(_UNUSUAL)
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limit)
        except zlib.error as error:
            raise SourceCorruptError("a member of the archive cannot be unpacked") from error
        if not cut and len(content) != member.file_size:
            raise SourceCorruptError("a member of the archive cannot be unpacked")
        return content

    def _member(self, name: str) -> zipfile.ZipInfo:
        member = self.members.get(name)
        if member is None:
            raise SourceCorruptError("the archive has no such member")
        if member.flag_bits & _ENCRYPTED:
            raise SourceUnsupportedError("the archive is encrypted")
        return member

    async def _begin(self, member: zipfile.ZipInfo) -> int:
        """Return the first byte of a member's content: its header may differ from the directory."""
        start = member.header_offset
        stop = start + _LOCAL_HEADER.size
        size = self.source.ref.size or 0
        if stop > size:
            raise SourceCorruptError("the archive is shorter than its directory says")
        (head,) = await self.source.read([ByteRange(start, stop)])
        signature, name, extra = _LOCAL_HEADER.unpack(head)
        first = stop + int(name) + int(extra)
        if signature != b"PK\x03\x04" or first + member.compress_size > size:
            raise SourceCorruptError("the archive is not as its directory says")
        return first


async def open_archive(href: str, source: ByteSource) -> Archive:
    """Read the directory of an archive: one round of requests, two where it is large.

    Args:
        href: Address of the archive.
        source: Its bytes.

    Raises:
        SourceCorruptError: It is none, or damaged.
        SourceUnsupportedError: Its directory is too large.
        SourceError: Other kinds, by what the store answered.
    """
    source = await source.pinned()
    size = source.ref.size or 0
    begin = max(0, size - _TAIL)
    while True:
        (data,) = await source.read([ByteRange(begin, size)]) if size else (b"",)
        try:
            return Archive(href, source, _members(size, data))
        except _OutsideError as outside:
            if size - outside.position > _DIRECTORY_LIMIT or outside.position >= begin:
                raise SourceUnsupportedError("the archive's directory is too large") from outside
            begin = outside.position


def _members(size: int, data: bytes) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(_Tail(size, data)) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, NotImplementedError) as error:
        raise SourceCorruptError("the archive cannot be read") from error
    return {m.filename: m for m in listed if not m.is_dir() and m.filename.isprintable()}
