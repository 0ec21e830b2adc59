"""`tileserver catalogue add | ls | rm | mosaic | time`.

Exit codes: 0 everything went in, 1 something was skipped or is not there, 2 wrong usage.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from styles.errors import StyleError
from styles.registry import StyleRegistry
from tileserver.catalogue.base import Collection
from tileserver.catalogue.documents import collection_to_stac, parse_instant
from tileserver.catalogue.errors import CatalogueError
from tileserver.catalogue.scenes import instant
from tileserver.catalogue.sqlite import ItemSummary
from tileserver.editing import CollectionSettings
from tileserver.errors import RequestError, UnknownCollectionError
from tileserver.ingest.add import Outcome, add
from tileserver.ingest.after import levels_after
from tileserver.ingest.levels import Made, Which
from tileserver.ingest.styling import chosen, unchosen
from tileserver.mosaics import SETTING as MOSAIC_SETTING
from tileserver.products.base import Hints
from tileserver.products.item import ncname
from tileserver.services import Tools, open_tools
from tileserver.settings import Settings, SettingsError, load_settings
from tileserver.timeaxis import iso
from tileserver.timeaxis_choice import SETTING as TIME_SETTING

app = typer.Typer(help="Add, list and remove products.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


def _usage(message: str) -> typer.BadParameter:
    return typer.BadParameter(message)


@contextmanager
def _tools() -> Iterator[Tools]:
    """Open the tools as the settings say, and close the catalogue afterwards."""
    try:
        tools = open_tools(load_settings())
    except SettingsError as error:
        typer.echo(f"settings: {error}", err=True)
        raise typer.Exit(2) from error
    except CatalogueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    try:
        yield tools
    finally:
        tools.catalogue.close()


def _styles(settings: Settings) -> StyleRegistry:
    try:
        return StyleRegistry.load(settings.styles_dir)
    except StyleError as error:
        typer.echo(f"styles_dir: {error}", err=True)
        raise typer.Exit(2) from error


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise _usage("--datetime must be like 2023-08-10 or 2023-08-10T09:58:11Z") from None


def absolute(href: str) -> str:
    """Return an address as it is, and a path as an absolute one."""
    return href if "://" in href else str(Path(href).expanduser().absolute())


@app.command("add")
def add_command(
    hrefs: Annotated[
        list[str],
        typer.Argument(help="Files, folders, s3:// prefixes, STAC documents, STAC API URLs."),
    ],
    collection: Annotated[str, typer.Option(help="Put everything into this collection.")] = "",
    title: Annotated[str, typer.Option(help="Title of a collection that is made.")] = "",
    when: Annotated[
        str | None,
        typer.Option("--datetime", help="Acquisition time of files that carry none."),
    ] = None,
    max_items: Annotated[
        int, typer.Option(min=1, help="Most items taken from one STAC collection or API.")
    ] = 1000,
    levels: Annotated[
        bool | None,
        typer.Option(
            help="Make low zooms of rasters without overviews: of all, of none; without the option "
            "as `ingest_levels` says."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add products to the catalogue; what cannot be added is reported and skipped."""
    if collection and ncname(collection) != collection:
        raise _usage("a collection id has letters, digits, _, - and ., and begins with a letter")
    hints = Hints(collection, title, _time(when), max_items)
    console = Console(stderr=True)
    with (
        _tools() as tools,
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            disable=as_json or not console.is_terminal,
        ) as bar,
    ):
        task = bar.add_task("looking", total=None)

        def progress(_outcome: Outcome | None, found: int, done: int) -> None:
            bar.update(task, total=found, completed=done, description="adding")

        styles = _styles(tools.settings)
        hints = replace(hints, offsets=tools.settings.radiometric_offsets, styles=styles)

        def making(found: int, done: int) -> None:
            bar.update(task, total=found, completed=done, description="making low zooms")

        which: Which | None = None if levels is None else ("all" if levels else "none")

        async def work() -> tuple[list[Outcome], Made]:
            outcomes = await add([absolute(h) for h in hrefs], tools, hints, progress)
            return outcomes, await levels_after(outcomes, tools, which, making)

        outcomes, made = asyncio.run(work())
    if made.levels:
        typer.echo(f"made {made.levels} low zooms of {made.files} files", err=True)
    if made.failed:
        typer.echo(f"no low zooms could be made of {made.failed} files", err=True)
    _report(outcomes, as_json=as_json)
    if any(o.status == "skipped" for o in outcomes):
        raise typer.Exit(1)


def _report(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([o._asdict() for o in outcomes], indent=2))
        return
    for outcome in outcomes:
        if outcome.status == "skipped":
            typer.echo(f"skipped    {outcome.href}: {outcome.reason}")
            continue
        without = f" (without {', '.join(outcome.missing)})" if outcome.missing else ""
        typer.echo(f"{outcome.status:10} {outcome.collection}/{outcome.item}{without}")


