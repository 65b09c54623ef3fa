"""Uploads by Python's tuspy and aiotus, led by a test.

One JSON command a line comes in, {"id", "action", "arguments"}; one JSON reply a line goes out, {"id", "value"} or
{"id", "error"}. Commands run one after the other. The end of the input ends the program.
"""

import asyncio
import contextlib
import json
import os
import sys

import aiotus
from tusclient import client as tuspy

# What breaks is tried again soon, and often enough for every cut that a test makes.
RETRIES = 40


class Peer:
    """Every public method without an underscore is a command."""

    def tuspy(self, url, path, chunk, checksum):
        uploader = tuspy.TusClient(url).uploader(
            path,
            chunk_size=chunk or sys.maxsize,
            retries=RETRIES,
            retry_delay=0.02,
            metadata={"filename": os.path.basename(path)},
            upload_checksum=checksum,
        )
        uploader.upload()
        return {"url": uploader.url}

    def aiotus(self, url, path, chunk):
        config = aiotus.RetryConfiguration(retry_attempts=RETRIES, max_retry_period_seconds=0.02)
        with open(path, "rb") as file:
            metadata = {"filename": os.path.basename(path).encode()}
            place = asyncio.run(aiotus.upload(url, file, metadata, config=config, chunksize=chunk))
        return {"url": str(place) if place else None}

    def aiotus_parts(self, url, paths):
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(path, "rb")) for path in paths]
            place = asyncio.run(aiotus.upload_multiple(url, files, {"filename": b"joined"}))
        return {"url": str(place) if place else None}

    def aiotus_metadata(self, url):
        metadata = asyncio.run(aiotus.metadata(url))
        return {key: value.decode() if value else None for key, value in metadata.items()}


def main():
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        reply = {"id": command["id"]}
        try:
            reply["value"] = getattr(peer, command["action"])(**command["arguments"])
        except Exception as error:
            reply["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(reply), flush=True)


main()
