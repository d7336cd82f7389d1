// An MCP server on version 2 of the official TypeScript SDK, over stdio, for MCP 2026-07-28.

import {
    acceptedContent,
    fromJsonSchema,
    inputRequired,
    McpServer,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

const QUESTION = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };

function text(value) {
    return { content: [{ type: "text", text: value }] };
}

function schema(properties) {
    return fromJsonSchema({ type: "object", properties, required: Object.keys(properties) });
}

function addTools(server) {
    const message = schema({ message: { type: "string" } });
    const steps = schema({ steps: { type: "integer" } });

    server.registerTool("echo", { inputSchema: message }, async ({ message }) => text(message));
    server.registerTool("fail", { inputSchema: message }, async ({ message }) => {
        throw new Error(message);
    });
    server.registerTool("slow", { inputSchema: steps }, async ({ steps }, { mcpReq }) => {
        for (let progress = 1; progress <= steps; progress++) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            const params = { progressToken: mcpReq._meta?.progressToken, progress, total: steps };
            await mcpReq.notify({ method: "notifications/progress", params });
        }
        return text(`${steps} steps done`);
    });
    server.registerTool("greet", {}, async ({ mcpReq }) => {
        const given = acceptedContent(mcpReq.inputResponses, "who", fromJsonSchema(QUESTION));
        if (given)
            return text(`Hello ${given.name}`);
        const who = inputRequired.elicit({ message: "Who are you?", requestedSchema: QUESTION });
        return inputRequired({ inputRequests: { who } });
    });
    server.registerTool("touch", {}, async () => {
        await server.server.sendResourceUpdated({ uri: "note://greeting" });
        server.sendToolListChanged();
        return text("touched");
    });
}

function newServer() {
    const server = new McpServer({ name: "ts-sdk-v2-server", version: "1.0.0" }, {
        capabilities: { resources: { subscribe: true, listChanged: true } },
        instructions: "A server for tests.",
    });

    addTools(server);
    server.registerResource("greeting", "note://greeting", { mimeType: "text/plain" },
        async ({ href }) => ({ contents: [{ uri: href, text: "Grüße" }] }));
    server.registerPrompt("hello", { argsSchema: schema({ who: { type: "string" } }) },
        ({ who }) => ({
            messages: [{ role: "user", content: { type: "text", text: `Say hello to ${who}.` } }],
        }));
    return server;
}

serveStdio(newServer);
