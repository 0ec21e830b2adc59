"""The way of a request, over rasters whose every pixel is known."""

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from support.application import mercator_tile, running
from support.pictures import pixels
from support.rasters import OFFSET, SCALE, TILE, ramp, tile_url, wedge

from renderers.draw import Renderer
from renderers.errors import BudgetExceededError
from styles.inline import formula_style
from tileserver import pipeline as module
from tileserver.errors import (
    InvalidParameterError,
    RequestError,
    TimedOutError,
    TooLargeError,
    UnknownCollectionError,
)
from tileserver.footprints import LEFT_OUT
from tileserver.incomplete import INCOMPLETE
from tileserver.mosaics import parse_mosaic
from tileserver.pipeline import MAX_POINTS
from tileserver.pointvalues import Origin
from tileserver.request import CoverageRequest, ValuesRequest
from tileserver.services import open_tools
from tileserver.timeaxis import parse_time
from tileserver.timetold import CHOICE, DAYS

FAR = (11, 300, 900)
NEXT = (11, 1089, 700)


@pytest.fixture
def drawn(monkeypatch):
    """Counts the pictures that the renderer was asked for."""
    jobs = []
    original = Renderer.picture

    async def picture(self, job, finish):
        jobs.append(job)
        return await original(self, job, finish)

    monkeypatch.setattr(Renderer, "picture", picture)
    return jobs


@pytest.fixture
async def two_dates(stock):
    """A full ramp, and nine days later a wedge on top of it."""
    await stock.add(stock.raster("old.tif", ramp()), 1)
    await stock.add(stock.raster("new.tif", wedge(40_000)), 10)
    return stock


def asked(bands=(), tile=TILE, when=None, size=256):
    more = {} if when is None else {"time": parse_time(when)}
    return CoverageRequest("heights", bands, mercator_tile(*tile, size), **more)


# What is drawn


async def test_most_recent_first_and_nodata_seen_through(two_dates):
    async with running(two_dates.settings) as app:
        raster = (await app.services.pipeline.coverage(asked())).raster
    assert raster.data.dtype == np.uint16
    assert raster.names == raster.names[:1]
    assert raster.valid.all()
    expected = np.where(wedge(1) == 1, 40_000, ramp())
    np.testing.assert_array_equal(raster.data[0], expected)
    assert (raster.scale, raster.offset) == ((SCALE,), (OFFSET,))


async def test_a_time_shows_the_scenes_of_that_time(two_dates):
    async with running(two_dates.settings) as app:
        pipeline = app.services.pipeline
        old, new, none = [
            (await pipeline.coverage(asked(when=day))).raster
            for day in ("2024-06-01", "2024-06-10", "2024-06-05")
        ]
    np.testing.assert_array_equal(old.data[0], ramp())
    np.testing.assert_array_equal(new.valid[0], wedge(1) == 1)
    assert not none.valid.any()


async def test_a_picture_of_both_dates_has_a_colour_everywhere(two_dates):
    async with running(two_dates.settings) as app:
        both = pixels((await app.get(tile_url())).content)
        wedge_only = pixels((await app.get(tile_url(query="?time=2024-06-10"))).content)
    assert (both[..., 3] == 255).all()
    np.testing.assert_array_equal(wedge_only[..., 3] == 255, wedge(1) == 1)
    shown = wedge(1) == 1
    np.testing.assert_array_equal(both[shown], wedge_only[shown])


async def test_the_server_chooses_the_format_by_what_it_drew(two_dates, monkeypatch):
    # The real rule keeps pictures of few colours, as here, PNG always.
    rule = {True: "image/jpeg", False: "image/png"}
    monkeypatch.setattr(module, "automatic", lambda image: rule[bool(image.rgba()[..., 3].all())])
    async with running(two_dates.settings) as app:
        full, part = tile_url(ext="auto"), tile_url(ext="auto", query="?time=2024-06-10")
        for path, ext, media_type in ((full, "jpg", "image/jpeg"), (part, "png", "image/png")):
            chosen = await app.get(path)
            assert chosen.headers["content-type"] == media_type
            query = path.partition("?")[2]
            asked = await app.get(tile_url(ext=ext, query=f"?{query}"))
            assert chosen.content == asked.content
            assert chosen.headers["etag"] != asked.headers["etag"]
            again = await app.get(path)
            assert (again.headers["content-type"], again.content) == (media_type, chosen.content)
        empty = await app.get(tile_url(FAR, ext="auto"))
        assert empty.headers["content-type"] == "image/png"
        avif = await app.get(tile_url(ext="avif"))
        assert avif.headers["content-type"] == "image/avif"


