"""Answers of two parts (RFC 2387): a document, and the file that it refers to."""

from typing import NamedTuple
from uuid import uuid4

from tileserver.protocols.wcs.output import Payload


class Part(NamedTuple):
    """Media type and name of a part."""

    media_type: str
    content_id: str

    @property
    def head(self) -> str:
        """Its headers."""
        return (
            f"Content-Type: {self.media_type}\r\n"
            f"Content-ID: <{self.content_id}>\r\n"
            f'Content-Disposition: attachment; filename="{self.content_id}"\r\n'
            "Content-Transfer-Encoding: binary\r\n"
        )


def enclosed(sent: Payload, document: bytes, first: Part, second: Part) -> Payload:
    """Return a file with a document before it.

    Args:
        sent: The file.
        document: What refers to it.
        first: What the document is.
        second: What the file is.
    """
    # No file can be looked through for it while it is still being made: nothing has this by chance.
    boundary = uuid4().hex
    head = f"--{boundary}\r\n{first.head}\r\n".encode() + document
    head += f"\r\n--{boundary}\r\n{second.head}\r\n".encode()
    kind = (
        f'multipart/related; boundary="{boundary}"; type="{first.media_type}"; '
        f'start="<{first.content_id}>"'
    )
    return sent.within(head, f"\r\n--{boundary}--\r\n".encode(), kind)
