"""An MCP server on the official Python SDK, over stdio or over the SDK's own WebSocket transport.

usage: py_sdk_server.py stdio | websocket
With `websocket` it prints {"ready": PORT} and ends when its stdin does. Every connection gets a
server object of its own, as every process has one over stdio.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import warnings

import anyio
import uvicorn
from mcp import types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.stdio import stdio_server
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from mcp.server.websocket import websocket_server

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
GREETING = "note://greeting"
BLOB = "note://blob"


def text(value):
    return [types.TextContent(type="text", text=value)]


def schema(**properties):
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }


class Tools:
    """The tools; a method each, its docstring is the tool's description."""

    def __init__(self, server):
        self.server = server
        self.level = "info"
        self.interrupted = 0

    @property
    def session(self):
        return self.server.request_context.session

    async def log(self, level, data):
        await self.session.send_log_message(level, data, logger="py-sdk-server")

    async def progress(self, done, total, message):
        meta = self.server.request_context.meta
        if meta and meta.progressToken is not None:
            await self.session.send_progress_notification(meta.progressToken, done, total, message)

    async def echo(self, message):
        """Returns its argument."""
        return text(message)

    async def add(self, a, b):
        """Adds two numbers, with structured output."""
        return text(str(a + b)), {"sum": a + b}

    async def slow(self, steps):
        """Reports progress and logs at every step."""
        for step in range(1, steps + 1):
            await anyio.sleep(0.02)
            await self.progress(step, steps, f"étape {step}")
            await self.log("info", {"step": step})
        return text(f"{steps} steps done")

    async def fail(self, reason):
        """Always fails."""
        await self.log("error", f"about to fail: {reason}")
        raise RuntimeError(reason)

    async def image(self):
        """Returns a picture."""
        return [
            types.TextContent(type="text", text="one pixel"),
            types.ImageContent(type="image", data=PIXEL, mimeType="image/png"),
        ]

    async def touch(self):
        """Sends every kind of change notification."""
        await self.session.send_resource_updated(GREETING)
        await self.session.send_resource_list_changed()
        await self.session.send_tool_list_changed()
        await self.session.send_prompt_list_changed()
        return text("touched")

    async def ask_roots(self):
        """Asks the host for its roots."""
        result = await self.session.list_roots()
        return text(", ".join(str(root.uri) for root in result.roots))

    async def ask_model(self, question):
        """Asks the host for a completion by its model."""
        message = types.SamplingMessage(
            role="user", content=types.TextContent(type="text", text=question)
        )
        result = await self.session.create_message([message], max_tokens=10)
        return text(f"{result.model}: {result.content.text}")

    async def ask_user(self, question):
        """Asks the host's user."""
        wanted = {"type": "object", "properties": {"name": {"type": "string"}}}
        result = await self.session.elicit(question, wanted)
        return text(f"{result.action}: {result.content}")

    async def hang(self):
        """Reports progress once and never returns; counts how often it was cancelled."""
        await self.progress(0, 1, "hanging")
        try:
            await anyio.sleep_forever()
        finally:
            self.interrupted += 1

    async def count_interrupted(self):
        """How often `hang` was cancelled."""
        return text(str(self.interrupted))


TOOLS = {
    "echo": schema(message="string"),
    "add": schema(a="number", b="number"),
    "slow": schema(steps="integer"),
    "fail": schema(reason="string"),
    "image": schema(),
    "touch": schema(),
    "ask_roots": schema(),
    "ask_model": schema(question="string"),
    "ask_user": schema(question="string"),
    "hang": schema(),
    "count_interrupted": schema(),
}
OUTPUT = {"add": schema(sum="number")}


def add_tools(server, tools):
    @server.list_tools()
    async def _list_tools():
        return [
            types.Tool(
                name=name,
                description=getattr(tools, name).__doc__,
                inputSchema=given,
                outputSchema=OUTPUT.get(name),
            )
            for name, given in TOOLS.items()
        ]

    @server.call_tool()
    async def _call_tool(name, arguments):
        if name not in TOOLS:
            raise ValueError(f"no tool is called {name}")
        return await getattr(tools, name)(**arguments)


def add_resources(server, tools):
    @server.list_resources()
    async def _list_resources():
        return [
            types.Resource(uri=GREETING, name="greeting", mimeType="text/plain"),
            types.Resource(uri=BLOB, name="blob", mimeType="application/octet-stream"),
        ]

    @server.list_resource_templates()
    async def _list_templates():
        return [types.ResourceTemplate(uriTemplate="note://{name}", name="note")]

    @server.read_resource()
    async def _read_resource(uri):
        if str(uri) == GREETING:
            return [ReadResourceContents("Grüße, \u4f60\u597d \U0001f44b\u2028", "text/plain")]
        if str(uri) == BLOB:
            return [ReadResourceContents(bytes(range(256)), "application/octet-stream")]
        raise ValueError(f"no resource is called {uri}")

    @server.subscribe_resource()
    async def _subscribe(uri):
        await tools.log("notice", f"subscribed to {uri}")

    @server.unsubscribe_resource()
    async def _unsubscribe(uri):
        await tools.log("notice", f"unsubscribed from {uri}")


def add_prompts(server):
    @server.list_prompts()
    async def _list_prompts():
        argument = types.PromptArgument(name="who", description="whom to greet", required=True)
        return [types.Prompt(name="greet", description="A greeting", arguments=[argument])]

    @server.get_prompt()
    async def _get_prompt(name, arguments):
        if name != "greet":
            raise ValueError(f"no prompt is called {name}")
        said = types.TextContent(type="text", text=f"Say hello to {arguments['who']}.")
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=said)])

    @server.completion()
    async def _complete(_ref, argument, _context):
        names = ["Ada", "Alan", "Barbara"]
        return types.Completion(values=[n for n in names if n.startswith(argument.value)])


def new_server():
    server = Server("py-sdk-server", version="1.0.0", instructions="A server for tests.")
    tools = Tools(server)
    add_tools(server, tools)
    add_resources(server, tools)
    add_prompts(server)

    @server.set_logging_level()
    async def _set_level(level):
        await tools.log("info", f"level is {level}")

    return server


async def serve(streams):
    server = new_server()
    changes = NotificationOptions(True, True, True)
    options = server.create_initialization_options(changes)
    # The SDK's lowlevel server has handlers for subscriptions but always declares that it has not.
    options.capabilities.resources.subscribe = True
    await server.run(*streams, options)


async def over_stdio():
    async with stdio_server() as streams:
        await serve(streams)


async def on_websocket(websocket):
    connection = (websocket.scope, websocket.receive, websocket._send)
    async with websocket_server(*connection) as streams:
        await serve(streams)


def end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)


def over_websocket():
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[WebSocketRoute("/mcp", on_websocket)])
    config = uvicorn.Config(app, log_level="critical", ws_ping_interval=0.2, ws_ping_timeout=60)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    # The socket listens already, so a client may come before uvicorn has looked at it.
    print(json.dumps({"ready": listener.getsockname()[1]}), flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if sys.argv[1] == "stdio":
    asyncio.run(over_stdio())
else:
    warnings.simplefilter("ignore", DeprecationWarning)
    over_websocket()
