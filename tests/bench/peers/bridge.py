"""The bridge that a user writes in 20 lines of Python: lines of stdin to messages, messages to lines of stdout.

bridge.py URL
"""

import asyncio
import contextlib
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK

LONGEST = 2**30


async def send_lines(socket):
    lines = asyncio.StreamReader(limit=LONGEST)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        await socket.send(line[:-1], text=True)
    await socket.close()


async def main(url):
    async with connect(url, compression=None, max_size=LONGEST) as socket:
        sending = asyncio.create_task(send_lines(socket))
        with contextlib.suppress(ConnectionClosedOK):
            while True:
                sys.stdout.buffer.write(await socket.recv(decode=False))
                sys.stdout.buffer.write(b"\n")
                sys.stdout.buffer.flush()
        await sending


asyncio.run(main(sys.argv[1]))
