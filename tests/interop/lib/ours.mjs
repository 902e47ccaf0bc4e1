// Our own binary as gateway, node host and CLI.

import { runToEnd, start } from './processes.mjs';
import { eventually } from './expect.mjs';

const CALL_MS = 20_000;

export class Ours {
  constructor(binary) {
    this.binary = binary;
  }

  /** Starts `gateway run`; resolves when the gateway has written where it listens. */
  async gateway(home, { port = 0, args = [], env = {}, host } = {}) {
    const words = ['gateway', 'run', '--port', String(port), ...args];
    const child = launch('our gateway', this.binary, words, { env: home.env(env), cwd: home.path }, host);
    const written = async () => {
      if (child.end) throw new Error(`our gateway ended\n${child.tail()}`);
      const record = await home.read('gateway.json');
      return record.pid === child.process.pid ? record : undefined;
    };
    // A gateway that ended will write nothing any more, so its end cuts the wait short.
    const record = await Promise.race([
      eventually('our gateway says where it listens', written, 30_000, 25),
      child.ended.then(() => Promise.reject(new Error(`our gateway ended at once\n${child.tail()}`))),
    ]);
    return { child, home, port: record.port, url: record.url ?? `ws://127.0.0.1:${record.port}`, record };
  }

  /** Starts `node run` against a gateway. */
  node(home, port, { args = [], env = {}, host, address = '127.0.0.1' } = {}) {
    const words = ['node', 'run', '--host', address, '--port', String(port), ...args];
    return launch('our node', this.binary, words, { env: home.env(env), cwd: home.path }, host);
  }

  /** Runs a command to its end. `port` is the gateway's, as a person sets it who does not use the default. */
  cli(home, port, args, { env = {}, host, deadlineMs = CALL_MS } = {}) {
    const all = home.env({ OPENCLAW_GATEWAY_PORT: port ? String(port) : undefined, ...env });
    const [command, words] = inside(host, this.binary, args);
    return runToEnd('our CLI', command, words, { env: all, cwd: home.path, deadlineMs });
  }
}

function launch(name, program, args, options, host) {
  const [command, words] = inside(host, program, args);
  return start(name, command, words, options);
}

/** The same command on another host (see hosts.mjs). */
export function inside(host, program, args) {
  return host ? host.command(program, args) : [program, args];
}
