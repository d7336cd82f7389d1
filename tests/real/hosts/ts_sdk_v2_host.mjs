// A host on version 2 of the official TypeScript SDK, which asks the server for its era first: it
// starts the command once more just to send `server/discover`, then speaks MCP 2026-07-28 or, with
// a server that does not know that, the protocol of before. Otherwise as ts_sdk_host.mjs.
//
// usage: ts_sdk_v2_host.mjs COMMAND [ARG...] <SCENARIO

import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { capabilities, readScenario, Run } from "./scenario.mjs";

const scenario = await readScenario();
const client = new Client({ name: "wsmcp-test-host", version: "1.0.0" }, {
    capabilities: capabilities(scenario.answers),
    versionNegotiation: { mode: "auto" },
});
const run = new Run(client, scenario.patience,
    (_, params, options) => client.callTool(params, options));

// As in ts_sdk_host.mjs.
client.setNotificationHandler("notifications/progress", (notification) => run.note(notification));
for (const [asked, answer] of Object.entries(scenario.answers)) {
    client.setRequestHandler(asked, ({ method, params }) => {
        run.requests.push({ method, params });
        return answer;
    });
}

const [command, ...args] = process.argv.slice(2);
await client.connect(new StdioClientTransport({ command, args, env: process.env }));
await run.print(scenario, {
    era: client.getProtocolEra(),
    protocolVersion: client.getNegotiatedProtocolVersion(),
    serverInfo: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
});
