"""Settings: environment variables `TILESERVER_*` over a TOML file; unknown keys are an error."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tileserver.crs import DEFAULT_CRS, parse_crs
from tileserver.errors import InvalidCrsError, UnknownGridError
from tileserver.grids import DEFAULT_GRIDS, GRID_IDS, grid

MB = 1024 * 1024

#: Names of the environment that are ours but no settings: where the settings file is, where
#: compiled kernels go, what the scripts and tests use.
RESERVED = frozenset({"CONFIG", "CACHE_DIR", "DEMO_DATA", "TEST_DATA_ROOT", "PORT", "HOST"})


class SettingsError(Exception):
    """The settings cannot be used; the message names the key and says why."""


class StoreSettings(BaseModel):
    """How to reach the objects whose address begins with `prefix`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = Field(description="`s3://bucket[/folder]` or `https://host[/folder]`.")
    endpoint: str | None = Field(None, description="S3 endpoint URL; AWS when absent.")
    region: str = Field("us-east-1", description="S3 region.")
    anonymous: bool = Field(False, description="Send unsigned requests (public buckets).")
    access_key_id: str | None = Field(None, description="S3 access key.")
    secret_access_key: SecretStr | None = Field(None, description="S3 secret key.")
    session_token: SecretStr | None = Field(None, description="Token of temporary credentials.")
    virtual_hosted: bool = Field(False, description="Bucket in the host name, not in the path.")


