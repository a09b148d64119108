"""Stands in for the comment APIs of GitHub and GitLab, which run elsewhere.

It keeps what their documentation says of the calls that the workflows make: the token's header,
pages of at most 100, creation by POST, and an edit by PATCH (GitHub) or PUT (GitLab).
https://docs.github.com/rest/issues/comments, https://docs.gitlab.com/api/notes
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

GITHUB_COMMENTS = "/repos/owner/plinth/issues/7/comments"
GITHUB_COMMENT = "/repos/owner/plinth/issues/comments/"
GITLAB_NOTES = "/projects/12/merge_requests/7/notes"
GITLAB_USER = 99
TOKEN = "made-up-token"


@dataclass
class CommentServer:
    """The comments of one pull request, and the calls that changed them."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every call that was not a GET."""

    def add(self, body: str, login: str = "ann", author: int = 1) -> None:
        """Put a comment there, as somebody else would."""
        number = len(self.comments) + 1
        self.comments.append(
            {
                "id": number,
                "url": f"{self.url}{GITHUB_COMMENT}{number}",
                "body": body,
                "user": {"login": login},
                "author": {"id": author},
            }
        )

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        """The answer to a call, or None where there is no such thing."""
        if path == "/user":
            return {"id": GITLAB_USER}
        if path in {GITHUB_COMMENTS, GITLAB_NOTES}:
            if method == "GET":
                size, page = int(query["per_page"][0]), int(query["page"][0])
                assert size <= 100
                return self.comments[(page - 1) * size : page * size]
            self.changes.append((method, path))
            self.add(body["body"], "github-actions[bot]", GITLAB_USER)
            return self.comments[-1]
        for prefix, edit in ((GITHUB_COMMENT, "PATCH"), (f"{GITLAB_NOTES}/", "PUT")):
            if path.startswith(prefix) and method == edit:
                self.changes.append((method, path))
                comment = self.comments[int(path.removeprefix(prefix)) - 1]
                comment["body"] = body["body"]
                return comment
        return None


@contextmanager
def serving(server: CommentServer) -> Iterator[None]:
    """Serve on a free port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            authorised = TOKEN in (
                self.headers.get("PRIVATE-TOKEN"),
                (self.headers.get("Authorization") or "").removeprefix("Bearer "),
            )
            parts = urlsplit(self.path)
            answer = (
                server.answer(self.command, parts.path, parse_qs(parts.query), body)
                if authorised
                else None
            )
            status = 200 if answer is not None else 404 if authorised else 401
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815  (the names that the base class calls)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
            """Keep the tests' output clean."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
