"""`tileserver catalogue stretch`: ranges of styles by percentiles of a collection's values."""

import asyncio
import json
from typing import Annotated, Any

import typer

from renderers.errors import RenderError
from tileserver.catalogue.errors import CatalogueError
from tileserver.errors import InvalidParameterError, RequestError
from tileserver.services import Services
from tileserver.settings import Settings, SettingsError, load_settings
from tileserver.stretches import DEFAULT_SCENES, MAX_SCENES, measure, wanted, with_limits


def stretch_command(
    collection: Annotated[str, typer.Argument(help="Collection whose values are looked at.")],
    styles: Annotated[
        list[str] | None,
        typer.Argument(help="Styles that get a range; by default those that ask for percentiles."),
    ] = None,
    percentiles: Annotated[
        str, typer.Option(help="Two, such as 2,98, in place of the styles' own.")
    ] = "",
    scenes: Annotated[
        int, typer.Option(min=1, max=MAX_SCENES, help="Scenes that are looked at, over all times.")
    ] = DEFAULT_SCENES,
    reset: Annotated[
        bool, typer.Option("--reset", help="Let the styles have their own ranges again.")
    ] = False,
) -> None:
    """Give styles the range of a collection's values, for this collection; print it as JSON."""
    pair = _percentiles(percentiles) if percentiles else None
    try:
        settings = load_settings()
        found = asyncio.run(
            _stretch(settings, collection, tuple(styles or ()), (pair, scenes, reset))
        )
    except SettingsError as error:
        typer.echo(f"settings: {error}", err=True)
        raise typer.Exit(2) from error
    except InvalidParameterError as error:
        raise typer.BadParameter(str(error)) from error
    except (RequestError, RenderError, CatalogueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(found, indent=2))


def _percentiles(text: str) -> tuple[float, float]:
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError:
        raise typer.BadParameter("--percentiles are two numbers such as 2,98") from None
    if not 0.0 <= low < high <= 100.0:
        raise typer.BadParameter("--percentiles are two rising numbers from 0 to 100")
    return low, high


async def _stretch(
    settings: Settings,
    collection_id: str,
    names: tuple[str, ...],
    how: tuple[tuple[float, float] | None, int, bool],
) -> dict[str, Any]:
    percentiles, scenes, reset = how
    services = Services(settings)
    try:
        catalogue = services.catalogue.local
        collection = await catalogue.collection(collection_id)
        if collection.remote:
            raise InvalidParameterError("scenes of a remote catalogue are not looked at")
        chosen = wanted(services.styles.every(collection), names)
        found: dict[str, Any] = {}
        for style in chosen:
            found[style.id] = None if reset else await measure(
                services.pipeline, catalogue, collection_id, style,
                scenes=scenes, percentiles=percentiles,
            )  # fmt: skip
        if found:
            await catalogue.change_collection(collection_id, lambda c: with_limits(c, found))
        return {name: None if kept is None else kept["limits"] for name, kept in found.items()}
    finally:
        await services.close()