async def test_the_rule_says_which_date_shows(two_dates):
    async with running(two_dates.settings) as app:

        async def shown(query):
            answer = await app.get(tile_url(query=query))
            return answer.content, answer.headers["etag"]

        plain, newest = await shown(""), await shown("?mosaic=most-recent")
        assert plain == newest
        old = (await shown("?time=2024-06-01"))[0]
        for rule in ("least-recent", "nearest:2024-06-04", "nearest:1999-01-01"):
            content, etag = await shown(f"?mosaic={rule}")
            assert content == old != plain[0]
            assert etag != plain[1]
        assert (await shown("?mosaic=nearest:2024-06-09"))[0] == plain[0]


async def test_a_collection_s_own_rule_holds_for_pictures_coverages_and_version(two_dates):
    async with running(two_dates.settings) as app:
        old = (await app.get(tile_url(query="?time=2024-06-01"))).content
        token = await app.services.pipeline.version("heights")
        local = app.services.catalogue.local
        collection = await local.collection("heights")
        await local.put_collection(replace(collection, extra={"mosaic": {"rule": "least-recent"}}))
        assert (await app.get(tile_url())).content == old
        raster = (await app.services.pipeline.coverage(asked())).raster
        np.testing.assert_array_equal(raster.data[0], ramp())
        assert await app.services.pipeline.version("heights") != token


async def test_pixels_that_are_not_clear_are_seen_through(two_dates):
    async with running(two_dates.settings) as app:
        unknown = await app.get(tile_url(query="?mosaic=clear"))
        assert (unknown.status_code, unknown.json()["code"]) == (400, "InvalidParameter")
        old = pixels((await app.get(tile_url(query="?time=2024-06-01"))).content).copy()
        plain = (await app.get(tile_url())).content
        local = app.services.catalogue.local
        collection = await local.collection("heights")
        # By their stored values all of the newer image counts as cloud, and one pixel of the older.
        mask = {"band": collection.bands[0].name, "classes": [40_000]}
        counts = ramp() != 40_000
        old[~counts] = 0
        await local.put_collection(replace(collection, extra={"mosaic": {"mask": mask}}))
        clear = pixels((await app.get(tile_url(query="?mosaic=clear"))).content)
        np.testing.assert_array_equal(clear, old)
        assert (await app.get(tile_url())).content == plain
        own = {"mask": mask, "rule": "clear"}
        await local.put_collection(replace(collection, extra={"mosaic": own}))
        np.testing.assert_array_equal(pixels((await app.get(tile_url())).content), old)
        raster = (await app.services.pipeline.coverage(asked())).raster
        np.testing.assert_array_equal(raster.valid[0], counts)
        np.testing.assert_array_equal(raster.data[0], ramp() * counts)


async def test_dates_are_composed(two_dates):
    async with running(two_dates.settings) as app:

        async def shown(query):
            answer = await app.get(tile_url(query=query))
            assert answer.status_code == 200, answer.text
            return pixels(answer.content)

        new = wedge(1) == 1
        old, both = await shown("?time=2024-06-01"), await shown("")
        most = np.where((new & (ramp() < 40_000))[..., None], both, old)
        np.testing.assert_array_equal(await shown("?mosaic=max"), most)
        least = np.where((new & (ramp() > 40_000))[..., None], both, old)
        np.testing.assert_array_equal(await shown("?mosaic=min"), least)
        for words in ("max:values", "least-recent,max:values"):
            np.testing.assert_array_equal(await shown(f"?mosaic={words}"), most)
        np.testing.assert_array_equal(
            await shown("?mosaic=mean,dates:1"), await shown("?time=2024-06-10")
        )
        median = await shown("?mosaic=median")
        np.testing.assert_array_equal(median, await shown("?mosaic=mean"))
        assert (median[..., 3] == 255).all()
        assert len({m.tobytes() for m in (median, most, least, old, both)}) == 5


