"""Routes of styles and their legends."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from styles.legend.facts import legend_facts
from styles.legend.look import Look, Orientation, Theme
from styles.model import Style
from tileserver.errors import InvalidFormatError
from tileserver.formulas import parse_style
from tileserver.legends import EXTENSIONS
from tileserver.protocols.styles.models import (
    LegendSizes,
    StyleDetails,
    StylesBody,
    StyleSummary,
)
from tileserver.web.address import public_url
from tileserver.web.answers import add_get, document, reported
from tileserver.web.context import services
from tileserver.web.jsonform import RESPONSES, report
from tileserver.web.legends import legend_answer, make_look

_PICTURES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The legend; of JSON what it says",
        "content": {kind: {} for kind in EXTENSIONS.values()},
    }
}


def router() -> APIRouter:
    """Return `/styles/...`; errors are JSON."""
    routes = APIRouter(
        prefix="/styles", tags=["Styles"], route_class=reported(report), responses=RESPONSES
    )
    add_get(routes, "", get_styles, response_model=StylesBody)
    add_get(routes, "/{style}", get_style, response_model=StyleDetails)
    legend = {"response_class": Response, "responses": _PICTURES}
    # Before `/{collection}/{style}`, which fits as well.
    add_get(routes, "/{style}/legend@{scale}x.{extension}", get_legend, **legend)
    add_get(routes, "/{style}/legend.{extension}", get_legend, **legend)
    add_get(routes, "/{collection}/{style}", get_layer_style, response_model=StyleDetails)
    place = "/{collection}/{style}/legend"
    add_get(routes, f"{place}@{{scale}}x.{{extension}}", get_layer_legend, **legend)
    add_get(routes, f"{place}.{{extension}}", get_layer_legend, **legend)
    return routes


async def get_styles(
    request: Request,
    collection: Annotated[str, Query(description="only those that this one can show")] = "",
) -> Response:
    """List the styles of the library, or all that work for one collection."""
    found = await services(request).pipeline.styles(collection)
    return _json(request, StylesBody(styles=[StyleSummary(**_summary(s)) for s in found]))


async def get_style(request: Request, style: str) -> Response:
    """Describe a style of the library."""
    found = services(request).pipeline.library_style(style)
    return _json(request, _details(request, found, quote(found.id)))


async def get_layer_style(request: Request, collection: str, style: str) -> Response:
    """Describe a style as a collection shows it; `default` is its first."""
    found = await services(request).pipeline.style(collection, style)
    return _json(request, _details(request, found, f"{quote(collection)}/{quote(found.id)}"))


def _look(
    orientation: Annotated[Orientation, Query()] = "vertical",
    theme: Annotated[Theme, Query()] = "light",
    transparent: Annotated[bool, Query(description="without the ground")] = False,
    title: Annotated[bool, Query(description="with the style's title and unit")] = True,
    width: Annotated[int, Query(description="least width; ramps grow", ge=0)] = 0,
    height: Annotated[int, Query(description="least height; ramps grow", ge=0)] = 0,
) -> Look:
    """Read how a legend shall look, at scale 1."""
    return make_look(
        orientation=orientation,
        theme=theme,
        transparent=transparent,
        title=title,
        size=(width, height),
    )


async def get_legend(
    request: Request,
    style: str,
    extension: str,
    look: Annotated[Look, Depends(_look)],
    scale: int = 1,
) -> Response:
    """Draw the legend of a style of the library; `@2x` doubles the pixels."""
    found = services(request).pipeline.library_style(style)
    return await _legend(request, found, extension, _scaled(look, scale))


async def get_layer_legend(
    request: Request,
    collection: str,
    style: str,
    extension: str,
    look: Annotated[Look, Depends(_look)],
    scale: int = 1,
) -> Response:
    """Draw the legend of a style of a collection, or of `expression` in place of the style."""
    asked = parse_style(request.query_params.getlist) or style
    found = await services(request).pipeline.style(collection, asked)
    return await _legend(request, found, extension, _scaled(look, scale))


def _scaled(look: Look, scale: int) -> Look:
    """Return a look at another scale, checked."""
    return make_look(
        orientation=look.orientation,
        theme=look.theme,
        scale=scale,
        transparent=look.transparent,
        title=look.title,
        size=(look.width, look.height),
    )


async def _legend(request: Request, style: Style, extension: str, look: Look) -> Response:
    if extension not in EXTENSIONS:
        message = f"legends are {', '.join(f'.{name}' for name in EXTENSIONS)}"
        raise InvalidFormatError(message, parameter="format")
    return await legend_answer(request, style.legend, look, EXTENSIONS[extension])


def _summary(style: Style) -> dict[str, Any]:
    return {
        "id": style.id,
        "title": style.title,
        "description": style.description,
        "kind": style.legend.kind,
        "unit": style.unit,
        "bands": list(style.program.bands),
        "formula": style.formula,
    }


def _details(request: Request, style: Style, place: str) -> StyleDetails:
    context = services(request)
    legend = style.legend
    upright, lying = (
        context.legends.size(style, Look(orientation)) for orientation in ("vertical", "horizontal")
    )
    return StyleDetails(
        **_summary(style),
        resampling=style.resampling,
        digest=style.digest,
        legend=legend_facts(legend),
        legend_size=LegendSizes(vertical=upright, horizontal=lying),
        legend_url=f"{public_url(request, context.settings)}/styles/{place}/legend.png",
    )


def _json(request: Request, body: BaseModel) -> Response:
    return document(request, body.model_dump_json().encode(), "application/json")
