"""Deadlines, and threads for calls without a timeout: no check may hang."""

# Tested through tests/doctor/test_cluster_checks.py and tests/setup/test_administrator.py.

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Deadline(Struct, frozen=True):
    """A moment (monotonic seconds) when everything must have ended."""

    end: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds; never below zero."""
        return max(0.0, self.end - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """The earlier of this one and ``seconds`` from now."""
        return Deadline(min(self.end, time.monotonic() + seconds))


class BackgroundTask(Generic[T]):
    """A function in a daemon thread: ``getaddrinfo`` has no timeout, and a name server may not answer."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._result: list[T] = []
        self._error: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="doctor", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error.append(error)

    def result(self, deadline: Deadline) -> T:
        """What the function returned or raised; ``TimeoutError`` if it is still running at the deadline."""
        self._thread.join(deadline.left)
        if self._error:
            raise self._error[0]
        if not self._result:
            raise TimeoutError("not over in time")
        return self._result[0]