async def test_coverages_follow_the_rule_of_the_request(two_dates):
    new, old = wedge(1) == 1, ramp() * SCALE + OFFSET
    young = 40_000 * SCALE + OFFSET
    expected = {
        "least-recent": old,
        "nearest:2024-06-09": np.where(new, young, old),
        "mean": np.where(new, (old + young) / 2, old),
        "median": np.where(new, (old + young) / 2, old),
        "min": np.where(new, np.minimum(old, young), old),
        "max": np.where(new, np.maximum(old, young), old),
        "count": np.where(new, 2, 1),
        "max:values": np.where(new, np.maximum(old, young), old),
    }
    async with running(two_dates.settings) as app:
        ask = app.services.pipeline.coverage
        for text, values in expected.items():
            found = (await ask(replace(asked(), mosaic=parse_mosaic(text)))).raster
            assert found.valid.all()
            physical = found.data[0] * found.scale[0] + found.offset[0]
            np.testing.assert_allclose(physical, values, rtol=1e-6)
            styled = replace(asked(), style="values", mosaic=parse_mosaic(text))
            shown = (await ask(styled)).raster
            assert (shown.names, shown.data.dtype) == (("values",), np.float32)
            np.testing.assert_allclose(shown.data[0], values, rtol=1e-6)
        smooth = (await ask(replace(asked(size=128), resampling="average"))).raster
        # Each scene is averaged for itself: where any of the newer one's pixels are, these count.
        some, blocks = (a.reshape(128, 2, 128, 2) for a in (new, old))
        averages = np.where(some.any(axis=(1, 3)), young, blocks.mean(axis=(1, 3)))
        np.testing.assert_allclose(smooth.data[0], averages, rtol=1e-6)


async def test_what_coverages_say_of_themselves(two_dates):
    async with running(two_dates.settings) as app:
        ask = app.services.pipeline.coverage
        plain = await ask(asked())
        assert dict(plain.headers)[CHOICE] == "default latest"
        assert dict(plain.headers)[DAYS] == "2024-06-10 2024-06-01"
        for wrong in (
            {"bands": ("b1",), "style": "values"},
            {"mosaic": parse_mosaic("clear")},
            {"mosaic": parse_mosaic("max:truecolour")},
        ):
            with pytest.raises(RequestError):
                await ask(replace(asked(), **wrong))


async def test_values_are_those_of_coverages_by_every_rule(two_dates):
    """What is computed scene by scene is what the kernels compute."""
    await two_dates.add(two_dates.raster("later.tif", wedge(50_000)[::-1]), 10)
    await two_dates.add(two_dates.raster("last.tif", np.full((256, 256), 9, np.uint16)), 20)
    box = mercator_tile(*TILE)
    places = [(0, 0), (0, 255), (255, 0), (255, 255), (100, 40), (100, 200)]
    points = tuple(box.transform @ (column + 0.5, row + 0.5) for row, column in places)
    async with running(two_dates.settings) as app:
        pipeline = app.services.pipeline
        (band,) = (await pipeline.layer("heights")).collection.bands
        name, style = band.name, formula_style(f"{band.name} * 2")
        for text in (
            "least-recent", "nearest:2024-06-12,by:scene", "mean", "mean,by:scene", "median",
            "min", "max", "count", "count,dates:2", "max:values", "least-recent,max:values",
        ):  # fmt: skip
            rule = parse_mosaic(text)
            raster = (await pipeline.coverage(replace(asked(), mosaic=rule))).raster
            request = ValuesRequest(
                "heights", (), points, "EPSG:3857", limit=1, style=style, mosaic=rule
            )
            found = await pipeline.values(request)
            assert [value.point for value in found] == list(points)
            for (row, column), value in zip(places, found, strict=True):
                there = value.values[name]
                if rule.rule.compose != "count":
                    assert value.values["expression"] == pytest.approx(2 * there, rel=1e-6)
                expected = raster.data[0, row, column] * raster.scale[0] + raster.offset[0]
                assert there == pytest.approx(expected, rel=1e-6), text
                assert bool(value.scene) == (rule.rule.compose in ("first",))
                if rule.rule.compose == "count":
                    assert len(value.origins) == there


