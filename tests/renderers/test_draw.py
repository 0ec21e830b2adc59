"""How the layers of a picture share what it may cost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from renderers.draw import PIXELS_AT_ONCE, Renderer
from renderers.errors import BudgetExceededError
from renderers.geobox import GeoBox
from renderers.job import Budget, DrawJob, LayerJob, Left
from renderers.painter import Painters
from styles.registry import stretch_style

STYLE = stretch_style("grey", "red", 0.0, 1.0)


class Mosaicker:
    """Counts the layers that are drawn at the same time; `bad` ones fail, others take a while."""

    painters = Painters()

    def __init__(self, bad: tuple[str, ...] = ()) -> None:
        self.bad = bad
        self.running = self.most = self.finished = 0

    async def fill(self, wanted, target, spent, finish):
        spent.plan(1, 100)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            if wanted.scenes == self.bad:
                raise BudgetExceededError("too much")
            for _ in range(5):
                await asyncio.sleep(0)
            self.finished += 1
        finally:
            self.running -= 1
        return finish(Left())


async def picture(renderer, job):
    return (await renderer.picture(job, lambda image: image)).result


@pytest.fixture
def renderer():
    with ThreadPoolExecutor(1) as pool:
        yield Renderer(SimpleNamespace(), pool)


def job(side: int, *layers: tuple[str, ...]) -> DrawJob:
    geobox = GeoBox.from_bounds((0.0, 0.0, 1.0, 1.0), side, side, "EPSG:4326")
    return DrawJob(tuple(LayerJob(scenes, STYLE) for scenes in layers), geobox, Budget())


@pytest.mark.parametrize(("side", "most"), [(256, 8), (1024, 4), (2048, 1), (4096, 1)])
async def test_large_layers_are_drawn_one_after_the_other(renderer, side, most):
    renderer._mosaic = mosaicker = Mosaicker(bad=("none",))
    assert await picture(renderer, job(side, *[()] * 8)) is None
    assert (mosaicker.most, mosaicker.finished) == (most, 8)
    assert most * side * side <= max(PIXELS_AT_ONCE, side * side)


async def test_no_layer_goes_on_when_another_one_failed(renderer):
    renderer._mosaic = mosaicker = Mosaicker(bad=("bad",))
    with pytest.raises(BudgetExceededError):
        await picture(renderer, job(256, (), ("bad",), ()))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (mosaicker.running, mosaicker.finished) == (0, 0)


async def test_all_layers_together_have_one_budget(renderer):
    renderer._mosaic = Mosaicker(bad=("none",))
    asked = job(16, ("a",), ("b",), ("c",))
    enough = DrawJob(asked.layers, asked.geobox, Budget(blocks=3, source_pixels=300))
    assert await picture(renderer, enough) is None
    short = DrawJob(asked.layers, asked.geobox, Budget(blocks=3, source_pixels=299))
    with pytest.raises(BudgetExceededError, match="299 pixels"):
        await picture(renderer, short)
