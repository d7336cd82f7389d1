"""A host on the official Python SDK: starts the server command given on its command line over
stdio, runs the steps of the scenario read from stdin, and prints what it saw as one JSON text.

usage: py_sdk_host.py COMMAND [ARG...] <SCENARIO
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.shared.session import RequestResponder


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class Host:
    def __init__(self, answers, patience):
        self.answers = answers
        self.patience = patience
        self.notifications = []
        self.requests = []
        self.strays = []
        self.arrived = asyncio.Condition()
        self.session = None

    def open_session(self, streams):
        given = {}
        if "roots/list" in self.answers:
            given["list_roots_callback"] = self.answer_roots
        if "sampling/createMessage" in self.answers:
            given["sampling_callback"] = self.answer_sampling
        if "elicitation/create" in self.answers:
            given["elicitation_callback"] = self.answer_elicitation
        info = types.Implementation(name="wsmcp-test-host", version="1.0.0")
        self.session = ClientSession(*streams, message_handler=self.note, client_info=info, **given)
        return self.session

    async def answer_roots(self, _context):
        self.requests.append({"method": "roots/list"})
        return types.ListRootsResult(**self.answers["roots/list"])

    async def answer_sampling(self, _context, params):
        self.requests.append({"method": "sampling/createMessage", "params": plain(params)})
        return types.CreateMessageResult(**self.answers["sampling/createMessage"])

    async def answer_elicitation(self, _context, params):
        self.requests.append({"method": "elicitation/create", "params": plain(params)})
        return types.ElicitResult(**self.answers["elicitation/create"])

    async def note(self, message):
        if isinstance(message, Exception):
            self.strays.append(str(message))
        elif not isinstance(message, RequestResponder):
            async with self.arrived:
                self.notifications.append(plain(message.root))
                self.arrived.notify_all()

    def matches(self, wanted):
        return sum(
            note["method"] == wanted["method"]
            and wanted.get("contains", "") in json.dumps(note, ensure_ascii=False)
            for note in self.notifications
        )

    async def seen(self, wanted):
        async with self.arrived:
            enough = self.arrived.wait_for(lambda: self.matches(wanted) >= wanted.get("count", 1))
            try:
                await asyncio.wait_for(enough, self.patience)
            except TimeoutError:
                return {"missed": wanted}
        return {"seen": wanted}

    async def request(self, method, params, progress=False):
        """One request through the SDK's typed method for it."""
        params = params or {}
        session = self.session
        if method == "tools/call":

            async def ignore(_progress, _total, _message):
                pass  # the SDK asks for progress only with a callback; note() sees it all

            return await session.call_tool(
                params["name"],
                params.get("arguments"),
                progress_callback=ignore if progress else None,
            )
        if method == "completion/complete":
            reference = types.PromptReference(**params["ref"])
            context = params.get("context", {}).get("arguments")
            return await session.complete(reference, params["argument"], context)
        if method == "prompts/get":
            return await session.get_prompt(params["name"], params.get("arguments"))
        if method == "logging/setLevel":
            return await session.set_logging_level(params["level"])
        by_uri = {
            "resources/read": session.read_resource,
            "resources/subscribe": session.subscribe_resource,
            "resources/unsubscribe": session.unsubscribe_resource,
        }
        if method in by_uri:
            return await by_uri[method](params["uri"])
        bare = {
            "ping": session.send_ping,
            "prompts/list": session.list_prompts,
            "resources/list": session.list_resources,
            "resources/templates/list": session.list_resource_templates,
            "tools/list": session.list_tools,
        }
        return await bare[method]()

    async def attempt(self, step):
        try:
            result = await self.request(step["method"], step.get("params"), step.get("progress"))
            return {"result": plain(result)}
        except McpError as error:
            return {"error": plain(error.error)}

    async def cancelled(self, step):
        # This SDK has no call for it: the notification is sent by hand, with the id that the
        # request is going to get.
        request_id = self.session._request_id
        call = asyncio.create_task(self.attempt({**step["cancel"], "progress": True}))
        await self.seen(step["when"])
        await self.session.send_notification(
            types.ClientNotification(
                types.CancelledNotification(
                    params=types.CancelledNotificationParams(
                        requestId=request_id, reason="the test changed its mind"
                    )
                )
            )
        )
        return {"cancelled": "error" in await call}

    async def run(self, step):
        if "wait" in step:
            return await self.seen(step["wait"])
        if "cancel" in step:
            return await self.cancelled(step)
        if "together" in step:
            return await asyncio.gather(*(self.run(each) for each in step["together"]))
        return await self.attempt(step)


async def main():
    scenario = json.load(sys.stdin)
    host = Host(scenario["answers"], scenario["patience"])
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    async with stdio_client(server) as streams, host.open_session(streams) as session:
        handshake = plain(await session.initialize())
        steps = [await host.run(step) for step in scenario["steps"]]
    json.dump(
        {
            "handshake": handshake,
            "steps": steps,
            "notifications": host.notifications,
            "requests": host.requests,
            "strays": host.strays,
        },
        sys.stdout,
    )


asyncio.run(main())
