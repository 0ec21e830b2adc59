"""What is believed of a window: never anything but where tile-parts really begin."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.codestreams import Part, Stream, hostile_comment, packet_bytes

from renderers.readers.jp2.search import CONTEXT, IrregularError, KnownParts

COLUMNS, ROWS = 5, 4
COUNT = COLUMNS * ROWS


def stream_of(random: np.random.Generator, largest: int = 30_000) -> Stream:
    parts = [Part(t, packet_bytes(random, int(random.integers(2, largest)))) for t in range(COUNT)]
    return Stream(COLUMNS, ROWS, parts)


def known_of(stream: Stream, data: bytes) -> KnownParts:
    return KnownParts(COUNT, stream.starts()[0], len(data))


def assert_true(known: KnownParts, stream: Stream) -> None:
    starts = stream.starts()
    assert all(starts[tile] == offset for tile, offset in known.chain())
    for tile, (offset, head) in known.heads.items():
        assert (starts[tile], stream.parts[tile].length) == (offset, head.length)
        assert head.header == 12 + len(stream.parts[tile].header)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["same", "next", "other", "chain", "noise"]),
    into=st.integers(0, 5000),
    length=st.integers(1, 300_000),
    before=st.booleans(),
)
def test_no_window_into_a_header_misleads(seed, kind, into, length, before) -> None:
    """Windows that begin inside the comment, so that the real SOT is out of sight."""
    random = np.random.default_rng(seed)
    stream = stream_of(random)
    victim = int(random.integers(COUNT))
    comment = hostile_comment(stream, victim, kind, random)
    stream.parts[victim].extra = comment
    data = stream.to_bytes()
    known = known_of(stream, data)
    start = stream.starts()[victim] + 12 + min(into, len(comment))
    with contextlib.suppress(IrregularError):
        if before:
            known.learn(data[: stream.starts()[1] + 100], 0)
        known.learn(data[start : start + length], start)
    assert_true(known, stream)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_windows_anywhere_find_what_is_there(seed, data) -> None:
    random = np.random.default_rng(seed)
    stream = stream_of(random, data.draw(st.sampled_from([300, 30_000, 120_000])))
    content = stream.to_bytes()
    known = known_of(stream, content)
    starts = stream.starts()
    start = data.draw(st.integers(0, len(content) - 1))
    stop = data.draw(st.integers(start, len(content)))
    known.learn(content[start:stop], start)
    assert_true(known, stream)
    headers = [12 + len(part.header) for part in stream.parts]
    seen = {
        tile
        for tile, (offset, header) in enumerate(zip(starts, headers, strict=True))
        if offset + header <= stop
        and (offset >= start + CONTEXT or (start <= starts[0] and offset >= starts[0]))
    }
    assert seen <= known.heads.keys()
    linked = {tile for tile in seen if tile - 1 in known.heads or tile + 1 in known.heads}
    assert all(known.proven(tile) for tile in linked)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), tile=st.integers(0, COUNT - 1))
def test_looking_comes_to_an_end(seed, tile) -> None:
    """Each window narrows the place of a tile, or the next is wider."""
    random = np.random.default_rng(seed)
    stream = stream_of(random, 200_000)
    content = stream.to_bytes()
    known = known_of(stream, content)
    attempt = 0
    for _ in range(12):
        if tile in known.heads:
            break
        around = known.around(tile)
        place = known.window(tile, attempt, 1.0, 100)
        assert 0 <= place.start < place.stop <= len(content)
        known.learn(content[place.start : place.stop], place.start)
        attempt = attempt + 1 if known.around(tile) == around else attempt
    assert tile in known.heads
    proof = known.proof(tile)
    known.learn(content[proof.start : proof.stop], proof.start)
    assert known.proven(tile)
    assert_true(known, stream)


@pytest.mark.parametrize(
    "odd", ["number", "count", "tile", "backwards", "beyond", "no length", "gap"]
)
def test_irregular_files_are_said_to_be(odd) -> None:
    stream = stream_of(np.random.default_rng(3))
    part = stream.parts[7]
    if odd == "number":
        part.number = 1
    elif odd == "count":
        part.count = 0
    elif odd == "tile":
        part.tile = 9
    elif odd == "backwards":
        stream.parts[7], stream.parts[8] = stream.parts[8], part
    elif odd == "beyond":
        part.body += bytes(3_000_000)
    data = bytearray(stream.to_bytes())
    position = stream.starts()[7]
    if odd == "no length":
        data[position + 6 : position + 10] = bytes(4)
    elif odd == "gap":
        data[position : position + 2] = b"\0\0"
    known = known_of(stream, bytes(data[:1_000_000]))
    with pytest.raises(IrregularError):
        known.learn(bytes(data[: stream.starts()[9] + 100]), 0)


def test_a_tile_is_not_proven_by_its_own_word() -> None:
    stream = stream_of(np.random.default_rng(4), 400_000)
    data = stream.to_bytes()
    known = known_of(stream, data)
    tile = next(t for t in range(1, COUNT - 1) if stream.parts[t - 1].length > CONTEXT)
    start = stream.starts()[tile]
    known.learn(data[start - CONTEXT : start + 50], start - CONTEXT)
    assert tile in known.heads
    assert not known.proven(tile)
    place = known.proof(tile)
    assert place.start == start + stream.parts[tile].length
    with pytest.raises(IrregularError):
        known.learn(bytes(place.stop - place.start), place.start)
    known.learn(data[place.start : place.stop], place.start)
    assert known.proven(tile)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["same", "next", "other", "chain", "noise"]),
)
def test_comments_in_sight_of_their_tile_part_are_passed_over(seed, kind) -> None:
    random = np.random.default_rng(seed)
    stream = stream_of(random)
    victim = int(random.integers(8, COUNT))
    stream.parts[victim].extra = hostile_comment(stream, victim, kind, random)
    stream.parts[victim - 1].body = packet_bytes(random, 2 * CONTEXT)
    data = stream.to_bytes()
    known = known_of(stream, data)
    start = stream.starts()[victim] - CONTEXT - 10
    known.learn(data[start:], start)
    assert set(range(victim, COUNT)) <= known.heads.keys()
    assert_true(known, stream)
