"""The thread on which the synchronous environments of a process share one Chromium."""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from cairn.sandbox.errors import CairnError
from cairn.sandbox.sandbox import Sandbox

T = TypeVar("T")


class BackgroundLoop:
    """A thread with an event loop, on which the shared sandbox lives."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="cairn-sandbox", daemon=True
        )
        self._thread.start()
        try:
            self.sandbox = self.run(Sandbox.start())
        except BaseException:
            self._stop()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it."""
        if self.process_id != os.getpid():
            work.close()
            raise CairnError(
                "a live browser does not survive fork(): make environments in the worker "
                "process, or start workers with multiprocessing's 'spawn'"
            )
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    def close(self) -> None:
        """End the sandbox and the thread."""
        if self.process_id != os.getpid():
            return
        self.run(self.sandbox.close())
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_shared: BackgroundLoop | None = None
_starting = threading.Lock()


def shared_loop() -> BackgroundLoop:
    """Return the loop of this process; the first call starts Chromium.

    Raises:
        SetupError: If there is no Chromium.
    """
    global _shared
    with _starting:
        if _shared is None:
            _shared = BackgroundLoop()
            atexit.register(shut_down)
    return _shared


def shut_down() -> None:
    """End the Chromium that this process's Gymnasium environments share."""
    global _shared
    with _starting:
        loop, _shared = _shared, None
    if loop is not None:
        loop.close()