@app.command("ls")
def ls_command(
    collection: Annotated[str, typer.Argument(help="Collection whose items are listed.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the collections, or the items of one."""
    with _tools() as tools:
        if not collection:
            _list_collections(asyncio.run(_collections(tools)), as_json=as_json)
            return
        try:
            items = asyncio.run(_items(tools, collection))
        except UnknownCollectionError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        _list_items(items, as_json=as_json)


async def _collections(tools: Tools) -> Sequence[Collection]:
    return await tools.catalogue.collections()


async def _items(tools: Tools, collection: str) -> Sequence[ItemSummary]:
    return await tools.catalogue.local.items(collection)


def _list_collections(collections: Sequence[Collection], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([collection_to_stac(c) for c in collections], indent=2))
        return
    table = Table("id", "title", "time", "styles", box=None)
    for entry in collections:
        span = "" if entry.time is None else f"{entry.time[0]:%Y-%m-%d} to {entry.time[1]:%Y-%m-%d}"
        table.add_row(entry.id, entry.title, span, ", ".join(entry.styles))
    Console().print(table, markup=False)


def _list_items(items: Sequence[ItemSummary], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_item_fields(i) for i in items], indent=2))
        return
    table = Table("id", "time", "cloud %", "files", box=None)
    for item in items:
        cloud = "" if item.cloud_cover is None else f"{item.cloud_cover:.1f}"
        table.add_row(item.id, _item_fields(item)["datetime"] or "", cloud, str(item.assets))
    Console().print(table, markup=False)


def _item_fields(item: ItemSummary) -> dict[str, Any]:
    when = None if item.start is None else iso(instant(item.start))
    return {
        "id": item.id,
        "datetime": when,
        "cloud_cover": item.cloud_cover,
        "files": item.assets,
    }


@app.command("rm")
def rm_command(
    collection: Annotated[str, typer.Argument(help="Collection to remove, or to remove from.")],
    item: Annotated[str, typer.Argument(help="Item to remove; the collection stays.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Remove an item, or a collection with all its items; the files themselves stay."""
    with _tools() as tools:
        try:
            count = asyncio.run(_remove(tools, collection, item))
        except (UnknownCollectionError, CatalogueError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    typer.echo(json.dumps({"removed": count}) if as_json else f"removed {count} items")


async def _remove(tools: Tools, collection: str, item: str) -> int:
    return await tools.catalogue.local.remove(collection, item or None)


@app.command("mosaic")
def mosaic_command(
    collection: Annotated[str, typer.Argument(help="Collection that is set.")],
    rule: Annotated[
        str, typer.Argument(help="Its own rule, such as least-cloudy,clear; most-recent at first.")
    ] = "",
    mask_band: Annotated[
        str, typer.Option(help="Band that tells which pixels are clear, such as SCL or qa_pixel.")
    ] = "",
    classes: Annotated[
        str, typer.Option(help="Its values that are not clear, with commas between.")
    ] = "",
    bits: Annotated[
        str, typer.Option(help="Numbers of its bits that make a pixel not clear, from 0.")
    ] = "",
) -> None:
    """Set what mosaics of a collection show where nothing is asked; print the settings as JSON."""
    if (classes or bits) and not mask_band:
        raise _usage("--classes and --bits belong to --mask-band")
    given: dict[str, Any] = {"rule": rule} if rule else {}
    if mask_band:
        given["mask"] = {
            "band": mask_band, "classes": _numbers(classes), "bits": _numbers(bits)
        }  # fmt: skip
    _changed(collection, _settings(**({"mosaic": given} if given else {})), MOSAIC_SETTING)


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise _usage("--classes and --bits are whole numbers with commas between") from None


async def _set(tools: Tools, collection_id: str, settings: CollectionSettings) -> Collection:
    """Change the settings of a collection, where there is anything to change; return it."""
    catalogue = tools.catalogue.local
    if not settings.model_fields_set:
        return await catalogue.collection(collection_id)
    return await catalogue.change_collection(collection_id, settings.applied)


def _settings(**given: Any) -> CollectionSettings:
    """Read settings as the API does.

    Raises:
        BadParameter: They cannot be read.
    """
    try:
        return CollectionSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _usage(first["msg"].removeprefix("Value error, ")) from error


def _changed(collection: str, settings: CollectionSettings, name: str) -> None:
    """Change a collection and print one of its settings."""
    with _tools() as tools:
        try:
            found = asyncio.run(_set(tools, collection, settings))
        except UnknownCollectionError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        except RequestError as error:
            raise _usage(str(error)) from error
    typer.echo(json.dumps(found.extra.get(name) or {}))


@app.command("time")
def time_command(
    collection: Annotated[str, typer.Argument(help="Collection that is set.")],
    default: Annotated[
        str, typer.Argument(help="Shown without a time: latest, earliest, least-cloudy/P30D, 2024.")
    ] = "",
    tolerance: Annotated[
        str | None,
        typer.Option(help="How far from an asked day images may lie, like P5D; '' for not at all."),
    ] = None,
) -> None:
    """Set what a collection shows where no time, or a day without images, is asked; print it."""
    given = {"default": default} if default else {}
    if tolerance is not None:
        given["tolerance"] = tolerance
    _changed(collection, _settings(**({"time": given} if given else {})), TIME_SETTING)


@app.command("styles")
def styles_command(
    collection: Annotated[str, typer.Argument(help="Collection that is set.")],
    styles: Annotated[
        list[str] | None,
        typer.Argument(help="Styles that capabilities list, 12 at most; the first is the default."),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Let the bands choose them again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set which styles capabilities list of a collection, or print them; others work by name."""
    if reset and styles:
        raise _usage("--reset takes no styles")
    with _tools() as tools:
        try:
            listed = asyncio.run(_set_styles(tools, collection, tuple(styles or ()), reset=reset))
        except UnknownCollectionError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        except RequestError as error:
            raise _usage(str(error)) from error
    typer.echo(json.dumps(listed) if as_json else "\n".join(listed))


async def _set_styles(
    tools: Tools, collection_id: str, names: tuple[str, ...], *, reset: bool
) -> list[str]:
    catalogue = tools.catalogue.local
    library = _styles(tools.settings)
    if names:
        found = await catalogue.change_collection(
            collection_id, lambda c: chosen(c, library, names)
        )
    elif reset:
        found = await catalogue.change_collection(collection_id, lambda c: unchosen(c, library))
    else:
        found = await catalogue.collection(collection_id)
    return list(found.styles)
