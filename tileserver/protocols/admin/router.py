"""Routes that change the catalogue; all need the admin token.

They do what `tileserver catalogue` does, by the same code.
"""

import asyncio
import json
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ValidationError

from renderers.errors import SourceCorruptError, SourceError
from styles.registry import StyleRegistry
from tileserver.catalogue.base import DESCRIBED, Collection
from tileserver.catalogue.errors import UnknownItemError
from tileserver.catalogue.scenes import instant
from tileserver.editing import CollectionChanges
from tileserver.errors import (
    ConflictError,
    InvalidParameterError,
    NotAuthorisedError,
    UnknownCollectionError,
    UnknownResourceError,
)
from tileserver.jobs import Job
from tileserver.products.base import Hints
from tileserver.products.described.model import LIMIT, Description, parse_description
from tileserver.products.item import ncname
from tileserver.products.stac.item import canonical_item, resolver
from tileserver.protocols.admin.models import (
    AddBody,
    EditedBody,
    ItemBody,
    ItemsBody,
    JobBody,
    JobsBody,
    RemovedBody,
    StacItemBody,
)
from tileserver.protocols.admin.work import adding
from tileserver.timeaxis import iso
from tileserver.web.admin import Admin, read_body
from tileserver.web.answers import reported
from tileserver.web.context import Services, services
from tileserver.web.jsonform import ADMIN_RESPONSES, report

#: Bytes of the largest body: a STAC item of a hundred assets has 200 kB.
MAX_BODY = LIMIT
#: Names under which documents of a request are read.
_DESCRIPTION, _ITEM = "description.yaml", "item.json"

B = TypeVar("B", bound=BaseModel)


def router() -> APIRouter:
    """Return the writing routes below `/api`; errors are JSON."""
    routes = APIRouter(
        prefix="/api",
        tags=["Administration"],
        route_class=reported(report),
        responses=ADMIN_RESPONSES,
        dependencies=[Admin],
    )
    one = "/collections/{collection}"
    for method, path, handler, options in (
        ("PUT", one, put_collection, _job() | _body(Description, "application/yaml")),
        ("PATCH", one, patch_collection, {"response_model": EditedBody} | _body(CollectionChanges)),
        ("DELETE", one, delete_collection, {"response_model": RemovedBody}),
        ("GET", f"{one}/items", get_items, {"response_model": ItemsBody}),
        ("POST", f"{one}/items", post_items, _job() | _body(AddBody, other=StacItemBody)),
        ("DELETE", f"{one}/items/{{item}}", delete_item, {"response_model": RemovedBody}),
        ("GET", "/jobs", get_jobs, {"response_model": JobsBody}),
        ("GET", "/jobs/{job}", get_job, {"response_model": JobBody}),
    ):
        routes.add_api_route(path, handler, methods=[method], **options)
    return routes


def _job() -> dict[str, Any]:
    return {"response_model": JobBody, "status_code": 202}


def _body(
    model: type[BaseModel], *more_types: str, other: type[BaseModel] | None = None
) -> dict[str, Any]:
    """Tell OpenAPI of a body, which is read only once the token is known to be right."""
    schema: dict[str, Any] = model.model_json_schema()
    if other is not None:
        schema = {"anyOf": [schema, other.model_json_schema()]}
    content = {kind: {"schema": schema} for kind in ("application/json", *more_types)}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}}}


async def put_collection(request: Request, collection: str) -> Response:
    """Make a collection of the rasters that a description names, or change it.

    The body is that description, as YAML or JSON. The rasters are added behind the answer.
    """
    data = await read_body(request, MAX_BODY)
    description = await asyncio.to_thread(_described, data)
    if description.collection != collection:
        message = f"the description is of the collection {description.collection}"
        raise InvalidParameterError(message, parameter="collection")
    if not description.files:
        raise InvalidParameterError("files: is missing", parameter="files")
    for href in description.files:
        if not ("://" in href or href.startswith("/")):
            raise InvalidParameterError("files: whole addresses only", parameter="files")
    context = services(request)
    have = await _known(context, collection)
    if have is not None and DESCRIBED not in have.extra:
        raise ConflictError("there is a collection of this id without a description")
    hints = Hints(offsets=context.settings.radiometric_offsets)
    work = adding(context.settings, [_DESCRIPTION], hints, {_DESCRIPTION: data})
    return _accepted(request, context.jobs.start("describe", collection, work))


async def patch_collection(request: Request, collection: str) -> EditedBody:
    """Change what is said of a collection, its styles, its rules of time and mosaics."""
    changes = _read(CollectionChanges, await _json(request))
    context = services(request)
    library = await asyncio.to_thread(StyleRegistry.load, context.settings.styles_dir)
    changed = await context.catalogue.local.change_collection(
        collection, lambda found: changes.applied(found, library)
    )
    return EditedBody.of(changed)


