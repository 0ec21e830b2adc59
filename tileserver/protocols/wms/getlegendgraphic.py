"""GetLegendGraphic (OGC 05-078r4, 10; OGC 02-070, 12): the legend of a layer's style."""

from urllib.parse import urlencode

from fastapi import Request, Response

from styles.legend.look import Look
from styles.model import Style
from tileserver import errors
from tileserver.descriptors import BODY, described_style
from tileserver.formulas import parse_style
from tileserver.legends import FORMATS, Legends
from tileserver.protocols.wms.version import Version
from tileserver.web.context import services
from tileserver.web.kvp import Kvp
from tileserver.web.legends import legend_answer, read_look

#: What capabilities say the legends behind their addresses are.
ADVERTISED_FORMAT = FORMATS[0]


async def get_legend_graphic(request: Request, kvp: Kvp, version: Version) -> Response:
    """Answer the legend of one layer's style, or of a formula or a document's in its place.

    Raises:
        RequestError: No such layer, style, format or look; or a RULE, which our styles have not.
    """
    layer = kvp.required("LAYER", str)
    media_type = kvp.optional("FORMAT", _format, FORMATS[0])
    look = read_look(kvp)
    for name in ("RULE", "FEATURETYPE"):
        if kvp.text(name):
            message = f"{name} is not supported: legends are of whole styles"
            raise errors.OperationNotSupportedError(message, parameter=name)
    asked: str | Style = parse_style(kvp.all) or kvp.text("STYLE")
    if kvp.text(BODY) and isinstance(asked, str):
        asked = described_style(kvp.text(BODY), layer, asked)
    style = await services(request).pipeline.style(layer, asked)
    return await legend_answer(request, style.legend, look, media_type)


def legend_address(
    href: str, version: Version, layer: str, style: Style, legends: Legends
) -> tuple[str, tuple[int, int]]:
    """Return the address of a style's legend, and the exact size of the picture there.

    Args:
        href: URL to which parameters are appended.
        version: In which it is asked.
        layer: Name of the layer.
        style: One of its styles.
        legends: Knows sizes.
    """
    query = {
        "SERVICE": "WMS",
        "VERSION": version.number,
        "REQUEST": "GetLegendGraphic",
        "SLD_VERSION": "1.1.0",
        "LAYER": layer,
        "STYLE": style.id,
        "FORMAT": ADVERTISED_FORMAT,
    }
    return href + urlencode(query), legends.size(style, Look())


def _format(text: str) -> str:
    kind = text.partition(";")[0].strip().lower()
    if kind not in FORMATS:
        message = f"no format {text[:40]!r}; there are {', '.join(FORMATS)}"
        raise errors.InvalidFormatError(message, parameter="FORMAT")
    return kind
