"""A steady load of small requests, each on a connection kept open, and how many of them failed."""

import threading

import httpx

from tests.lib.raw_http import BODY

_HEADERS = {"content-type": "application/json"}


class Load:
    """A few threads that ask while the block lasts; a failure is an answer not given with 200."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self.answered = self.failed = 0
        self._url, self._stop, self._lock = url, threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30.0) as client:
            while not self._stop.is_set():
                try:
                    good = client.post("/rank", content=BODY, headers=_HEADERS).is_success
                except httpx.TransportError:
                    good = False
                with self._lock:
                    self.answered += good
                    self.failed += not good
