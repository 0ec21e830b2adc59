"""Routes of styles and their legends."""

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from styles.legend.facts import legend_facts
from styles.legend.look import Look, Orientation, Theme
from styles.model import Style
from tileserver.errors import InvalidFormatError, InvalidParameterError
from tileserver.formulas import parse_style
from tileserver.legends import EXTENSIONS
from tileserver.ownstyles import MAX_BYTES
from tileserver.protocols.styles.models import (
    LegendSizes,
    StyleDetails,
    StylesBody,
    StyleSummary,
)
from tileserver.request import LayerRequest, PictureRequest
from tileserver.thumbnails import Thumbnails
from tileserver.web.address import public_url
from tileserver.web.admin import Admin, read_body
from tileserver.web.answers import add_get, document, picture_answer, reported
from tileserver.web.context import services
from tileserver.web.jsonform import ADMIN_RESPONSES, RESPONSES, report
from tileserver.web.legends import legend_answer, make_look

_PICTURES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The legend; of JSON what it says",
        "content": {kind: {} for kind in EXTENSIONS.values()},
    }
}


_THUMBNAILS = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}

_DEFINITION = {
    "requestBody": {
        "required": True,
        "description": "A definition as in style files; `id` may be left out.",
        "content": {
            kind: {"schema": {"type": "object"}}
            for kind in ("application/yaml", "application/json")
        },
    }
}


def router() -> APIRouter:
    """Return `/styles/...`; errors are JSON."""
    routes = APIRouter(
        prefix="/styles", tags=["Styles"], route_class=reported(report), responses=RESPONSES
    )
    add_get(routes, "", get_styles, response_model=StylesBody)
    add_get(routes, "/{style}", get_style, response_model=StyleDetails)
    routes.add_api_route(
        "/{style}",
        put_style,
        methods=["PUT"],
        response_model=StyleDetails,
        responses=ADMIN_RESPONSES,
        dependencies=[Admin],
        openapi_extra=_DEFINITION,
    )
    routes.add_api_route(
        "/{style}",
        delete_style,
        methods=["DELETE"],
        status_code=204,
        responses=ADMIN_RESPONSES,
        dependencies=[Admin],
    )
    legend = {"response_class": Response, "responses": _PICTURES}
    # Before `/{collection}/{style}`, which fits as well.
    add_get(routes, "/{style}/legend@{scale}x.{extension}", get_legend, **legend)
    add_get(routes, "/{style}/legend.{extension}", get_legend, **legend)
    add_get(routes, "/{collection}/{style}", get_layer_style, response_model=StyleDetails)
    place = "/{collection}/{style}/legend"
    add_get(routes, f"{place}@{{scale}}x.{{extension}}", get_layer_legend, **legend)
    add_get(routes, f"{place}.{{extension}}", get_layer_legend, **legend)
    _add_thumbnails(routes)
    return routes


def _add_thumbnails(routes: APIRouter) -> None:
    thumbnails = Thumbnails()

    async def get_thumbnail(
        request: Request, collection: str, style: str, extension: str
    ) -> Response:
        """Draw a collection in a style: 256 pixels of its least cloudy recent scene."""
        if extension not in _THUMBNAILS:
            message = f"thumbnails are {', '.join(f'.{name}' for name in _THUMBNAILS)}"
            raise InvalidFormatError(message, parameter="format")
        pipeline = services(request).pipeline
        asked = parse_style(request.query_params.getlist) or style
        view = await thumbnails.view(pipeline, collection)
        media_type = _THUMBNAILS[extension]
        picture = PictureRequest(
            (LayerRequest(collection, asked),),
            view.geobox,
            view.time,
            media_type,
            transparent=media_type != "image/jpeg",
        )
        return await picture_answer(request, picture)

    described: dict[int | str, dict[str, object]] = {
        200: {"description": "The picture", "content": {k: {} for k in _THUMBNAILS.values()}}
    }
    add_get(
        routes,
        "/{collection}/{style}/thumbnail.{extension}",
        get_thumbnail,
        response_class=Response,
        responses=described,
    )


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


async def put_style(request: Request, style: str) -> Response:
    """Keep a style: a definition as in style files, in YAML or JSON.

    It works for every collection that has its bands, at once and after a restart. Sent again, it is
    replaced. What is wrong is told with its line and key.
    """
    body = await read_body(request, MAX_BYTES)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidParameterError("the body is not UTF-8") from error
    found, new = await asyncio.to_thread(services(request).own_styles.put, style, text)
    details = _details(request, found, quote(found.id))
    return Response(
        details.model_dump_json(),
        status_code=201 if new else 200,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def delete_style(request: Request, style: str) -> Response:
    """Withdraw a style that was sent."""
    await asyncio.to_thread(services(request).own_styles.remove, style)
    return Response(status_code=204)


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
        "domain": style.domain,
        "reference": style.reference,
    }


def _details(request: Request, style: Style, place: str) -> StyleDetails:
    context = services(request)
    legend = style.legend
    sent = context.own_styles.version(style.id)
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
        definition=dict(style.definition),
        version=sent.number if sent else None,
        written=sent.written if sent else None,
    )


def _json(request: Request, body: BaseModel) -> Response:
    return document(request, body.model_dump_json().encode(), "application/json")