async def test_many_points_have_one_time_limit(two_dates):
    settings = two_dates.with_settings(max_seconds=0.001)
    async with running(settings) as app:
        point = mercator_tile(*TILE).transform @ (3.5, 200.5)
        request = ValuesRequest("heights", (), (point,) * MAX_POINTS, "EPSG:3857")
        with pytest.raises(TimedOutError):
            await app.services.pipeline.values(request)


async def test_a_rule_that_cannot_see_all_scenes_says_so(two_dates, monkeypatch):
    monkeypatch.setattr(module, "MAX_CANDIDATES", 1)
    name = "x-tileserver-incomplete"
    async with running(two_dates.settings) as app:
        cut = await app.get(tile_url(query="?mosaic=least-recent"))
        assert cut.headers[name] == "candidates=1"
        assert name not in (await app.get(tile_url())).headers
        one = await app.get(tile_url(query="?mosaic=least-recent&time=2024-06-01"))
        assert name not in one.headers


@pytest.mark.parametrize("tile", [FAR, NEXT])
async def test_outside_the_data_a_tile_is_transparent(two_dates, tile):
    async with running(two_dates.settings) as app:
        png = await app.get(tile_url(tile))
        jpeg = await app.get(tile_url(tile, ext="jpg"))
    assert png.status_code == jpeg.status_code == 200
    assert not pixels(png.content)[..., 3].any()
    assert (pixels(jpeg.content) >= 254).all()


async def test_a_stored_type_is_kept(stock):
    await stock.add(stock.raster("a.tif", np.full((256, 256), -7, np.int16), nodata=-99), 1)
    async with running(stock.settings) as app:
        raster = (await app.services.pipeline.coverage(asked())).raster
    assert raster.data.dtype == np.int16
    assert (raster.data == -7).all()


async def test_values_are_those_of_rasterio(two_dates):
    box = mercator_tile(*TILE)
    columns, rows = np.array([3.2, 100.7, 255.9, 17.5]), np.array([250.1, 200.9, 0.4, 17.5])
    points = tuple(zip(*(box.transform @ (columns, rows)), strict=True))
    request = ValuesRequest("heights", (), points, "EPSG:3857", limit=2)
    async with running(two_dates.settings) as app:
        found = await app.services.pipeline.values(request)
    expected = []
    for point in points:
        for scene in ("new", "old"):
            with rasterio.open(two_dates.folder / f"{scene}.tif") as source:
                (stored,) = next(source.sample([point]))
                physical = stored * source.scales[0] + source.offsets[0]
            if stored:
                expected.append((scene, point, [physical]))
    assert len(expected) < 2 * len(points)  # some lie where the newer one has nothing
    assert [(v.scene, v.point, list(v.values.values())) for v in found] == expected
    assert all(v.origins == (Origin(v.scene, v.datetime),) for v in found)


async def test_what_cannot_be_asked_is_told(two_dates):
    async with running(two_dates.settings) as app:
        pipeline = app.services.pipeline
        with pytest.raises(InvalidParameterError):
            await pipeline.coverage(asked(("no-such-band",)))
        with pytest.raises(UnknownCollectionError):
            await pipeline.layer("nothing")
        points = ((0.0, 0.0),) * (MAX_POINTS + 1)
        with pytest.raises(TooLargeError):
            await pipeline.values(ValuesRequest("heights", (), points))
        with pytest.raises(InvalidParameterError):
            await pipeline.values(ValuesRequest("heights", (), ((0.0, 95.0),)))


# Which times


async def with_time(stock, **own):
    """Give the stock's collection settings of time."""
    tools = open_tools(stock.settings)
    try:
        catalogue = tools.catalogue.local
        collection = await catalogue.collection("heights")
        await catalogue.put_collection(replace(collection, extra={"time": own}))
    finally:
        tools.catalogue.close()


async def told(app, time=""):
    query = f"?time={time}" if time else ""
    answer = await app.get(tile_url(query=query))
    assert answer.status_code == 200
    days, choice = (answer.headers[name] for name in (DAYS, CHOICE))
    return days, choice, answer.headers["etag"], pixels(answer.content)


