"""SUBSET: which part of a coverage is asked for (OGC 09-147r3, 7.3; 11-053r1)."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tileserver.crs import OgcCrs, parse_crs
from tileserver.errors import InvalidCrsError
from tileserver.protocols.wcs.axes import Axes, role_of
from tileserver.protocols.wcs.errors import CodedError
from tileserver.protocols.wcs.windows import WHOLE, Span
from tileserver.timeaxis import UNSAID, TimeRequest, parse_time

_VALUE = r'(?:"[^"]{0,100}"|[^",()]{0,100})'
_SUBSET = re.compile(
    rf"(?P<axis>[A-Za-z_][A-Za-z0-9_.\-]{{0,60}})(?:,(?P<crs>https?://[^()\s]{{1,80}}))?"
    rf"\(\s*(?P<low>{_VALUE})\s*(?:,\s*(?P<high>{_VALUE})\s*)?\)"
)
_STAR = "*"


@dataclass(frozen=True, slots=True)
class Subset:
    """One axis cut: from `low` to `high`, or at `low` where `high` is None; all as written."""

    axis: str
    low: str
    high: str | None
    crs: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """What subsets mean of a coverage.

    Attributes:
        x: Of the eastward axis.
        y: Of the northward axis.
        time: Of the time axis; `UNSAID` where nothing was said of it.
    """

    x: Span = WHOLE
    y: Span = WHOLE
    time: TimeRequest = UNSAID


def parse_subset(text: str) -> Subset:
    """Read one SUBSET value: `axis(low,high)`, `axis(point)`; `*` is where the coverage ends.

    Raises:
        CodedError: InvalidSubsetting, outside of this grammar.
    """
    match = _SUBSET.fullmatch(text)
    if match is None:
        raise _wrong(f"cannot read the subset {text[:80]!r}")
    low, high = match["low"], match["high"]
    return Subset(
        match["axis"], _bare(low), None if high is None else _bare(high), match["crs"] or ""
    )


def _bare(text: str) -> str:
    return text.strip().strip('"').strip()


def own_crs(subsets: Iterable[Subset]) -> str:
    """Return the CRS that subsets name themselves, "" for none.

    Raises:
        CodedError: They name several.
    """
    named = {subset.crs for subset in subsets if subset.crs}
    if len(named) > 1:
        raise _wrong("all subsets are in one CRS")
    return named.pop() if named else ""


def cut_of(subsets: Iterable[Subset], *systems: Axes) -> Cut:
    """Return what subsets mean.

    Args:
        subsets: One per axis.
        systems: Axes by whose labels they may be named, the coverage's own first.

    Raises:
        CodedError: InvalidAxisLabel for a label of no axis, or two subsets of one;
            InvalidSubsetting for values that are none.
        InvalidTimeError: The time cannot be read.
    """
    found: dict[str, Subset] = {}
    for subset in subsets:
        role = role_of(subset.axis, *systems)
        if role is None or role in found:
            what = "no axis of that label" if role is None else "two subsets of one axis"
            message = f"{subset.axis}: {what}"
            raise CodedError(message, "InvalidAxisLabel", parameter=subset.axis)
        found[role] = subset
    return Cut(
        _span(found["x"]) if "x" in found else WHOLE,
        _span(found["y"]) if "y" in found else WHOLE,
        _time(found["time"]) if "time" in found else UNSAID,
    )


def _span(subset: Subset) -> Span:
    low = _number(subset.low)
    if subset.high is None:
        if low is None:
            raise _wrong(f"{subset.axis}: a slice is at one position")
        return Span(low, low)
    high = _number(subset.high)
    if low is not None and high is not None and low > high:
        raise _wrong(f"{subset.axis}: {low!r} is greater than {high!r}")
    return Span(low, high)


def _number(text: str) -> float | None:
    if text == _STAR:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise _wrong(f"{text[:40]!r} is no coordinate") from error
    if not math.isfinite(value):
        raise _wrong(f"{text[:40]!r} is no coordinate")
    return value


def _time(subset: Subset) -> TimeRequest:
    if subset.high is None:
        if subset.low in ("", _STAR):
            raise _wrong("a slice of time is at one instant")
        return parse_time(subset.low, parameter=subset.axis)
    ends = [".." if end == _STAR else end for end in (subset.low, subset.high)]
    return parse_time("/".join(ends), parameter=subset.axis)


def requested_crs(text: str, code: str, parameter: str) -> OgcCrs:
    """Read SUBSETTINGCRS or OUTPUTCRS.

    Raises:
        CodedError: Of that code, for what is no CRS that is offered (OGC 11-053r1, 7.3).
    """
    try:
        return parse_crs(text, parameter=parameter)
    except InvalidCrsError as error:
        raise CodedError(str(error), code, parameter=parameter) from error


def _wrong(message: str) -> CodedError:
    return CodedError(message, "InvalidSubsetting", parameter="subset")
