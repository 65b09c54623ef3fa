"""An ASGI application that echoes messages and closes when it is told to, served by Hypercorn over HTTP/2.

Led by a test as the other programs of this folder: `listen` starts the server, the end of the input ends it.
"""

import asyncio
import json
import socket
import sys
import tempfile

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] != "websocket":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.close", "code": 1000})
        return
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    await send({"type": "websocket.send", "text": f"HTTP/{scope['http_version']} {scope['path']}"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        if event.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "as you said"})
        elif event.get("text") is not None:
            await send({"type": "websocket.send", "text": event["text"]})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:
        command = json.loads(await reader.readline())
        listener = socket.create_server(("127.0.0.1", 0))
        config = Config()
        config.bind = [f"fd://{listener.fileno()}"]
        config.websocket_max_message_size = 64 << 20
        certificate = command["arguments"]["certificate"]
        if certificate:
            for name in ("chain", "key"):
                with open(f"{folder}/{name}.pem", "w") as file:
                    file.write(certificate[name])
            config.certfile, config.keyfile = f"{folder}/chain.pem", f"{folder}/key.pem"
        server = asyncio.create_task(serve(application, config, shutdown_trigger=stop.wait))
        reply = {"id": command["id"], "value": {"port": listener.getsockname()[1]}}
        print(json.dumps(reply), flush=True)
        await reader.read()
        stop.set()
        await asyncio.wait([server], timeout=5)


asyncio.run(main())
