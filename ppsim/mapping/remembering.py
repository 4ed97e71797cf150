"""What has been worked out is remembered by what it depends on, up to so many bytes: the latest asked for stay."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Same:
    """An object as a key, equal to none but itself; the key keeps it, so that no other one gets its identity."""

    __slots__ = ("of",)

    def __init__(self, of: object) -> None:
        self.of = of

    def __hash__(self) -> int:
        """By identity."""
        return id(self.of)

    def __eq__(self, other: Any) -> bool:
        """By identity."""
        return isinstance(other, Same) and self.of is other.of


class Memory(Generic[T]):
    """Values by key, `room` bytes of them as `bytes_of` estimates each; one that takes all of it is not kept."""

    def __init__(self, room: int, bytes_of: Callable[[T], int]) -> None:
        self._room, self._bytes_of = room, bytes_of
        self._found: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._taken = 0
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made now if it is not remembered."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                return found[0]
        value = make()
        size = self._bytes_of(value)
        if size < self._room:
            with self._lock:
                self._taken += size - self._found.pop(key, (value, 0))[1]
                self._found[key] = value, size
                while self._taken > self._room:
                    self._taken -= self._found.popitem(last=False)[1][1]
        return value

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._found.clear()
            self._taken = 0
