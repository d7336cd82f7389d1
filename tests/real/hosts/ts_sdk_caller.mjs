// A host on the official TypeScript SDK that calls without pause while its server comes and goes.
// Starts the server command given on its command line over stdio, once. Prints one JSON line for each
// event: {"ready":true}, {"calls":N,"errors":M}, and at the end what it saw.
//
// usage: ts_sdk_caller.mjs COMMAND [ARG...]      ends the calls when its stdin ends

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const AT_ONCE = 5;
const seen = { calls: 0, answers: 0, errors: {}, wrong: 0, listChanged: 0, closed: 0 };
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");

const client = new Client({ name: "caller", version: "1.0.0" }, { capabilities: {} });
client.onclose = () => seen.closed++;
client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    seen.listChanged++;
    say({ listChanged: seen.listChanged });
});
const [command, ...args] = process.argv.slice(2);
await client.connect(new StdioClientTransport({ command, args, env: process.env }));
const tools = (await client.listTools()).tools.length;
say({ ready: true });

let over = false;
process.stdin.on("end", () => { over = true; }).resume();

async function caller(number) {
    for (let i = 0; !over; i++) {
        const message = `${number}.${i}`;
        seen.calls++;
        try {
            const result = await client.callTool({ name: "echo", arguments: { message } }, undefined,
                { timeout: 60000 });
            if (!result.content[0].text.includes(message))
                seen.wrong++;
            say({ answer: true });
        } catch (error) {
            seen.errors[error.code] = (seen.errors[error.code] ?? 0) + 1;
        }
        seen.answers++;
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}

await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => caller(i)));
seen.sameTools = (await client.listTools()).tools.length === tools;
seen.closedBefore = seen.closed;
await client.close();
say({ end: seen });
