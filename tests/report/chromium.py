"""A page in headless Chromium, spoken to over its debugging pipe: evaluate, look for errors, take a picture.

Chromium comes from the system (`apt-get install chromium`); `.ci/run` installs it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--mute-audio", "--hide-scrollbars", "--no-first-run")
# Chromium reads commands from descriptor 3 and answers on 4.
START = """import os, sys
down, up = (os.dup2(int(fd), 50 + i) for i, fd in enumerate(sys.argv[1:3]))
os.dup2(down, 3)
os.dup2(up, 4)
os.execv(sys.argv[3], sys.argv[3:])"""


def find() -> str | None:
    """Where Chromium is, if it is on this machine."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """One page. errors: exceptions and console errors so far. asked: addresses that it wanted besides its own."""

    def __init__(self, program: str, url: str, profile: Path, size: tuple[int, int] = (1080, 1400)) -> None:
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        width, height = size

        flags = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, str(down_read), str(up_write), program, *flags, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(down_read, up_write),
        )  # fmt: skip
        os.close(down_read)
        os.close(up_write)
        self._down, self._up, self._rest, self._number = down_write, up_read, b"", 0
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.url = url
        self._session: str | None = None
        try:
            self._open(url)
        except BaseException:
            self.close()
            raise

    def _open(self, url: str) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=url)

    def call(self, method: str, **parameters: Any) -> Any:
        """One command; events that come meanwhile are taken note of."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._down, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._event(answer)

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            more = os.read(self._up, 1 << 20)
            assert more, "Chromium has ended"
            self._rest += more
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _event(self, event: dict[str, Any]) -> None:
        method, what = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(what["exceptionDetails"]))
        elif method == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.errors.append(what["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "assert"):
            self.errors.append(json.dumps(what["args"]))
        elif method == "Network.requestWillBeSent":
            address = what["request"]["url"]
            if address != self.url and not address.startswith("data:"):
                self.asked.append(address)

    def run(self, script: str) -> Any:
        """The value of an expression; of a promise, what it becomes."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait for an expression to be true, as long as the page takes."""
        self.run(f"new Promise(r => {{ const f = () => ({condition}) ? r() : setTimeout(f, 20); f(); }})")

    def click(self, x: float, y: float) -> None:
        """A click of the mouse, at a place in the window."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def hover(self, x: float, y: float) -> None:
        """The mouse to a place in the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path: Path) -> None:
        """A PNG of the window, to look at."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End Chromium."""
        self._process.terminate()
        self._process.wait()
        os.close(self._down)
        os.close(self._up)