async def delete_collection(request: Request, collection: str) -> RemovedBody:
    """Remove a collection with all its items; their files stay."""
    return RemovedBody(removed=await services(request).catalogue.local.remove(collection))


async def get_items(
    request: Request,
    collection: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> ItemsBody:
    """List the items of a collection, the newest first."""
    found = await services(request).catalogue.local.items(collection)
    items = [
        ItemBody(
            id=item.id,
            datetime=None if item.start is None else iso(instant(item.start)),
            cloud_cover=item.cloud_cover,
            files=item.assets,
        )
        for item in found[offset : offset + limit]
    ]
    return ItemsBody(items=items, matched=len(found))


async def post_items(request: Request, collection: str) -> Response:
    """Add what lies at some addresses, or a STAC item; the collection is made where it is not.

    That goes on behind the answer.
    """
    document = await _json(request)
    context = services(request)
    _check_id(collection)
    have = await _known(context, collection)
    if have is not None and have.remote:
        raise ConflictError("the items of this collection are those of another server")
    offsets = context.settings.radiometric_offsets
    if document.get("type") == "Feature":
        item = await asyncio.to_thread(_checked_item, document, context)
        hints = Hints(collection, offsets=offsets)
        work = adding(context.settings, [_ITEM], hints, {_ITEM: item})
    else:
        body = _read(AddBody, document)
        for href in body.hrefs:
            _check_address(href, context)
        hints = Hints(collection, body.title, body.time, body.max_items, offsets)
        work = adding(context.settings, body.hrefs, hints)
    return _accepted(request, context.jobs.start("add", collection, work))


async def delete_item(request: Request, collection: str, item: str) -> RemovedBody:
    """Remove an item; its files stay, and so does the collection."""
    try:
        return RemovedBody(removed=await services(request).catalogue.local.remove(collection, item))
    except UnknownItemError as error:
        raise UnknownResourceError(str(error), parameter="item") from error


async def get_jobs(request: Request) -> JobsBody:
    """List the jobs that are known, the newest first, without their outcomes."""
    found = await asyncio.to_thread(services(request).jobs.jobs)
    bodies = [JobBody.of(job).model_copy(update={"outcomes": []}) for job in found]
    return JobsBody(jobs=bodies)


async def get_job(request: Request, job: str) -> JobBody:
    """Tell how far a job has come.

    What a job has added by then is seen by whoever asks this process afterwards.
    """
    context = services(request)
    found = context.jobs.job(job)
    context.catalogue.local.refresh()
    return JobBody.of(found)


def _accepted(request: Request, job: Job) -> Response:
    body = JobBody.of(job).model_dump_json()
    place = f"{request.scope.get('root_path', '')}/api/jobs/{job.id}"
    headers = {"Location": place, "Cache-Control": "no-store"}
    return Response(body, 202, headers=headers, media_type="application/json")


async def _json(request: Request) -> dict[str, Any]:
    """Read a body that is a JSON object.

    Raises:
        RequestError: It is none, or too large.
    """
    data = await read_body(request, MAX_BODY)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidParameterError("the body is no JSON object")
    return document


def _read(model: type[B], document: dict[str, Any]) -> B:
    """Read a document as a model; the first fault is told.

    Raises:
        InvalidParameterError: It has a fault.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        words = {"extra_forbidden": "unknown key", "missing": "is missing"}
        what = words.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise InvalidParameterError(f"{name[:100]}: {what}", parameter=name[:100]) from error


def _described(data: bytes) -> Description:
    try:
        return parse_description(data, "the description")
    except SourceCorruptError as error:
        raise InvalidParameterError(str(error)) from error


def _checked_item(document: dict[str, Any], context: Services) -> bytes:
    """Return a STAC item as it is kept, without its links, or refuse it.

    Raises:
        InvalidParameterError: It is no STAC item, or has no raster that may be read.
    """
    if not isinstance(document.get("stac_version"), str):
        raise InvalidParameterError("stac_version: is missing", parameter="stac_version")
    own = {key: value for key, value in document.items() if key != "links"} | {"links": []}
    try:
        canonical_item(own, resolver(_ITEM), context.stores.resolve)
    except SourceError as error:
        raise InvalidParameterError(str(error)) from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # What foreign items lack in shape shows where it is looked for.
        raise InvalidParameterError("the body is no STAC item") from error
    return json.dumps(own).encode()


def _check_address(href: str, context: Services) -> None:
    try:
        context.stores.resolve(href)
    except SourceError as error:
        message = "the server does not read from this address"
        raise NotAuthorisedError(message, parameter="hrefs") from error


def _check_id(collection: str) -> None:
    try:
        good = ncname(collection) == collection and len(collection) <= 100
    except ValueError:
        good = False
    if not good:
        message = "a collection id has letters, digits, _, - and ., and begins with a letter or _"
        raise InvalidParameterError(message, parameter="collection")


async def _known(context: Services, collection: str) -> Collection | None:
    try:
        return await context.catalogue.local.collection(collection)
    except UnknownCollectionError:
        return None
