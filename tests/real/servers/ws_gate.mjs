// A WebSocket server on npm `ws`: every connection gets its own child process, started with the
// command on the command line; a text message is a line of the child and the other way round, byte
// for byte. It pings each connection all the time, and drops one that does not answer.
//
// usage: ws_gate.mjs COMMAND [ARG...]
// stdout, one JSON text a line: {"ready": PORT}, {"opened": {...}}, {"pongs": N}, {"closed": {...}}
// It ends when its stdin does.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const PING_MS = 50;
const MISSES_ALLOWED = 400;
const PONGS_REPORTED = 3;

const children = new Set();

function say(event) {
    process.stdout.write(JSON.stringify(event) + "\n");
}

function keepAlive(socket, count) {
    const timer = setInterval(() => {
        if (count.pings - count.pongs > MISSES_ALLOWED)
            socket.terminate();
        else
            socket.ping(`ping ${++count.pings}`);
    }, PING_MS);

    socket.on("pong", (data) => {
        // A client may answer only the latest of several pings (RFC 6455, 5.5.3), with its data.
        const answered = Number(/^ping (\d+)$/.exec(data)?.[1]);
        if (!(answered > count.pongs && answered <= count.pings))
            count.wrong++;
        count.pongs = answered;
        if (++count.received === PONGS_REPORTED)
            say({ pongs: count.received });
    });
    socket.on("close", () => clearInterval(timer));
}

function onConnection(socket, request) {
    const [command, ...args] = process.argv.slice(2);
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
    const count = { pings: 0, pongs: 0, received: 0, wrong: 0, messages: 0, binary: 0 };

    children.add(child);
    say({ opened: { offered: request.headers["sec-websocket-protocol"] ?? null } });
    keepAlive(socket, count);
    child.stdin.on("error", () => {});
    child.on("exit", () => {
        children.delete(child);
        socket.close(1011);
    });
    // Not readline's own separators: it would also split at U+2028, which JSON allows in strings.
    let rest = Buffer.alloc(0);
    child.stdout.on("data", (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1))
            socket.send(rest.subarray(0, end), { binary: false });
    });
    socket.on("message", (data, isBinary) => {
        count.messages++;
        count.binary += isBinary;
        child.stdin.write(Buffer.concat([data, Buffer.from("\n")]));
    });
    socket.on("close", (code) => {
        child.kill("SIGKILL");
        say({ closed: { code, ...count } });
    });
}

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
    say({ ready: server.address().port });
});
server.on("connection", onConnection);
createInterface({ input: process.stdin }).on("close", () => {
    for (const child of children)
        child.kill("SIGKILL");
    process.exit(0);
});
