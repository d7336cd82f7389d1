// A WebSocket server on npm `ws` that sends every message back; what the path says:
//   /text       as it came
//   /binary     in a binary frame
//   /fragments  in fragments of 1000 bytes, which split characters, with pings in between
//
// It offers permessage-deflate, as `ws` does when told to. It prints {"ready": PORT} and ends when
// its stdin does.

import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const FRAGMENT = 1000;

const ANSWERS = {
    "/text": (socket, data) => socket.send(data, { binary: false }),
    "/binary": (socket, data) => socket.send(data, { binary: true }),
    "/fragments": (socket, data) => {
        let start = 0;
        for (; start + FRAGMENT < data.length; start += FRAGMENT) {
            const piece = data.subarray(start, start + FRAGMENT);
            socket.send(piece, { binary: false, fin: false });
            if (start % (16 * FRAGMENT) === 0)
                socket.ping("in between");
        }
        socket.send(data.subarray(start), { binary: false, fin: true });
    },
};

const options = { host: "127.0.0.1", port: 0, perMessageDeflate: true };
const server = new WebSocketServer(options, () => {
    process.stdout.write(JSON.stringify({ ready: server.address().port }) + "\n");
});
server.on("connection", (socket, request) => {
    socket.on("message", (data) => ANSWERS[request.url](socket, data));
});
createInterface({ input: process.stdin }).on("close", () => process.exit(0));