async def test_lists_and_periods_show_the_scenes_of_their_days(two_dates):
    await two_dates.add(two_dates.raster("mid.tif", np.full((256, 256), 20_000, np.uint16)), 5)
    async with running(two_dates.settings) as app:
        ask = app.services.pipeline.coverage
        both, steps, last = [
            (await ask(asked(when=when))).raster
            for when in ("2024-06-01,2024-06-10", "2024-06-01/2024-06-10/P9D", "P6D/current")
        ]
    np.testing.assert_array_equal(both.data[0], np.where(wedge(1) == 1, 40_000, ramp()))
    np.testing.assert_array_equal(both.data, steps.data)
    np.testing.assert_array_equal(last.data[0], np.where(wedge(1) == 1, 40_000, 20_000))


async def test_texts_that_mean_the_same_are_one_picture(two_dates, drawn):
    async with running(two_dates.settings) as app:
        texts = ("2024-06-10,2024-06-01", "2024-06-01/2024-06-10/P9D",
                 "2024-06-01T12:00Z,2024-06-10T15:05:00Z")  # fmt: skip
        assert len({(await told(app, text))[2] for text in texts}) == 1
        assert len(drawn) == 1
        assert (await told(app, "current"))[2] == (await told(app))[2]
        assert len(drawn) == 2


async def test_what_was_chosen_is_told(two_dates):
    async with running(two_dates.settings) as app:
        assert (await told(app))[:2] == ("2024-06-10 2024-06-01", "default latest")
        assert (await told(app, "current"))[:2] == ("2024-06-10 2024-06-01", "asked")
        assert (await told(app, "2024-06-01"))[:2] == ("2024-06-01", "asked")
        assert (await told(app, "2024-06-05"))[:2] == ("none", "asked")
        again = await app.get(tile_url(), headers={"If-None-Match": (await told(app))[2]})
        assert (again.status_code, again.headers[CHOICE]) == (304, "default latest")


async def test_a_day_without_data_shows_the_nearest(two_dates):
    await with_time(two_dates, tolerance="P8D")
    async with running(two_dates.settings) as app:
        for day, days in (
            ("2024-06-04", "2024-06-01 2024-06-10"),
            ("2024-06-09", "2024-06-10 2024-06-01"),
            ("2024-06-10", "2024-06-10"),
            ("2024-06-18", "2024-06-10"),
            ("2024-06-19", "none"),
        ):
            assert (await told(app, day))[:2] == (days, "nearest P8D")
        early, late = [await told(app, day) for day in ("2024-06-04", "2024-06-09")]
        np.testing.assert_array_equal(early[3], (await told(app, "2024-06-01/2024-06-01"))[3])
        np.testing.assert_array_equal(late[3], (await told(app, "current"))[3])
        point = mercator_tile(*TILE).transform @ (3.5, 200.5)
        request = ValuesRequest("heights", (), (point,), "EPSG:3857", parse_time("2024-06-04"), 2)
        found = await app.services.pipeline.values(request)
        assert [value.scene for value in found] == ["old", "new"]


async def test_a_default_is_shown_and_makes_new_addresses(two_dates):
    async with running(two_dates.settings) as app:
        token = await app.services.pipeline.version("heights")
        first = await told(app, "2024-06-01")
    await with_time(two_dates, default="earliest")
    async with running(two_dates.settings) as app:
        assert await app.services.pipeline.version("heights") != token
        shown = await told(app)
        assert shown[:2] == ("2024-06-01 2024-06-10", "default earliest")
        np.testing.assert_array_equal(shown[3], first[3])
        ruled = await app.get(tile_url(query="?mosaic=most-recent"))
        np.testing.assert_array_equal(pixels(ruled.content), (await told(app, "current"))[3])
    await with_time(two_dates, default="2024-06-01")
    async with running(two_dates.settings) as app:
        assert (await told(app))[1:3] == ("default 2024-06-01", first[2])


async def test_the_days_of_a_request_are_listed(two_dates):
    await with_time(two_dates, default="2024-06-01", tolerance="P8D")
    async with running(two_dates.settings) as app:
        for query, days in (
            ("", ["2024-06-01", "2024-06-10"]),
            ("?time=2024-06-02", []),
            ("?time=2024-06-10,2023", ["2024-06-10"]),
            ("?time=P1D/current", ["2024-06-10"]),
        ):
            answer = await app.get(f"/api/collections/heights/dates{query}")
            assert [d["date"] for d in answer.json()["dates"]] == days


