"""What a host does in a session, as data: both SDK hosts run these steps.

A step belongs to a part of MCP, and `has` is text that must be in what came of it: two sides that
fail alike must not pass for two sides that agree.
"""

# Every plane of Unicode, what JSON escapes, and separators that are line ends to some readers.
TEXT = 'Zoë said "\\o/"\t\n\r 你好 \U0001f44b \u2028\u2029\x85\x7f\x00'
LARGE = "ß€\U0001f600 " * 100_000


def step(part, method, params=None, has="", **more):
    return {"part": part, "method": method, "params": params, "has": has, **more}


def call(part, tool, has="", progress=False, **arguments):
    params = {"name": tool, "arguments": arguments}
    return step(part, "tools/call", params, has, progress=progress)


def wait(part, method, contains="", count=1):
    wanted = {"method": method, "contains": contains, "count": count}
    return {"part": part, "wait": wanted, "has": method}


def together(part, *steps):
    return {"part": part, "together": list(steps), "has": ""}


ANSWERS = {
    "roots/list": {"roots": [{"uri": "file:///srv/garden", "name": "grün"}]},
    "sampling/createMessage": {
        "role": "assistant",
        "model": "a-model",
        "content": {"type": "text", "text": "Forty-two."},
    },
    "elicitation/create": {"action": "accept", "content": {"name": "Zoë"}},
}

EVERYTHING_STEPS = [
    step("tools", "tools/list", has="trigger-long-running-operation"),
    call("calls", "echo", message=TEXT, has="Zoë said"),
    call("calls", "echo", message=LARGE, has=LARGE),
    call("calls", "get-sum", a=2, b=40.5, has="is 42.5"),
    call("calls", "get-structured-content", location="Chicago", has="structuredContent"),
    call("calls", "get-annotated-message", has="annotations", messageType="error",
         includeImage=True),
    call("calls", "get-resource-links", count=10, has="resource_link"),
    call("calls", "get-resource-reference", resourceType="Text", resourceId=7, has="Resource 7"),
    call("image", "get-tiny-image", has="image/png"),
    call("failures", "get-sum", a="two", b=3, has="isError"),
    call("failures", "no-such-tool", has="not found"),
    step("failures", "resources/read", {"uri": "demo://no/such/resource"}, has="error"),
    step("failures", "prompts/get", {"name": "no-such-prompt"}, has="error"),
    together("calls", *(call("calls", "get-sum", a=n, b=n, has=f"is {2 * n}.") for n in range(20))),
    call("progress", "trigger-long-running-operation", "completed", True, duration=0.3, steps=6),
    wait("progress", "notifications/progress", count=6),
    step("resources", "resources/list", has="demo://resource/static/document/features.md"),
    step("resources", "resources/templates/list", has="demo://resource/dynamic/text/"),
    step("resources", "resources/read", {"uri": "demo://resource/static/document/features.md"},
         has="text/markdown"),
    step("resources", "resources/read", {"uri": "demo://resource/dynamic/text/5"},
         has="Resource 5"),
    step("prompts", "prompts/list", has="args-prompt"),
    step("prompts", "prompts/get", {"name": "simple-prompt"}, has="simple prompt"),
    step("prompts", "prompts/get",
         {"name": "args-prompt", "arguments": {"city": "Åre", "state": "Jämtland"}}, has="Åre"),
    step("prompts", "completion/complete",
         {"ref": {"type": "ref/prompt", "name": "completable-prompt"},
          "argument": {"name": "name", "value": "G"},
          "context": {"arguments": {"department": "Marketing"}}}, has="Grace"),
    step("session", "ping"),
    step("session", "logging/setLevel", {"level": "debug"}),
    step("notifications", "resources/subscribe", {"uri": "demo://resource/dynamic/text/5"}),
    wait("notifications", "notifications/message", contains="Received Subscribe"),
    call("notifications", "toggle-subscriber-updates", has="Started simulated"),
    wait("notifications", "notifications/resources/updated", contains="demo://"),
    call("notifications", "toggle-subscriber-updates", has="Stopped simulated"),
    step("notifications", "resources/unsubscribe", {"uri": "demo://resource/dynamic/text/5"}),
    wait("notifications", "notifications/message", contains="Received Unsubscribe"),
]

# The server asks for the roots a moment after the handshake, in between whatever goes on then: so
# these steps come first and wait for it.
EVERYTHING_REQUESTS = [
    wait("server-requests", "notifications/message", contains="Roots updated: 1"),
    call("server-requests", "get-roots-list", has="file:///srv/garden"),
    call("server-requests", "trigger-sampling-request", prompt="Why?", has="Forty-two."),
    call("server-requests", "trigger-elicitation-request", has="Zoë"),
]

