"""Parsed scenes and the answers of searches in memory, for questions that come again and again."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from renderers.scene import Scene

#: Number and revision of an item.
SceneKey = tuple[int, int]

Q = TypeVar("Q", bound=Hashable)


class KeptScenes(Generic[Q]):
    """The scenes and searches used last; safe between threads.

    A search is kept as the keys of its scenes, so that it keeps no scene alive: a scene in memory
    may hold the read indexes of a dozen files. A question must name the state of what it asks
    (the revision), because its answer is never looked at again.
    """

    def __init__(self, scenes: int, searches: int) -> None:
        """Make it empty.

        Args:
            scenes: Most scenes kept.
            searches: Most searches kept; one that found more than 64 scenes counts for several.
        """
        self._max_scenes, self._max_keys = scenes, searches * 64
        self._scenes: OrderedDict[SceneKey, Scene] = OrderedDict()
        self._searches: OrderedDict[Q, tuple[SceneKey, ...]] = OrderedDict()
        self._keys = 0
        self._lock = Lock()

    def scene(self, key: SceneKey) -> Scene | None:
        """Return a scene and mark it used, or None."""
        with self._lock:
            scene = self._scenes.get(key)
            if scene is not None:
                self._scenes.move_to_end(key)
            return scene

    def keep(self, key: SceneKey, scene: Scene) -> None:
        """Keep a scene."""
        with self._lock:
            self._scenes[key] = scene
            self._scenes.move_to_end(key)
            while len(self._scenes) > self._max_scenes:
                self._scenes.popitem(last=False)

    def forget(self, number: int) -> None:
        """Forget what was parsed of an item: its read indexes have changed."""
        with self._lock:
            for key in [k for k in self._scenes if k[0] == number]:
                del self._scenes[key]

    def answer(self, question: Q) -> list[Scene] | None:
        """Return what a search found; None where it, or one of its scenes, is not kept any more."""
        with self._lock:
            keys = self._searches.get(question)
            if keys is None:
                return None
            self._searches.move_to_end(question)
            found = []
            for key in keys:
                scene = self._scenes.get(key)
                if scene is None:
                    return None
                self._scenes.move_to_end(key)
                found.append(scene)
            return found

    def remember(self, question: Q, keys: Sequence[SceneKey]) -> None:
        """Keep what a search found."""
        with self._lock:
            self._drop(question)
            self._searches[question] = tuple(keys)
            self._keys += _weight(keys)
            while self._keys > self._max_keys:
                self._drop(next(iter(self._searches)))

    def _drop(self, question: Q) -> None:
        keys = self._searches.pop(question, None)
        if keys is not None:
            self._keys -= _weight(keys)


def _weight(keys: Sequence[SceneKey]) -> int:
    """Return what a search costs, in keys; one that found little still has its question."""
    return max(len(keys), 64)
