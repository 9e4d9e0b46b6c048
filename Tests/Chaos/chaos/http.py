"""One kept-alive HTTP/1.1 connection that notices when more comes than was asked for."""

import asyncio
import contextlib
import time

from .history import Answer

HEAD_LIMIT = 4 * 1024 * 1024


class Refused(Exception):
    """Nobody listens there: nothing was sent."""


class Gone(Exception):
    """The connection ended without an answer."""


class Connection:
    def __init__(self, port: int):
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes, seconds: float) -> list[Answer]:
        """The answer; more than one is a fault of the server's. Raises Refused, Gone or TimeoutError."""
        extra = await self._unasked()
        if self._writer is None:
            try:
                self._reader, self._writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port, limit=HEAD_LIMIT), seconds)
            except TimeoutError:
                raise
            except OSError as error:
                raise Refused(str(error)) from None
        fields = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(head.encode() + body)
                await self._writer.drain()
                return [*extra, await self._answer()]
        except TimeoutError:
            self.close()
            raise
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise Gone(repr(error)) from None

    async def _unasked(self) -> list[Answer]:
        """What has come since the last answer. A connection that the server has closed meanwhile is left."""
        if self._writer is None:
            return []
        try:
            async with asyncio.timeout(0):
                return [await self._answer()]
        except TimeoutError:
            pass
        except (OSError, asyncio.IncompleteReadError):
            self.close()
        return []

    async def _answer(self) -> Answer:
        reader = self._reader
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(
            time.monotonic(), int(lines[0].split()[1]), body, headers.get("content-type", ""), headers.get("location", ""),
            headers.get("idempotent-replayed") == "true")

    def close(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._reader = self._writer = None
