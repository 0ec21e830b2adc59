"""What follows on adding, for the command line and the writing API alike."""

from collections.abc import Sequence

from tileserver.ingest.add import Outcome
from tileserver.ingest.levels import Made, Progress, Which, make_levels
from tileserver.services import Tools, open_pyramids


async def levels_after(
    outcomes: Sequence[Outcome],
    tools: Tools,
    which: Which | None = None,
    progress: Progress | None = None,
) -> Made:
    """Make low zooms of what was added.

    Args:
        outcomes: Of `add`.
        tools: What it was added with.
        which: Of which files; None takes the setting `ingest_levels`.
        progress: See `make_levels`.
    """
    pyramids = open_pyramids(tools.settings)
    if pyramids is None:
        return Made(0, 0, 0)
    chosen = tools.settings.ingest_levels if which is None else which
    try:
        return await make_levels(outcomes, tools, pyramids, chosen, progress)
    finally:
        await pyramids.close()