# The caches


async def test_a_client_that_has_the_picture_gets_304_and_nothing_is_drawn(two_dates, drawn):
    async with running(two_dates.settings) as app:
        etag = (await app.get(tile_url())).headers["etag"]
    drawn.clear()
    # Another process with empty caches gives the same ETag to the same picture.
    async with running(two_dates.settings) as app:
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = await app.get(tile_url(), headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == etag
        assert drawn == []
        other = await app.get(tile_url(), headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.headers["etag"], len(drawn)) == (200, etag, 1)


async def test_ten_equal_requests_are_drawn_once(two_dates, drawn):
    async with running(two_dates.settings) as app:
        answers = await asyncio.gather(*(app.get(tile_url()) for _ in range(10)))
        assert len({a.content for a in answers}) == 1
        assert len(drawn) == 1
        await app.get(tile_url())
        assert len(drawn) == 1
        await asyncio.gather(*(app.get(tile_url(ext=ext)) for ext in ("jpg", "webp")))
        assert len(drawn) == 3


async def test_a_new_scene_changes_the_tiles_of_its_area_only(two_dates):
    def versions(answers):
        return [a.headers["etag"] for a in answers]

    async with running(two_dates.settings) as app:

        async def look():
            queries = ("", "?time=2024-06-01")
            paths = [tile_url(t, query=q) for t in (TILE, FAR) for q in queries]
            return versions([await app.get(p) for p in paths])

        before = await look()
        token = await app.services.pipeline.version("heights")
        # Its values lie within the known ones, or the stretch of the style would change as well.
        newest = two_dates.raster("newest.tif", np.full((256, 256), 20_000, np.uint16))
        await two_dates.add(newest, 20)
        deadline = time.monotonic() + 30
        while (after := await look())[0] == before[0] and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        here, here_old, far, far_old = (a == b for a, b in zip(before, after, strict=True))
        assert (here, far, far_old) == (False, True, True)
        assert here_old, "a scene of another day"
        assert await app.services.pipeline.version("heights") != token
        picture = pixels((await app.get(tile_url())).content)
        assert len(np.unique(picture.reshape(-1, 4), axis=0)) == 1


async def test_a_new_scene_shows_in_the_next_tile_and_goes_again(two_dates):
    settings = two_dates.with_settings(tile_cache_bytes=0)
    async with running(settings) as app:

        async def colours():
            picture = pixels((await app.get(tile_url())).content)
            return len(np.unique(picture.reshape(-1, 4), axis=0))

        assert await colours() > 1
        assert await colours() > 1
        catalogue = app.services.catalogue.local
        document = await catalogue.item("heights", "new")
        flat = two_dates.raster("flat.tif", np.full((256, 256), 20_000, np.uint16))
        (asset,) = document["assets"].values()
        asset["href"] = asset["href"].replace("new.tif", flat.name)
        document["id"] = "flat"
        document["properties"]["datetime"] = "2024-06-20T10:00:00Z"
        before = await app.services.pipeline.version("heights")
        await catalogue.put_item(document, [], lambda have: have)
        assert await colours() == 1
        assert await app.services.pipeline.version("heights") != before
        await catalogue.remove("heights", "flat")
        assert await colours() > 1


async def test_the_version_token_makes_an_address_immutable(two_dates):
    async with running(two_dates.settings) as app:
        document = (await app.get("/tiles/heights/values/tilejson.json")).json()
        (template,) = document["tiles"]
        z, x, y = TILE
        current = template.format(z=z, x=x, y=y)
        answer = await app.get(current)
        assert "immutable" in answer.headers["cache-control"]
        assert "immutable" not in (await app.get(tile_url())).headers["cache-control"]
        old = await app.get(tile_url(query="?v=0123456789ab"))
        assert "immutable" not in old.headers["cache-control"]


# Limits


async def test_a_full_queue_refuses_at_once_while_the_rest_answers(two_dates, monkeypatch):
    settings = two_dates.with_settings(max_rendering=1, max_queue=1)
    original, go, began = Renderer.picture, asyncio.Event(), asyncio.Event()

    async def slow(self, job, finish):
        began.set()
        await go.wait()
        return await original(self, job, finish)

    async with running(settings) as app:
        ready = await app.get(tile_url())
        monkeypatch.setattr(Renderer, "picture", slow)
        running_one = asyncio.ensure_future(app.get(tile_url(ext="jpg")))
        await began.wait()
        waiting_one = asyncio.ensure_future(app.get(tile_url(ext="webp")))
        while app.services.admission.inside < 2:
            await asyncio.sleep(0.01)
        refused = await app.get(tile_url(FAR))
        assert (refused.status_code, refused.json()["code"]) == (503, "Overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["cache-control"] == "no-store"
        assert (await app.get("/healthz")).status_code == 200
        assert (await app.get("/readyz")).status_code == 200
        again = await app.get(tile_url())
        assert again.content == ready.content
        joined = asyncio.ensure_future(app.get(tile_url(ext="jpg")))
        await asyncio.sleep(0)
        go.set()
        done = await asyncio.gather(running_one, waiting_one, joined)
        assert [a.status_code for a in done] == [200, 200, 200]
        assert app.services.admission.inside == 0
        assert (await app.get(tile_url(FAR))).status_code == 200


@pytest.mark.parametrize(
    "limit", [{"max_blocks": 3}, {"max_source_pixels": 256 * 256 // 2}], ids=str
)
async def test_what_would_cost_too_much_is_not_read(two_dates, limit):
    async with running(two_dates.with_settings(**limit)) as app:
        await app.get("/readyz")
        before = app.services.stores.bytes_read
        answer = await app.get(tile_url())
        # A picture shows where the scenes lie and says so; values are refused.
        assert answer.headers[INCOMPLETE] == "footprints=2"
        assert (pixels(answer.content) == LEFT_OUT).all()
        with pytest.raises(BudgetExceededError):
            await app.services.pipeline.coverage(asked())
        assert app.services.stores.bytes_read == before
        inside = (TILE[0] + 4, TILE[1] * 16 + 5, TILE[2] * 16 + 5)  # in one block
        whole = await app.get(tile_url(inside, query="?time=2024-06-01"))
        assert whole.status_code == 200
        assert INCOMPLETE not in whole.headers


async def test_scenes_beyond_the_budget_show_where_they_lie_and_the_answer_says_so(two_dates):
    async with running(two_dates.with_settings(max_scenes=1)) as app:
        cut = await app.get(tile_url())
        assert cut.headers[INCOMPLETE] == "scenes=1, footprints=1"
        assert "etag" in cut.headers
        picture = pixels(cut.content)
        np.testing.assert_array_equal(picture[..., 3] == 255, wedge(1) == 1)
        assert (picture[wedge(1) == 0] == LEFT_OUT).all()
        again = await app.get(tile_url())
        assert again.headers[INCOMPLETE] == "scenes=1, footprints=1", "from the cache as well"
        whole = await app.get(tile_url(query="?time=2024-06-01"))
        assert INCOMPLETE not in whole.headers
    async with running(two_dates.with_settings(max_scenes=1, footprint_colour="#00ff00")) as app:
        picture = pixels((await app.get(tile_url())).content)
        assert (picture[wedge(1) == 0] == (0, 255, 0, 255)).all()
    async with running(two_dates.settings) as app:
        assert INCOMPLETE not in (await app.get(tile_url())).headers


async def test_a_picture_that_takes_too_long_is_given_up(two_dates):
    async with running(two_dates.with_settings(max_seconds=1e-6)) as app:
        answer = await app.get(tile_url())
        assert (answer.status_code, answer.json()["code"]) == (504, "TimedOut")
        assert app.services.admission.inside == 0


async def test_styles_that_do_not_fit_are_refused(two_dates):
    async with running(two_dates.settings) as app:
        for style, word in (("nothing", "no style of that name"), ("ndvi", "needs bands")):
            answer = await app.get(tile_url(style=style))
            assert (answer.status_code, answer.json()["code"]) == (404, "UnknownStyle")
            assert word in answer.json()["detail"]
        default = await app.get(tile_url(style="default"))
        assert default.content == (await app.get(tile_url())).content