class Settings(BaseSettings):
    """Everything an operator can set.

    Lists and tables are JSON in the environment, for example
    `TILESERVER_STORES='[{"prefix": "s3://eodata", "endpoint": "https://..."}]'`.
    """

    model_config = SettingsConfigDict(env_prefix="TILESERVER_", extra="forbid", frozen=True)

    # Serving
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve.")
    public_url: str | None = Field(
        None, description="URL under which clients reach this server, as written into documents."
    )
    trust_forwarded: bool = Field(
        False, description="Believe Forwarded and X-Forwarded-* headers (behind a proxy of yours)."
    )
    title: str = Field("tileserver", description="Title of the service in capabilities.")
    abstract: str = Field(
        "Maps of Earth observation products, drawn on the fly.",
        description="Abstract of the service in capabilities.",
    )
    provider: str = Field("", description="Name of the provider in capabilities.")
    contact_email: str = Field("", description="Contact address in capabilities.")
    crs: tuple[str, ...] = Field(
        DEFAULT_CRS, description="CRSs advertised for every layer; all EPSG codes are served."
    )
    grids: tuple[str, ...] = Field(
        DEFAULT_GRIDS, description="Tile matrix sets advertised for every layer."
    )
    cors_origins: list[str] = Field(["*"], description="Origins that browsers may call from.")
    frame_ancestors: str = Field(
        "'self'", description="Content-Security-Policy frame-ancestors of the page."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe messages to log."
    )

    # Data
    data_dir: Path = Field(
        Path(".tileserver"),
        description="Folder of the catalogue and of styles that were sent; must be kept.",
    )
    cache_dir: Path = Field(
        Path(".tileserver/cache"),
        description="Folder of spooled files and pyramids; may be lost, and be shared by servers.",
    )
    styles_dir: Path | None = Field(
        None, description="Folder of YAML files with styles of your own."
    )
    stores: list[StoreSettings] = Field([], description="Object stores and their credentials.")
    file_roots: list[Path] = Field([], description="Folders that local products may lie in.")
    http_hosts: list[str] = Field(
        [], description="Hosts (`host` or `host:port`) that products and STAC APIs may lie on."
    )
    store_timeout: float = Field(10.0, gt=0, description="Seconds for one request to a store.")
    store_connect_timeout: float = Field(3.0, gt=0, description="Seconds to connect to a store.")
    store_retries: int = Field(2, ge=0, le=10, description="Retries of one request to a store.")
    radiometric_offsets: bool = Field(
        True,
        description="Apply the radiometric offset of Sentinel-2 baselines from 04.00 on to "
        "products that are added, so that one style fits all dates.",
    )
    ingest_levels: Literal["none", "local", "all"] = Field(
        "local",
        description="Of which rasters without overviews `catalogue add` makes low zooms, for which "
        "it reads them whole.",
    )
    spool_bytes: int = Field(
        2048 * MB,
        ge=0,
        description="Largest file that is copied whole: for GDAL, or unpacked from a ZIP archive.",
    )

    # Limits
    max_width: int = Field(4096, ge=256, description="Widest picture, in pixels.")
    max_height: int = Field(4096, ge=256, description="Highest picture, in pixels.")
    max_layers: int = Field(8, ge=1, description="Most layers in one picture.")
    max_scenes: int = Field(64, ge=1, description="Most scenes looked into for one picture.")
    max_blocks: int = Field(4096, ge=1, description="Most blocks read for one picture.")
    max_source_pixels: int = Field(
        256 * MB, ge=1, description="Most source pixels decoded for one picture."
    )
    footprint_colour: str = Field(
        "#7a5cbe80",
        pattern=r"^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$",
        description="Fills the footprints of images that a picture leaves out: `#rrggbb[aa]`.",
    )
    max_seconds: float = Field(30.0, gt=0, description="Longest time for one picture.")
    max_coverage_bytes: int = Field(
        4096 * MB, ge=1, description="Most bytes of values in one coverage, before compression."
    )
    coverage_spool_bytes: int = Field(
        16384 * MB,
        ge=0,
        description="Disk in `cache_dir` for coverages that are put together before they are sent "
        "(compressed GeoTIFF, COG, NetCDF), of all requests together.",
    )
    coverage_order: tuple[str, ...] = Field(
        (), description="Coverages that WCS lists first; the others follow as collections come."
    )
    coverage_items: int = Field(
        0,
        ge=0,
        le=1000,
        description="Newest items of each collection that WCS capabilities list as coverages of "
        "their own; all of them are served, and found by DescribeEOCoverageSet.",
    )
    max_rendering: int = Field(
        0, ge=0, description="Pictures drawn at the same time; 0 is four per core."
    )
    max_queue: int = Field(64, ge=0, description="Pictures waiting beyond those; then 503.")
    threads: int = Field(0, ge=0, description="Threads that decode and draw; 0 is one per core.")

    # Caches
    tile_cache_bytes: int = Field(256 * MB, ge=0, description="Memory for rendered tiles.")
    block_cache_bytes: int = Field(512 * MB, ge=0, description="Memory for decoded blocks.")
    index_cache_bytes: int = Field(64 * MB, ge=0, description="Memory for open files' indexes.")
    pyramid_bytes: int = Field(
        4096 * MB,
        ge=0,
        description="Disk in `cache_dir` for low zooms kept beside the files; 0 keeps none.",
    )
    tile_max_age: int = Field(
        60, ge=0, description="Seconds that clients may keep answers without a version token."
    )

    # Safety
    adhoc_urls: list[str] = Field(
        [],
        description="Addresses of files and folders that clients may name in `url=` "
        "(`/cog`, `/stac-item`); these routes are off without any.",
    )
    sld_urls: list[str] = Field(
        [],
        description="Addresses of styled layer descriptors, and of folders of them, that clients "
        "may name in `SLD=`; off without any. `SLD_BODY=` needs none.",
    )
    admin_token: SecretStr | None = Field(
        None, description="Token for routes that write; they are off without it."
    )

    @field_validator("crs")
    @classmethod
    def _known_crs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(parse_crs(name).name for name in value)
        except InvalidCrsError as error:
            raise ValueError(str(error)) from error

    @field_validator("grids")
    @classmethod
    def _known_grids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                grid(name)
            except UnknownGridError as error:
                known = ", ".join(GRID_IDS)
                raise ValueError(f"{error}; there are {known}, UTM01WGS84Quad to UTM60") from error
        return value

    @field_validator("public_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/") if value else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, then the file TILESERVER_CONFIG names."""
        del dotenv_settings, file_secret_settings
        path = os.environ.get("TILESERVER_CONFIG")
        if not path:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(path))


def _reject_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields} | RESERVED
    for variable in os.environ:
        name = variable.removeprefix("TILESERVER_")
        if name != variable and name not in known:
            raise SettingsError(f"{variable} is no setting; see docs/reference/settings.md")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Args:
        overrides: Values that win over environment and file.

    Raises:
        SettingsError: An unknown key, an unusable value, or an unreadable file.
    """
    _reject_unknown_variables()
    path = os.environ.get("TILESERVER_CONFIG")
    if path and not Path(path).is_file():
        raise SettingsError(f"TILESERVER_CONFIG names no file: {path}")
    try:
        return Settings(**overrides)
    except ValueError as error:
        raise SettingsError(_told(error)) from error


def _told(error: ValueError) -> str:
    """Write pydantic's findings as one line per key, without the values (they may be secrets)."""
    findings = getattr(error, "errors", None)
    if findings is None:
        return str(error)
    lines = [
        f"{'.'.join(str(p) for p in f['loc'])}: {f['msg']}"
        for f in findings(include_url=False, include_input=False)
    ]
    return "; ".join(lines)
