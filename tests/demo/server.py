#!/usr/bin/env python3
"""A small MCP server over WebSocket, to show wsmcp and to test it with.

Speaks MCP 2025-06-18 and 2025-11-25. Says "listening on URL" on stdout once it can be reached.
Works with every release of the websockets library since 10.4.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import websockets

Json = dict[str, Any]

VERSIONS = ["2025-11-25", "2025-06-18"]
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
CLOCK = "demo://clock"
GREETINGS = {"en": "Hello", "de": "Hallo", "fr": "Bonjour"}


class RpcError(Exception):
    """Becomes a JSON-RPC error."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


class Session:
    """One connection."""

    def __init__(self, socket: Any):
        self.socket = socket
        self.level = "info"
        self.subscriptions: set[str] = set()
        self.running: dict[Any, asyncio.Task[None]] = {}

    async def send(self, message: Json) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):  # run() sees that, too
            await self.socket.send(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False))

    async def notify(self, method: str, params: Json) -> None:
        await self.send({"method": method, "params": params})

    async def tick(self, seconds: float) -> None:
        """Pushes what a client may get without having asked, on a timer."""
        number = 0
        while True:
            await asyncio.sleep(seconds)
            number += 1
            if LEVELS.index(self.level) <= LEVELS.index("info"):
                data = {"tick": number}
                await self.notify(
                    "notifications/message", {"level": "info", "logger": "timer", "data": data}
                )
            for uri in sorted(self.subscriptions):
                await self.notify("notifications/resources/updated", {"uri": uri})

    async def answer(self, ident: Any, method: str, params: Json) -> None:
        """Runs one request and sends its answer; none if it is cancelled."""
        try:
            if method not in METHODS:
                raise RpcError(-32601, f"no such method: {method}")
            reply: Json = {"result": await METHODS[method](self, params)}
        except RpcError as error:
            reply = {"error": {"code": error.code, "message": str(error)}}
        except (KeyError, TypeError, ValueError) as error:
            reply = {"error": {"code": -32602, "message": f"invalid params: {error!r}"}}
        await self.send({"id": ident, **reply})

    async def refuse(self, code: int, why: str) -> None:
        await self.send({"id": None, "error": {"code": code, "message": why}})

    async def receive(self, message: Any) -> None:
        if not isinstance(message, dict):
            return await self.refuse(-32600, "not a JSON-RPC message")
        method, params = message.get("method"), message.get("params", {})
        if method == "notifications/cancelled":
            if task := self.running.get(params.get("requestId")):
                task.cancel()
        elif method is not None and "id" in message:
            task = asyncio.ensure_future(self.answer(message["id"], method, params))
            self.running[message["id"]] = task
            task.add_done_callback(lambda _: self.running.pop(message["id"], None))

    async def run(self, tick: float) -> None:
        timer = asyncio.ensure_future(self.tick(tick)) if tick else None
        try:
            async for text in self.socket:
                try:
                    message = json.loads(text)
                except ValueError as error:
                    await self.refuse(-32700, f"not JSON: {error}")
                else:
                    await self.receive(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            for task in [*self.running.values(), *([timer] if timer else [])]:
                task.cancel()


# --- tools -----------------------------------------------------------------------------------


def text(words: str) -> Json:
    return {"content": [{"type": "text", "text": words}]}


async def echo(session: Session, params: Json) -> Json:
    return text(params["arguments"]["text"])


async def add(session: Session, params: Json) -> Json:
    total = params["arguments"]["a"] + params["arguments"]["b"]
    return {**text(str(total)), "structuredContent": {"sum": total}}


async def slow(session: Session, params: Json) -> Json:
    arguments = params.get("arguments", {})
    steps, pause = arguments.get("steps", 4), arguments.get("milliseconds", 100) / 1000
    token = params.get("_meta", {}).get("progressToken")
    for step in range(1, steps + 1):
        await asyncio.sleep(pause)
        if token is not None:
            progress = {"progressToken": token, "progress": step, "total": steps}
            await session.notify("notifications/progress", progress)
    return text(f"{steps} steps done")


def png(width: int, height: int) -> bytes:
    """A picture of a colour gradient."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in (255 * x // width, 255 * y // height, 160))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


async def picture(session: Session, params: Json) -> Json:
    data = base64.b64encode(png(64, 64)).decode()
    return {"content": [{"type": "image", "data": data, "mimeType": "image/png"}]}


async def fail(session: Session, params: Json) -> Json:
    return {**text("this tool always fails"), "isError": True}


def schema(required: list[str], **types: str) -> Json:
    properties = {name: {"type": kind} for name, kind in types.items()}
    return {"type": "object", "properties": properties, "required": required}


Handler = Callable[[Session, Json], Awaitable[Json]]

TOOLS: dict[str, tuple[Handler, str, Json]] = {
    "echo": (echo, "Says what it is told", schema(["text"], text="string")),
    "add": (add, "Adds two numbers", schema(["a", "b"], a="number", b="number")),
    "slow": (slow, "Takes its time, and tells", schema([], steps="integer", milliseconds="number")),
    "picture": (picture, "Draws a small picture", schema([])),
    "fail": (fail, "Never works", schema([])),
}


# --- methods ---------------------------------------------------------------------------------


async def initialize(session: Session, params: Json) -> Json:
    asked = params["protocolVersion"]
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "serverInfo": {"name": "wsmcp-demo", "version": "1"},
        "capabilities": {
            "tools": {},
            "resources": {"subscribe": True},
            "prompts": {},
            "logging": {},
        },
    }


async def nothing(session: Session, params: Json) -> Json:
    return {}


async def set_level(session: Session, params: Json) -> Json:
    if params["level"] not in LEVELS:
        raise ValueError(params["level"])
    session.level = params["level"]
    return {}


async def tools_list(session: Session, params: Json) -> Json:
    tools = [
        {"name": name, "description": description, "inputSchema": input_schema}
        for name, (_, description, input_schema) in TOOLS.items()
    ]
    tools[1]["outputSchema"] = schema(["sum"], sum="number")
    return {"tools": tools}


async def tools_call(session: Session, params: Json) -> Json:
    if params["name"] not in TOOLS:
        raise RpcError(-32602, f"no such tool: {params['name']}")
    return await TOOLS[params["name"]][0](session, params)


async def resources_list(session: Session, params: Json) -> Json:
    return {"resources": [{"uri": CLOCK, "name": "clock", "mimeType": "text/plain"}]}


def known_resource(params: Json) -> str:
    if params["uri"] != CLOCK:
        raise RpcError(-32002, f"no such resource: {params['uri']}")
    return CLOCK


async def resources_read(session: Session, params: Json) -> Json:
    uri, now = known_resource(params), time.strftime("%H:%M:%S")
    return {"contents": [{"uri": uri, "mimeType": "text/plain", "text": f"It is {now}."}]}


async def subscribe(session: Session, params: Json) -> Json:
    session.subscriptions.add(known_resource(params))
    return {}


async def unsubscribe(session: Session, params: Json) -> Json:
    session.subscriptions.discard(known_resource(params))
    return {}


async def prompts_list(session: Session, params: Json) -> Json:
    arguments = [{"name": "name", "required": True}, {"name": "language"}]
    return {"prompts": [{"name": "greet", "description": "A greeting", "arguments": arguments}]}


async def prompts_get(session: Session, params: Json) -> Json:
    if params["name"] != "greet":
        raise RpcError(-32602, f"no such prompt: {params['name']}")
    arguments = params.get("arguments", {})
    words = f"{GREETINGS[arguments.get('language', 'en')]}, {arguments['name']}!"
    return {"messages": [{"role": "user", "content": {"type": "text", "text": words}}]}


METHODS: dict[str, Handler] = {
    "initialize": initialize,
    "ping": nothing,
    "logging/setLevel": set_level,
    "tools/list": tools_list,
    "tools/call": tools_call,
    "resources/list": resources_list,
    "resources/read": resources_read,
    "resources/subscribe": subscribe,
    "resources/unsubscribe": unsubscribe,
    "prompts/list": prompts_list,
    "prompts/get": prompts_get,
}


async def serve(host: str, port: int, tick: float) -> None:
    async def handler(socket: Any) -> None:
        await Session(socket).run(tick)

    async with websockets.serve(handler, host, port, subprotocols=["mcp"]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"listening on ws://{host}:{port}/mcp", flush=True)
        await asyncio.Future()  # until we are killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
    parser.add_argument(
        "--tick", type=int, default=0, metavar="MS", help="push a notification every MS; 0: none"
    )
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(arguments.host, arguments.port, arguments.tick / 1000))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