PY_SDK_STEPS = [
    step("tools", "tools/list", has="count_interrupted"),
    call("calls", "echo", message=TEXT, has="Zoë said"),
    call("calls", "echo", message=LARGE, has=LARGE),
    call("calls", "add", a=2, b=40.5, has="structuredContent"),
    call("image", "image", has="image/png"),
    call("failures", "fail", reason="la panne", has="la panne"),
    call("failures", "add", a="two", has="isError"),
    call("failures", "no_such_tool", has="no_such_tool"),
    step("failures", "resources/read", {"uri": "note://nothing"}, has="error"),
    step("failures", "prompts/get", {"name": "no-such-prompt"}, has="error"),
    together("calls", *(call("calls", "add", a=n, b=n, has=str(2 * n)) for n in range(20))),
    call("progress", "slow", "6 steps done", True, steps=6),
    wait("progress", "notifications/progress", contains="étape", count=6),
    step("resources", "resources/list", has="note://greeting"),
    step("resources", "resources/templates/list", has="note://{name}"),
    step("resources", "resources/read", {"uri": "note://greeting"}, has="Grüße"),
    step("resources", "resources/read", {"uri": "note://blob"}, has="AAECAwQF"),
    step("prompts", "prompts/list", has="greet"),
    step("prompts", "prompts/get", {"name": "greet", "arguments": {"who": "Zoë"}}, has="Zoë"),
    step("prompts", "completion/complete",
         {"ref": {"type": "ref/prompt", "name": "greet"},
          "argument": {"name": "who", "value": "A"}},
         has="Alan"),
    step("session", "ping"),
    step("session", "logging/setLevel", {"level": "debug"}),
    step("notifications", "resources/subscribe", {"uri": "note://greeting"}),
    wait("notifications", "notifications/message", contains="subscribed to note://greeting"),
    call("notifications", "touch", has="touched"),
    wait("notifications", "notifications/resources/updated", contains="note://greeting"),
    wait("notifications", "notifications/resources/list_changed"),
    wait("notifications", "notifications/tools/list_changed"),
    wait("notifications", "notifications/prompts/list_changed"),
    step("notifications", "resources/unsubscribe", {"uri": "note://greeting"}),
    call("server-requests", "ask_roots", has="file:///srv/garden"),
    call("server-requests", "ask_model", question="Why?", has="Forty-two."),
    call("server-requests", "ask_user", question="Who?", has="Zoë"),
    {"part": "cancellation", "cancel": call("cancellation", "hang"), "has": "true",
     "when": {"method": "notifications/progress", "contains": "hanging"}},
    call("cancellation", "count_interrupted", has='"1"'),
]

TS_SDK_V2_STEPS = [
    step("tools", "tools/list", has="slow"),
    call("calls", "echo", message=TEXT, has="Zoë said"),
    call("calls", "echo", message=LARGE, has=LARGE),
    call("failures", "fail", message="la panne", has="la panne"),
    call("failures", "no-such-tool", has="error"),
    together("calls", *(call("calls", "echo", message=f"№ {n}", has=f"№ {n}") for n in range(9))),
    call("progress", "slow", "6 steps done", True, steps=6),
    wait("progress", "notifications/progress", count=6),
    step("resources", "resources/list", has="note://greeting"),
    step("resources", "resources/read", {"uri": "note://greeting"}, has="Grüße"),
    step("prompts", "prompts/list", has="hello"),
    step("prompts", "prompts/get", {"name": "hello", "arguments": {"who": "Zoë"}}, has="Zoë"),
    step("notifications", "subscriptions/listen",
         {"toolsListChanged": True, "resourceSubscriptions": ["note://greeting"]}, has="note://"),
    call("notifications", "touch", has="touched"),
    wait("notifications", "notifications/resources/updated", contains="note://greeting"),
    wait("notifications", "notifications/tools/list_changed"),
    # What was a request of the server before is a result that asks for input, and a second call.
    call("server-requests", "greet", has="Hello Zoë"),
]

EVERYTHING = {"answers": {}, "steps": EVERYTHING_STEPS}
EVERYTHING_ASKING = {"answers": ANSWERS, "steps": EVERYTHING_REQUESTS + EVERYTHING_STEPS}
PY_SDK = {"answers": ANSWERS, "steps": PY_SDK_STEPS}
TS_SDK_V2 = {
    "answers": {"elicitation/create": ANSWERS["elicitation/create"]},
    "steps": TS_SDK_V2_STEPS,
}
