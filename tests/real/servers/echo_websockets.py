"""A WebSocket server on PyPI's `websockets` that sends every message back; what the path says:
  /text       as it came
  /binary     in a binary frame
  /fragments  in fragments of 1000 bytes, which split characters
  /pretty     laid out over many lines, with CR LF and one more at the end

It prints {"ready": PORT} and ends when its stdin does.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import serve

FRAGMENT = 1000


async def pieces(data):
    for start in range(0, len(data), FRAGMENT):
        yield data[start : start + FRAGMENT]


async def answer(websocket, message):
    kind = websocket.request.path
    data = message.encode()
    if kind == "/text":
        await websocket.send(message)
    elif kind == "/binary":
        await websocket.send(data)
    elif kind == "/fragments":
        await websocket.send(pieces(data), text=True)
    elif kind == "/pretty":
        laid_out = json.dumps(json.loads(message), indent=1, ensure_ascii=False)
        await websocket.send(laid_out.replace("\n", "\r\n") + "\r\n")


async def on_connection(websocket):
    async for message in websocket:
        await answer(websocket, message)


async def main():
    # Everything at its default (pings, permessage-deflate) but the size limit of 1 MiB.
    async with serve(on_connection, "127.0.0.1", 0, max_size=None) as server:
        print(json.dumps({"ready": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


asyncio.run(main())
