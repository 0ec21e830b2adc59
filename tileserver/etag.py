"""Conditional requests: does the client's copy still hold."""


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match header names an ETag (RFC 9110, 13.1.2; weak comparison).

    Args:
        if_none_match: The header's value, or None.
        etag: The current ETag, quoted.
    """
    if not if_none_match:
        return False
    told = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in told or etag.removeprefix("W/") in told
