// A host on the official TypeScript SDK: starts the server command given on its command line over
// stdio, runs the steps of the scenario read from stdin, and prints what it saw as one JSON text.
//
// usage: ts_sdk_host.mjs COMMAND [ARG...] <SCENARIO

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
    CreateMessageRequestSchema,
    ElicitRequestSchema,
    ListRootsRequestSchema,
    ProgressNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { capabilities, readScenario, Run } from "./scenario.mjs";

const REQUESTS = [ListRootsRequestSchema, CreateMessageRequestSchema, ElicitRequestSchema];

const scenario = await readScenario();
const client = new Client({ name: "wsmcp-test-host", version: "1.0.0" },
    { capabilities: capabilities(scenario.answers) });
const run = new Run(client, scenario.patience,
    (_, params, options) => client.callTool(params, undefined, options));

// The SDK's own handler forgets a progress notification that is read in the same chunk as its
// answer; this one sees them all.
client.setNotificationHandler(ProgressNotificationSchema, (notification) => run.note(notification));
for (const schema of REQUESTS) {
    const answer = scenario.answers[schema.shape.method.value];
    if (!answer)
        continue;
    client.setRequestHandler(schema, ({ method, params }) => {
        run.requests.push({ method, params });
        return answer;
    });
}

const [command, ...args] = process.argv.slice(2);
await client.connect(new StdioClientTransport({ command, args, env: process.env }));
await run.print(scenario, {
    serverInfo: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
});
