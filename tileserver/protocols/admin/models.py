"""Bodies of the writing API."""

from datetime import datetime as Instant
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from tileserver.catalogue.base import Collection
from tileserver.catalogue.documents import parse_instant
from tileserver.editing import Part
from tileserver.jobs import Job, State
from tileserver.mosaics import SETTING as MOSAIC_SETTING
from tileserver.timeaxis_choice import SETTING as TIME_SETTING

#: Longest address, and most of them in one request.
_LONGEST, _MOST = 2048, 64


class AddBody(Part):
    """Addresses of products: files, folders, prefixes of buckets, STAC documents and APIs."""

    hrefs: list[str] = Field(min_length=1, max_length=_MOST, description="As `catalogue add`")
    title: str = Field("", max_length=200, description="Of the collection, where it is made")
    datetime: str = Field("", max_length=40, description="Of files that carry no time")
    max_items: int = Field(1000, ge=1, le=100_000, description="From one STAC collection or API")

    @field_validator("hrefs")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        for href in value:
            if len(href) > _LONGEST or not ("://" in href or href.startswith("/")):
                raise ValueError(f"whole addresses of at most {_LONGEST} characters each")
        return value

    @field_validator("datetime")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if value:
            parse_instant(value)
        return value

    @property
    def time(self) -> Instant | None:
        """The time as it is counted, UTC."""
        return parse_instant(self.datetime) if self.datetime else None


class StacItemBody(BaseModel):
    """A STAC item, versions 0.7 to 1.1, with absolute addresses; told to OpenAPI only."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any]
    properties: dict[str, Any]
    assets: dict[str, Any]


class EditedBody(BaseModel):
    """What is said of a collection, as it can be changed."""

    id: str
    title: str
    description: str
    attribution: str
    license: str
    styles: list[str | dict[str, Any]]
    settings: dict[str, Any]

    @classmethod
    def of(cls, collection: Collection) -> "EditedBody":
        """Return the body of a collection."""
        own = {str(style["id"]): dict(style) for style in collection.own_styles}
        settings = {
            name: collection.extra.get(key) or {}
            for name, key in (("time", TIME_SETTING), ("mosaic", MOSAIC_SETTING))
        }
        return cls(
            id=collection.id,
            title=collection.title,
            description=collection.description,
            attribution=collection.attribution,
            license=collection.license,
            styles=[own.get(name, name) for name in collection.styles],
            settings=settings,
        )


class ItemBody(BaseModel):
    """One item of a list."""

    id: str
    datetime: str | None
    cloud_cover: float | None
    files: int


class ItemsBody(BaseModel):
    """Items of a collection, the newest first."""

    items: list[ItemBody]
    matched: int = Field(description="of all of them")


class RemovedBody(BaseModel):
    """How many items went; their files stay."""

    removed: int


class OutcomeBody(BaseModel):
    """What became of one product; see `catalogue add`."""

    href: str
    status: Literal["added", "updated", "unchanged", "superseded", "skipped"]
    collection: str
    item: str
    reason: str = Field(description="why it was skipped or superseded")
    missing: list[str] = Field(description="files that the product names and that are not there")


class JobBody(BaseModel):
    """Work that goes on behind the answer."""

    id: str
    kind: str
    collection: str
    state: State
    created: str
    ended: str | None
    found: int = Field(description="products found so far")
    done: int = Field(description="those of them that are done")
    outcomes: list[OutcomeBody] = Field(description="of the first 1000 products")
    reason: str = Field(description="why it failed or ended early")

    @classmethod
    def of(cls, job: Job) -> "JobBody":
        """Return the body of a job."""
        fields = {name: getattr(job, name) for name in cls.model_fields}
        return cls.model_validate(fields)


class JobsBody(BaseModel):
    """The jobs that are known, the newest first, without their outcomes."""

    jobs: list[JobBody]
