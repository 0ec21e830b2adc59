"""`/cog` and `/stac-item` as TiTiler has them, and the lists that go with them."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from rio_tiler.models import ImageData
from titiler.core.algorithm import Algorithms, default_algorithms
from titiler.core.dependencies import (
    AssetsExprParams,
    AssetsParams,
    BidxExprParams,
    ColorMapParams,
    DatasetParams,
    DefaultDependency,
    HistogramParams,
    ImageRenderingParams,
    PartFeatureParams,
    PreviewParams,
    StatisticsParams,
    TileParams,
)
from titiler.core.factory import (
    AlgorithmFactory,
    ColorMapFactory,
    MultiBaseTilerFactory,
    TilerFactory,
    TMSFactory,
)
from titiler.extensions.wmts import wmtsExtension

from tileserver.adhoc.output import render
from tileserver.adhoc.reader import EngineReader, Opened
from tileserver.adhoc.sources import Session, SourceFile
from tileserver.adhoc.stac import ItemReader, OpenedItem
from tileserver.errors import InvalidParameterError
from tileserver.protocols.cog.guards import GuardedRoute, inline
from tileserver.web.context import services

#: TiTiler's operations on values but one: contours cost memory by their increment, without bound.
ALGORITHMS = Algorithms({k: v for k, v in default_algorithms.items() if k != "contours"})

Url = Annotated[str, Query(description="Address of a file that this server may read")]


def routers() -> list[APIRouter]:
    """Return `/cog`, `/stac-item`, `/tileMatrixSets`, `/algorithms` and `/colorMaps`."""
    lists = APIRouter(route_class=GuardedRoute, tags=["TiTiler"])
    TMSFactory(router=lists)
    AlgorithmFactory(router=lists, supported_algorithm=ALGORITHMS)
    ColorMapFactory(router=lists)
    return [_cog(), _stac_item(), lists]


async def opened(request: Request, url: Url) -> Opened:
    """Open the raster of an address."""
    session = _session(request)
    file: SourceFile = await session.within(session.sources.open(url))
    return Opened(session, file)


async def opened_item(request: Request, url: Url) -> OpenedItem:
    """Read the STAC item of an address."""
    session = _session(request)
    return OpenedItem(session, url, await session.within(session.sources.document(url)))


def _session(request: Request) -> Session:
    scale = request.query_params.get("cover_scale", "10")
    cells = 1
    if request.method == "POST" and request.url.path.endswith("/statistics"):
        # TiTiler's parameter is a whole number up to 1000; what is none, its own check refuses.
        known = scale.isascii() and scale.isdigit() and len(scale) <= 4
        cells = int(scale) ** 2 if known else 1
    return Session(services(request).adhoc, max(cells, 1))


def _cog() -> APIRouter:
    return _tiler(
        "/cog",
        TilerFactory,
        reader=EngineReader,
        path_dependency=opened,
        layer_dependency=_inlined(BidxExprParams),
    )


def _stac_item() -> APIRouter:
    return _tiler(
        "/stac-item",
        MultiBaseTilerFactory,
        reader=ItemReader,
        path_dependency=opened_item,
        layer_dependency=_inlined(AssetsExprParams),
        assets_dependency=_inlined(AssetsParams),
    )


def _tiler(prefix: str, factory: Callable[..., object], **own: Any) -> APIRouter:
    """Return the routes that one of TiTiler's factories makes, with what is its own alone."""
    router = APIRouter(route_class=GuardedRoute, prefix=prefix, tags=["TiTiler"])
    inner = APIRouter(route_class=GuardedRoute)
    _add_scaled_tiles(inner)
    factory(router=inner, extensions=[_wmts()], **own, **_common(prefix))
    router.include_router(inner)
    return router


def _common(prefix: str) -> dict[str, Any]:
    """Return what both factories are given."""
    return {
        "router_prefix": prefix,
        "dataset_dependency": _inlined(DatasetParams),
        "reader_dependency": _inlined(DefaultDependency),
        "tile_dependency": _inlined(TileParams),
        "stats_dependency": _inlined(StatisticsParams),
        "histogram_dependency": _inlined(HistogramParams),
        "img_preview_dependency": _inlined(PreviewParams),
        "img_part_dependency": _inlined(PartFeatureParams),
        "process_dependency": inline(_algorithm()),
        "colormap_dependency": inline(ColorMapParams),
        "render_dependency": _inlined(ImageRenderingParams),
        "environment_dependency": _environment,
        "render_func": render,
        # Its page loads scripts from elsewhere, which our policy for documents forbids.
        "add_viewer": False,
    }


def _inlined(dependency: type[DefaultDependency]) -> Any:
    return inline(dependency)


async def _environment() -> dict[str, Any]:
    """Return no settings of GDAL: it does not read here."""
    return {}


def _wmts() -> wmtsExtension:
    return wmtsExtension(layer_identifier_provider=_name)


def _name(source: Opened | OpenedItem) -> str:
    return source.file.url if isinstance(source, Opened) else source.url


def _algorithm() -> Callable[..., Any]:
    """Return TiTiler's dependency, whose operations refuse other bands than theirs by asserts."""
    plain = ALGORITHMS.dependency

    def chosen(**values: Any) -> Callable[[ImageData], ImageData] | None:
        work = plain(**values)
        if work is None:
            return None

        def checked(image: ImageData) -> ImageData:
            try:
                done: ImageData = work(image)
            except (AssertionError, ValueError, IndexError, TypeError) as error:
                message = "the algorithm does not suit these bands"
                raise InvalidParameterError(message, parameter="algorithm") from error
            return done

        return checked

    chosen.__signature__ = inline(plain).__signature__  # type: ignore[attr-defined]
    return chosen


def _add_scaled_tiles(router: APIRouter) -> None:
    """Add the addresses of larger tiles that TiTiler had before `tilesize`."""

    async def scaled(request: Request, scale: int) -> Response:
        if not 1 <= scale <= 4:
            raise InvalidParameterError("the scale of a tile is 1 to 4", parameter="scale")
        before, _, after = request.url.path.rpartition("@")
        _, dot, extension = after.partition(".")
        query = [(k, v) for k, v in request.query_params.multi_items() if k != "tilesize"]
        query.append(("tilesize", str(256 * scale)))
        address = request.url.replace(path=before + dot + extension, query=urlencode(query))
        return RedirectResponse(str(address), 307)

    path = "/tiles/{tileMatrixSetId}/{z:int}/{x:int}/{y:int}@{scale:int}x"
    for ending in ("", ".{format}"):
        router.add_api_route(path + ending, scaled, include_in_schema=False)
