"""Styled Layer Descriptors in requests: which layers and styles they mean, and where they lie."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from renderers.errors import SourceUnsupportedError
from renderers.stores import StoreRegistry
from styles.errors import StyleError
from styles.model import Style
from styles.sld.document import SldLayer, layer_of, read_sld
from styles.sld.elements import MAX_BYTES
from tileserver.adhoc.allowed import AllowedAddresses
from tileserver.errors import (
    InvalidParameterError,
    NotAuthorisedError,
)
from tileserver.request import LayerRequest

#: The parameter that holds a document; one fetched by `SLD` is put into it.
BODY: Final = "SLD_BODY"


class SldDocuments:
    """Documents by their addresses, where the settings allow any."""

    def __init__(self, stores: StoreRegistry, allowed: AllowedAddresses) -> None:
        """State how documents are reached, and which addresses clients may name."""
        self._stores = stores
        self._allowed = allowed

    async def fetch(self, url: str) -> str:
        """Return the document of an address.

        Raises:
            NotAuthorisedError: The address is not allowed, or none is.
            InvalidParameterError: It is none, or the document is too large or no text.
            SourceError: It cannot be reached.
        """
        if not self._allowed:
            message = "SLD is off: this server has no sld_urls; SLD_BODY takes documents"
            raise NotAuthorisedError(message, parameter="SLD")
        ref = self._allowed.resolve(url)
        try:
            body = await self._stores.open(ref).read_all(MAX_BYTES)
            return body.decode()
        except SourceUnsupportedError as error:
            raise InvalidParameterError("the document is too large", parameter="SLD") from error
        except UnicodeDecodeError as error:
            raise InvalidParameterError("the document is not UTF-8", parameter="SLD") from error


def described_layers(
    body: str, layers: Sequence[str], styles: Sequence[str]
) -> tuple[LayerRequest, ...]:
    """Return the layers that a document and a request mean together (05-078r4, 6.3 and 7).

    Without LAYERS all that the document names is drawn, in its order. With LAYERS it is a library
    of styles: of each layer the style of that name counts, or the document's default for it, and
    what the document does not have is the server's own.

    Args:
        body: The document.
        layers: Values of LAYERS, () without.
        styles: Values of STYLES, as many, or ().

    Raises:
        InvalidParameterError: It is no document that is understood; the message names the line.
    """
    parts = _read(body)
    if not layers:
        return _literal(parts)
    names = styles or [""] * len(layers)
    return tuple(
        LayerRequest(layer, described_style(body, layer, name))
        for layer, name in zip(layers, names, strict=True)
    )


def described_style(body: str, layer: str, name: str) -> str | Style:
    """Return the style that a document has for a layer, else the name that was asked.

    Raises:
        InvalidParameterError: See `described_layers`.
    """
    part = layer_of(_read(body), layer)
    found = None if part is None else part.style(name)
    if found is None:
        return name
    return found.name if found.style is None else found.style


def _literal(parts: Sequence[SldLayer]) -> tuple[LayerRequest, ...]:
    if any(not part.name for part in parts):
        message = "a layer of the document has no name: LAYERS must say which is meant"
        raise InvalidParameterError(message, parameter=BODY)
    drawn: list[LayerRequest] = []
    for part in parts:
        styles = [s.name if s.style is None else s.style for s in part.styles]
        drawn += [LayerRequest(part.name, style) for style in styles or [""]]
    return tuple(drawn)


@lru_cache(maxsize=128)
def _read(body: str) -> tuple[SldLayer, ...]:
    """Read a document, once for all tiles of a map."""
    try:
        return read_sld(body.encode("utf-8", "surrogateescape"))
    except StyleError as error:
        raise InvalidParameterError(f"{BODY}: {error}", parameter=BODY) from error
