"""A client of the HTTP interface: thin, typed, and patient with a server that is busy.

It needs httpx and nothing of a server. Answers are values, refusals are errors with the code and the
field that the server named.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

Row = Mapping[str, Any]

_BUSY = 503
_LONGEST_WAIT = 10.0


@dataclass(frozen=True)
class RankedItem:
    """One item of an answer."""

    item_id: str
    score: float
    position: int
    """Slot, 1 the top."""


@dataclass(frozen=True)
class Ranked:
    """One answer."""

    request_id: str
    """Name it in `Client.events` when you tell what was shown."""
    release: str
    version: int
    arm: str
    ts: int
    """As of when everything was known, µs since the epoch."""
    items: tuple[RankedItem, ...]
    """Top slot first."""
    state_age_s: float | None
    degraded: bool
    reasons: tuple[str, ...]
    unknown_items: int
    unknown_user: bool
    epoch: int | None = None


@dataclass(frozen=True)
class RefusedEvent:
    """One row that was not taken."""

    table: str
    row: int
    field: str | None
    code: str
    message: str


@dataclass(frozen=True)
class Taken:
    """What became of events."""

    accepted: int
    repeated: int
    refused: tuple[RefusedEvent, ...]


@dataclass(frozen=True)
class Standing:
    """How the service stands."""

    status: str
    ready: bool
    release: str | None
    state_age_s: float | None
    behind: int | None
    reasons: tuple[str, ...]


class ClientError(Exception):
    """The server did not do what was asked.

    Attributes:
        status: of the HTTP answer; 0 where there was none.
        code: one of a closed list, see /docs; `unreachable` where there was no answer.
        field: path of the field at fault, where it is one field's.
    """

    def __init__(self, status: int, code: str, field: str | None, message: str) -> None:
        super().__init__(f"{code}{f' at {field}' if field else ''}: {message}")
        self.status, self.code, self.field = status, code, field


class InvalidRequest(ClientError):
    """The request is at fault (4xx): sent again it would be refused again."""


class NotAllowed(InvalidRequest):
    """A token is missing or wrong (401)."""


class Unavailable(ClientError):
    """The server cannot answer now (5xx, or no answer), even after some tries."""


class Client:
    """Calls one service; use it as a context, from one thread at a time."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 5.0,
        tries: int = 3,
        http: httpx.Client | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: such as `http://127.0.0.1:3000`.
            token: where the service wants one.
            timeout: seconds for each try.
            tries: how often a request is sent while the server is busy.
            http: a client of your own, which you close yourself.
        """
        self._url, self._tries, self._timeout = url.rstrip("/"), tries, timeout
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = http or httpx.Client(trust_env=False)
        self._own = http is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, unless the HTTP client is yours."""
        if self._own:
            self._http.close()

    def rank(self, user_id: str, candidates: Sequence[str], **more: Any) -> Ranked:
        """Rank candidates for a person.

        Args:
            user_id: pseudonym of the person.
            candidates: ids of the items.
            more: `ts`, `context`, `request_id`, `revenue` as in /docs.

        Raises:
            InvalidRequest: the request is at fault.
            Unavailable: the server could not answer.
        """
        body = {"user_id": user_id, "candidates": list(candidates), **more}
        return _ranked(self._call("POST", "/rank", body))

    def rank_batch(self, requests: Sequence[Row]) -> tuple[Ranked | ClientError, ...]:
        """Several rankings; one that is refused is an error in its place.

        Raises:
            InvalidRequest: the batch as a whole is at fault.
            Unavailable: the server could not answer.
        """
        answers = self._call("POST", "/rank/batch", {"requests": list(requests)})["answers"]
        return tuple(
            _failure(answer["status"], answer["error"])
            if "error" in answer
            else _ranked(answer)
            for answer in answers
        )

    def events(
        self,
        *,
        exposures: Sequence[Row] = (),
        feedback: Sequence[Row] = (),
        items: Sequence[Row] = (),
    ) -> Taken:
        """Tell what was shown and what happened; sending it again does no harm.

        Raises:
            InvalidRequest: the body as a whole is at fault; bad rows are in the answer instead.
            Unavailable: the server could not take them.
        """
        body = {
            "exposures": list(exposures),
            "feedback": list(feedback),
            "items": list(items),
        }
        answer = self._call("POST", "/events", body)
        refused = tuple(RefusedEvent(**row) for row in answer["refused"])
        return Taken(answer["accepted"], answer["repeated"], refused)

    def ready(self) -> Standing:
        """How the service stands; it is asked once.

        Raises:
            Unavailable: it does not answer.
        """
        answer = self._send("GET", "/readyz", None)
        content = _content(answer)
        if "status" not in content:
            raise _failure(answer.status_code, content.get("error", {}))
        return Standing(
            content["status"],
            answer.is_success,
            content.get("release"),
            content.get("state_age_s"),
            content.get("behind"),
            tuple(content.get("reasons", ())),
        )

    def _call(self, method: str, path: str, body: Row) -> dict[str, Any]:
        """Send until it is answered: all routes may be asked twice."""
        left = self._tries
        while True:
            left -= 1
            try:
                answer = self._send(method, path, body)
            except Unavailable:
                if left <= 0:
                    raise
                time.sleep(_wait(None))
                continue
            if answer.status_code != _BUSY or left <= 0:
                break
            time.sleep(_wait(answer.headers.get("retry-after")))
        content = _content(answer)
        if not answer.is_success:
            raise _failure(answer.status_code, content.get("error", {}))
        return content

    def _send(self, method: str, path: str, body: Row | None) -> httpx.Response:
        try:
            return self._http.request(
                method,
                self._url + path,
                json=body,
                headers=self._headers,
                timeout=self._timeout,
            )
        except httpx.TransportError as error:
            reason = f"{self._url} does not answer ({type(error).__name__})"
            raise Unavailable(0, "unreachable", None, reason) from error


def _wait(retry_after: str | None) -> float:
    """As long as the server asks for, and a little by chance, so that not all come back at once."""
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else 0.2
    return min(seconds, _LONGEST_WAIT) * random.uniform(1.0, 1.5)  # noqa: S311 - no secret


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        message = "the answer is not of this service; is something else in front of it?"
        raise Unavailable(answer.status_code, "not_json", None, message)
    return content


def _failure(status: int, error: Mapping[str, Any]) -> ClientError:
    kind = InvalidRequest if status < 500 else Unavailable
    if status == 401:
        kind = NotAllowed
    code, field = error.get("code", "unknown"), error.get("field")
    return kind(status, code, field, error.get("message", "no reason was given"))


def _ranked(answer: Mapping[str, Any]) -> Ranked:
    return Ranked(
        request_id=answer["request_id"],
        release=answer["release"],
        version=answer["version"],
        arm=answer["arm"],
        ts=answer["ts"],
        items=tuple(RankedItem(**item) for item in answer["items"]),
        state_age_s=answer["state_age_s"],
        degraded=answer["degraded"],
        reasons=tuple(answer["reasons"]),
        unknown_items=answer["unknown_items"],
        unknown_user=answer["unknown_user"],
        epoch=answer.get("epoch"),
    )
