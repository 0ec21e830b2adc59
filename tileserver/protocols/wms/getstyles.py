"""GetStyles (OGC 02-070, 12.3): the styles of layers as a Styled Layer Descriptor."""

from fastapi import Request, Response

from styles.sld.export import write_sld
from tileserver import errors
from tileserver.protocols.wms.version import Version
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names

MEDIA_TYPE = "application/vnd.ogc.sld+xml"


async def get_styles(request: Request, kvp: Kvp, version: Version) -> Response:
    """Answer the styles that capabilities list for LAYERS, or those that STYLES names of one layer.

    Raises:
        RequestError: No such layer or style, too many layers, or another version of SLD.
    """
    context = services(request)
    layers = kvp.required("LAYERS", names)
    if len(layers) > context.settings.max_layers:
        most = context.settings.max_layers
        raise errors.TooLargeError(f"at most {most} layers at once", parameter="LAYERS")
    if kvp.text("SLDVER", "1.0.0") != "1.0.0":
        message = "styles are written as SLD 1.0.0"
        raise errors.InvalidParameterError(message, parameter="SLDVER")
    wanted = names(kvp.text("STYLES")) if kvp.text("STYLES") else ()
    if wanted and len(layers) != 1:
        message = "STYLES is for a single layer here"
        raise errors.InvalidParameterError(message, parameter="STYLES")
    pipeline = context.pipeline
    found = []
    for layer in layers:
        styles = [await pipeline.style(layer, name) for name in wanted]
        found.append((layer, styles or (await pipeline.layer(layer)).styles))
    return document(request, write_sld(found), MEDIA_TYPE)
