"""What jobs of the writing API do: what `tileserver catalogue add` does."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from styles.registry import StyleRegistry
from tileserver.ingest.add import Outcome, add
from tileserver.ingest.after import levels_after
from tileserver.jobs import Tell, Work
from tileserver.products.base import Hints
from tileserver.services import open_tools
from tileserver.settings import Settings

_log = logging.getLogger(__name__)


def adding(
    settings: Settings,
    hrefs: Sequence[str],
    hints: Hints,
    documents: Mapping[str, bytes] | None = None,
) -> Work:
    """Return the work of adding what lies at some addresses.

    It has a catalogue and stores of its own, as it runs beside the requests: the server's ones
    see what it wrote as they see what other processes write.

    Args:
        settings: Of the server.
        hrefs: See `add`.
        hints: See `add`.
        documents: See `add`.
    """

    async def work(tell: Tell) -> bool:
        def progress(outcome: Outcome | None, found: int, done: int) -> None:
            tell(() if outcome is None else (_told(outcome),), found, done)

        tools = open_tools(settings)
        try:
            told = replace(hints, styles=StyleRegistry.load(settings.styles_dir))
            outcomes = await add(hrefs, tools, told, progress, documents)
            made = await levels_after(outcomes, tools)
        finally:
            tools.catalogue.close()
        if made.failed:
            _log.warning("no low zooms could be made of %d files", made.failed)
        return any(outcome.status != "skipped" for outcome in outcomes)

    return work


def _told(outcome: Outcome) -> dict[str, Any]:
    return {**outcome._asdict(), "missing": list(outcome.missing)}
