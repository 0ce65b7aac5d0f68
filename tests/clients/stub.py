"""What the stub model servers share: HTTP on loopback, a script of turns, and a log of what the model was shown.

A stub holds no place in its script: which turn comes next is counted from the turns that the request itself tells of,
so that a request which a client repeats gets the same answer. A request that tells of no turn begins the next run.
"""

import json
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Use:
    """One call that the model makes, as its client spells it; `given` is text for a tool that takes text."""

    name: str
    given: dict[str, Any] | str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the model received for one call; `error` where the client has a flag for it."""

    call: str
    text: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the model, without what carries no tools, such as a question for a title.

    Attributes:
        tools: Names of the tools that the model was offered.
        said: Everything that it was told besides results, as JSON.
        shown: Results of its calls so far, in order.
    """

    tools: tuple[str, ...]
    said: str
    shown: tuple[Shown, ...]


@dataclass(slots=True)
class Log:
    """Requests in order; the list grows while the client runs."""

    requests: list[Request] = field(default_factory=list[Request])

    @property
    def shown(self) -> list[Shown]:
        """Every result that the model received, one for each call, over all runs of the client."""
        return list({one.call: one for request in self.requests for one in request.shown}.values())


class Stub:
    """A model server on loopback; as a context, it serves.

    Args:
        scripts: What the model calls in each run of the client, turn by turn; then it says that it is done. Further
            runs repeat the last one.
    """

    path = ""

    def __init__(self, scripts: Sequence[Sequence[Use]]) -> None:
        self._scripts, self._runs, self.log = scripts, 0, Log()
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def events(self, body: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The answer to one request, as the events of a stream."""
        raise NotImplementedError

    def next(self, made: int) -> Use | None:
        """The call after so many calls, None at the end of the run's script."""
        self._runs += made == 0
        script = self._scripts[min(self._runs, len(self._scripts)) - 1]
        return script[made] if made < len(script) else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed hangs up; anything else is a fault of the stub."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, stub: Stub, *rest: Any) -> None:
        self._stub = stub
        super().__init__(*rest)

    def do_HEAD(self) -> None:
        self._nothing()

    def do_GET(self) -> None:
        self._nothing()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.partition("?")[0] != self._stub.path:
            self._nothing()
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in self._stub.events(json.loads(body)):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def _nothing(self) -> None:
        self.send_response(404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class has
        """Say nothing."""


def texts(content: Any) -> str:
    """The texts of a result, which is a text or a list of parts that have one."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", part)) for part in content)
