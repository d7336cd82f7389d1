// The bridge that a user writes in 20 lines of Node: lines of stdin to messages, messages to lines of stdout.
//
//	node bridge.mjs URL
import WebSocket from 'ws';

const { stdin, stdout } = process;
const socket = new WebSocket(process.argv[2], { perMessageDeflate: false, maxPayload: 2 ** 30 });
let parts = []; // of a line whose end has not come yet

const send = (line) => socket.send(line, { binary: false }, () => stdin.resume());
socket.on('open', () => stdin.on('data', (chunk) => {
	let at = 0;
	for (let end; (end = chunk.indexOf(10, at)) >= 0; at = end + 1) {
		parts.push(chunk.subarray(at, end));
		send(parts.length > 1 ? Buffer.concat(parts) : parts[0]);
		parts = [];
	}
	if (at < chunk.length)
		parts.push(chunk.subarray(at));
	if (socket.bufferedAmount > 2 ** 20)
		stdin.pause();
}).on('end', () => socket.close()));
socket.on('message', (message) => { // those that came together leave together
	stdout.cork();
	stdout.write(message);
	stdout.write('\n');
	process.nextTick(() => stdout.uncork());
});
socket.on('close', () => process.exit());
socket.on('error', (error) => { console.error(error.message); process.exit(1); });
