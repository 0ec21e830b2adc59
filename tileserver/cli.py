"""The command line: `tileserver serve`, `demo`, `catalogue`, `styles`, `cache`, `doctor`."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from styles.errors import StyleError
from styles.registry import StyleRegistry
from tileserver.commands import demo as demo_command
from tileserver.commands import doctor as doctor_command
from tileserver.commands import serving
from tileserver.commands.catalogue import app as catalogue_app
from tileserver.commands.stretch import stretch_command
from tileserver.commands.styles import app as styles_app
from tileserver.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    help="A dynamic tile server for Earth observation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(styles_app, name="styles")
catalogue_app.command("stretch")(stretch_command)
out = Console()
err = Console(stderr=True)

Host = Annotated[str | None, typer.Option(help="Address to listen on (setting: host).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (setting: port).")]
Workers = Annotated[int | None, typer.Option(help="Processes (setting: workers).")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def settings_or_exit(**overrides: object) -> Settings:
    """Read the settings; on an error say it and leave with status 2."""
    try:
        return load_settings(**{k: v for k, v in overrides.items() if v is not None})
    except SettingsError as error:
        err.print(f"settings: {error}", style="red", highlight=False)
        raise typer.Exit(2) from error


def _check_styles(settings: Settings) -> None:
    """Read the folder of styles; on an error say it and leave with status 2."""
    try:
        StyleRegistry.load(settings.styles_dir)
    except StyleError as error:
        err.print(f"styles_dir: {error}", style="red", highlight=False)
        raise typer.Exit(2) from error


@app.command()
def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Serve the catalogue."""
    settings = settings_or_exit(host=host, port=port, workers=workers)
    _check_styles(settings)
    raise typer.Exit(serving.serve(settings))


@app.command()
def demo(
    host: Host = None,
    port: Port = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with more products to add; TILESERVER_DEMO_DATA does the same."),
    ] = None,
    size: Annotated[
        int, typer.Option(help="Pixels per side of the generated scenes at 10 m; 10980 is full.")
    ] = demo_command.DEFAULT_SIZE,
    online: Annotated[
        bool, typer.Option("--online", help="Add Earth Search's Sentinel-2 COGs (needs internet).")
    ] = False,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make the data and leave.")
    ] = False,
) -> None:
    """Make the demo catalogue (the first time) and serve it."""
    settings = settings_or_exit(host=host, port=port)
    _check_styles(settings)
    options = demo_command.DemoOptions(tuple(data or ()), size, online)
    prepared = demo_command.prepare(settings, options, out)
    if not prepare_only:
        raise typer.Exit(serving.serve(prepared))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check settings, stores, drivers and versions, and say what is wrong."""
    settings = settings_or_exit()
    findings = doctor_command.examine(settings)
    if as_json:
        sys.stdout.write(json.dumps([f._asdict() for f in findings], indent=2) + "\n")
    else:
        table = Table("", "what", "finding", box=None)
        for finding in findings:
            mark = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]"}.get(
                finding.state, "[red]wrong[/]"
            )
            table.add_row(mark, finding.what, finding.text)
        out.print(table)
    raise typer.Exit(1 if any(f.state == "wrong" for f in findings) else 0)


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # One line per request to a STAC API tells an operator nothing.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    app()
