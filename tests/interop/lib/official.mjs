// The official programs: gateway, node host and CLI of openclaw@2026.3.13.

import { createServer, connect } from 'node:net';
import { join } from 'node:path';

import { runToEnd, start } from './processes.mjs';
import { eventually } from './expect.mjs';
import { inside } from './ours.mjs';

/** A call takes about 4 s on an idle machine and a multiple of that beside a build. */
const CALL_MS = 90_000;
const START_MS = 120_000;
const WARM_UP_MS = 150_000;
/** The official client gives the handshake 2 s and its gateway 3 s; while the machine stalls, either gives up. */
const STALLED = /connect challenge timeout|gateway closed \(1000|gateway closed \(1006|gateway timeout after/;

export class Official {
  constructor(peers) {
    this.node = join(peers, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
    this.program = join(peers, 'node_modules/openclaw/openclaw.mjs');
  }

  /** Starts the gateway on a port of its own; resolves when the port answers. */
  async gateway(home, { port, env = {} }) {
    const args = [this.program, 'gateway', 'run', '--port', String(port)];
    const child = start('official gateway', this.node, args, { env: home.env(env), cwd: home.path });
    await child.until('listening line', (gateway) => gateway.output.includes('listening on ws://'), START_MS);
    await eventually('the official gateway answers', () => answers(port), START_MS);
    return { child, home, port, url: `ws://127.0.0.1:${port}` };
  }

  nodeHost(home, port, { args = [], env = {}, host, address = '127.0.0.1' } = {}) {
    const words = [this.program, 'node', 'run', '--host', address, '--port', String(port), ...args];
    const [command, all] = inside(host, this.node, words);
    return start('official node', command, all, { env: home.env(env), cwd: home.path });
  }

  /**
   * Loads the programs once, for nothing: right after an installation the first start of each takes many times as long as
   * the next, and the timers of the scenarios are for the next. What comes of it does not matter.
   */
  async warmUp(home) {
    const port = String(await freePort());
    const words = [['nodes', 'list', '--json'], ['node', 'run', '--port', port]];
    const options = { env: home.env({ OPENCLAW_GATEWAY_PORT: port }), cwd: home.path, deadlineMs: WARM_UP_MS };
    for (const args of words) {
      await runToEnd('official program', this.node, [this.program, ...args], options).catch(() => undefined);
    }
  }

  /** Runs a command to its end; once more when the client's own handshake timer ran out under load. */
  async cli(home, port, args, { env = {}, deadlineMs = CALL_MS } = {}) {
    const options = { env: home.env({ OPENCLAW_GATEWAY_PORT: String(port), ...env }), cwd: home.path, deadlineMs };
    const call = () => runToEnd('official CLI', this.node, [this.program, ...args], options);
    const first = await call();
    if (first.code === 0 || !STALLED.test(first.stderr)) return first;
    process.stderr.write(`  the official CLI gave up on the handshake, once more: ${first.stderr.split('\n', 1)[0]}\n`);
    return call();
  }
}

/** A port that is free now. The official gateway takes no port 0. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
