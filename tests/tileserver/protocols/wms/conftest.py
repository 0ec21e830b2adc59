"""A collection with bands, and a pipeline that knows values at its points."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tileserver.catalogue.base import BandInfo
from tileserver.errors import InvalidParameterError
from tileserver.pointvalues import Origin, PointValue
from tileserver.request import ValuesRequest

BANDS = (BandInfo("B04", "red", unit="1"), BandInfo("SCL"), BandInfo("8a <&> layer"))


class FakeValues:
    """Answers values from a list, and remembers what it was asked.

    Attributes:
        scenes: Id and values, the newest first.
        asked: Every request.
        pause: Seconds that an answer takes.
    """

    def __init__(self) -> None:
        self.scenes: list[tuple[str, dict[str, float | None]]] = [
            ("S2_<new>", {"B04": 0.1 + 0.2, "SCL": 4.0, "8a <&> layer": None}),
            ("S2_old", {"B04": 0.5, "SCL": 5.0, "8a <&> layer": 1.0}),
        ]
        self.asked: list[ValuesRequest] = []
        self.pause = 0.0

    async def __call__(self, request: ValuesRequest) -> list[PointValue]:
        self.asked.append(request)
        await asyncio.sleep(self.pause)
        if abs(request.points[0][1]) > 90 and request.crs == "EPSG:4326":
            raise InvalidParameterError("the point lies outside its coordinate system")
        instant = datetime(2024, 6, 21, 10, tzinfo=UTC)
        if request.mosaic is not None and request.mosaic.rule.compose != "first":
            origins = tuple(Origin(scene, instant) for scene, _ in self.scenes)
            values, compose = self.scenes[0][1], request.mosaic.rule.compose
            return [PointValue("", None, request.points[0], values, compose, origins)]
        return [
            PointValue(
                scene, instant, request.points[0], values, "first", (Origin(scene, instant),)
            )
            for scene, values in self.scenes[: request.limit]
        ]


@pytest.fixture
def values(pipeline) -> FakeValues:
    return pipeline.values


@pytest.fixture
def pipeline(pipeline):
    pipeline.collections[0] = replace(pipeline.collections[0], bands=BANDS)
    pipeline.values = FakeValues()
    return pipeline
