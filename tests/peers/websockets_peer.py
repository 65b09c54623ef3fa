"""One WebSocket connection of Python's websockets, led by a test.

One JSON command a line comes in, {"id", "action", "arguments"}; one JSON reply a line goes out, {"id", "value"} or
{"id", "error"}. Commands run side by side. The end of the input ends the program.
"""

import asyncio
import hashlib
import json
import os
import ssl
import sys
import tempfile

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

PATIENCE = 60


class Flow:
    """What went one way, told so that the other end can compare."""

    def __init__(self):
        self.messages = 0
        self.bytes = 0
        self.hash = hashlib.sha1()

    def add(self, message):
        kind = b"t" if isinstance(message, str) else b"b"
        payload = message.encode() if isinstance(message, str) else message
        self.messages += 1
        self.bytes += len(payload)
        self.hash.update(kind + len(payload).to_bytes(4, "big"))
        self.hash.update(payload)

    def report(self):
        return {"messages": self.messages, "bytes": self.bytes, "digest": self.hash.hexdigest()}


class Peer:
    """Every public method without an underscore is a command."""

    def __init__(self):
        self._connected = asyncio.Event()
        self._pushed = 0

    async def listen(self, certificate, deflate, protocols):
        self._server = await serve(
            self._serve_one, "127.0.0.1", 0, ssl=server_tls(certificate), **options(deflate, protocols)
        )
        return {"port": self._server.sockets[0].getsockname()[1]}

    async def _serve_one(self, connection):
        self._connection = connection
        self._connected.set()
        # Returning would close the connection.
        await connection.wait_closed()

    async def accepted(self):
        await self._connected.wait()
        return self._opened()

    async def connect(self, url, ca, deflate, protocols):
        tls = ssl.create_default_context(cadata=ca) if ca else None
        self._connection = await connect(url, ssl=tls, proxy=None, **options(deflate, protocols))
        return self._opened()

    def _opened(self):
        names = [extension.name for extension in self._connection.protocol.extensions]
        return {
            "protocol": self._connection.subprotocol or "",
            "deflate": "permessage-deflate" in names,
        }

    async def send(self, text, fragments):
        fragments = [bytes.fromhex(fragment) for fragment in fragments]
        await self._connection.send(fragments if len(fragments) > 1 else fragments[0], text=text)

    async def count(self, messages):
        for number in range(messages):
            await self._connection.send(f"message {number}")

    async def push(self, messages, size):
        flow = Flow()
        for _ in range(messages):
            message = os.urandom(size)
            await self._connection.send(message)
            flow.add(message)
            self._pushed = flow.bytes
        return flow.report()

    async def pushed(self):
        return self._pushed

    async def echo(self, messages):
        for _ in range(messages):
            await self._connection.send(await self._connection.recv())

    async def pause(self):
        """Nothing to do: what nobody receives is not read, beyond a few frames."""

    async def receive(self, messages):
        flow = Flow()
        try:
            while messages is None or flow.messages < messages:
                flow.add(await self._connection.recv())
        except ConnectionClosed:
            pass  # the number tells
        return flow.report()

    async def receive_fragments(self):
        return [len(fragment) async for fragment in self._connection.recv_streaming(decode=False)]

    async def ping(self, payload):
        await (await self._connection.ping(payload))

    async def close(self, code, reason):
        await self._connection.close(code, reason)
        return await self.closed()

    async def closed(self):
        await self._connection.wait_closed()
        return {"code": self._connection.close_code, "reason": self._connection.close_reason}

    async def drop(self):
        self._connection.transport.abort()


def options(deflate, protocols):
    return {
        "compression": "deflate" if deflate else None,
        "subprotocols": protocols or None,
        "max_size": None,
        "ping_interval": None,
        "open_timeout": PATIENCE,
        "close_timeout": PATIENCE,
    }


def server_tls(certificate):
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The ssl module loads chains from files only.
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(certificate["chain"] + certificate["key"])
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def obey(peer, command):
    reply = {"id": command["id"]}
    try:
        reply["value"] = await getattr(peer, command["action"])(**command["arguments"])
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(reply), flush=True)


async def main():
    commands = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    peer, tasks = Peer(), set()
    while line := await commands.readline():
        task = asyncio.create_task(obey(peer, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    os._exit(0)


asyncio.run(main())
