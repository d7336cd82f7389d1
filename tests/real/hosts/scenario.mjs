// Runs the steps of a scenario on a client of either TypeScript SDK, and keeps what it sees.

import { text } from "node:stream/consumers";

const METHODS = {
    "completion/complete": (client, params) => client.complete(params),
    "logging/setLevel": (client, params) => client.setLoggingLevel(params.level),
    ping: (client) => client.ping(),
    "prompts/get": (client, params) => client.getPrompt(params),
    "prompts/list": (client) => client.listPrompts(),
    "resources/list": (client) => client.listResources(),
    "resources/read": (client, params) => client.readResource(params),
    "resources/subscribe": (client, params) => client.subscribeResource(params),
    "resources/templates/list": (client) => client.listResourceTemplates(),
    "resources/unsubscribe": (client, params) => client.unsubscribeResource(params),
    "subscriptions/listen": async (client, params) => (await client.listen(params)).honoredFilter,
    "tools/list": (client) => client.listTools(),
};

export class Run {
    notifications = [];
    requests = [];
    strays = [];
    #wake = () => {};

    constructor(client, patience, callTool) {
        this.client = client;
        this.patience = patience;
        this.methods = { ...METHODS, "tools/call": callTool };
        client.onerror = (error) => this.strays.push(String(error));
        client.fallbackNotificationHandler = async (notification) => this.note(notification);
    }

    note({ method, params }) {
        this.notifications.push({ method, params });
        this.#wake();
    }

    #matches(wanted) {
        return this.notifications.filter((notification) =>
            notification.method === wanted.method &&
            JSON.stringify(notification).includes(wanted.contains ?? "")).length;
    }

    async #seen(wanted) {
        let late = false;
        const timer = setTimeout(() => { late = true; this.#wake(); }, this.patience * 1000);
        while (!late && this.#matches(wanted) < (wanted.count ?? 1))
            await new Promise((resolve) => { this.#wake = resolve; });
        clearTimeout(timer);
        return late ? { missed: wanted } : { seen: wanted };
    }

    async #attempt({ method, params }, options) {
        try {
            return { result: await this.methods[method](this.client, params, options) };
        } catch (error) {
            return { error: { code: error.code, message: error.message, data: error.data } };
        }
    }

    async #cancelled(step) {
        const abort = new AbortController();
        const options = { signal: abort.signal, onprogress: () => {} };
        const outcome = this.#attempt(step.cancel, options);

        await this.#seen(step.when);
        abort.abort("the test changed its mind");
        // What a cancelled call looks like is the SDK's own affair: it never waits for the server.
        return { cancelled: "error" in await outcome };
    }

    #step(step) {
        if (step.wait)
            return this.#seen(step.wait);
        if (step.cancel)
            return this.#cancelled(step);
        if (step.together)
            return Promise.all(step.together.map((each) => this.#step(each)));
        // The SDK sends a progress token only if it is given a callback.
        return this.#attempt(step, step.progress ? { onprogress: () => {} } : undefined);
    }

    async print(scenario, handshake) {
        const steps = [];
        for (const step of scenario.steps)
            steps.push(await this.#step(step));
        await this.client.close();
        const { notifications, requests, strays } = this;
        const seen = { handshake, steps, notifications, requests, strays };
        process.stdout.write(JSON.stringify(seen));
    }
}

export async function readScenario() {
    return JSON.parse(await text(process.stdin));
}

export function capabilities(answers) {
    const declared = {};
    if (answers["roots/list"])
        declared.roots = { listChanged: true };
    if (answers["sampling/createMessage"])
        declared.sampling = {};
    if (answers["elicitation/create"])
        declared.elicitation = { form: {} };
    return declared;
}
