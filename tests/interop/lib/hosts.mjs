// Two hosts on one machine: network namespaces that are joined by a cable of their own. Linux, root only.

import { execFileSync } from 'node:child_process';

const ip = (...words) => execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] });

export function whyNotPossible() {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid() !== 0) return 'making network namespaces needs root';
  try {
    ip('netns', 'list');
    return undefined;
  } catch (error) {
    return `the program ip cannot be used: ${error.message}`;
  }
}

/** A host with an address that the other one reaches. */
class Host {
  constructor(namespace, address) {
    this.namespace = namespace;
    this.address = address;
  }

  command(program, args) {
    return ['ip', ['netns', 'exec', this.namespace, program, ...args]];
  }
}

/** Makes two joined hosts; `remove()` takes them away, with whatever still runs inside cut off the network. */
export function makeTwoHosts(label) {
  const base = `oc${process.pid}${label}`.slice(0, 11);
  const hosts = [new Host(`${base}-a`, '10.77.0.1'), new Host(`${base}-b`, '10.77.0.2')];
  const remove = () => {
    for (const { namespace } of hosts) {
      try {
        ip('netns', 'del', namespace);
      } catch {
        // It was not made, or is gone.
      }
    }
  };
  try {
    for (const { namespace } of hosts) ip('netns', 'add', namespace);
    const [a, b] = hosts;
    ip('link', 'add', `${base}0`, 'netns', a.namespace, 'type', 'veth', 'peer', 'name', `${base}1`, 'netns', b.namespace);
    hosts.forEach(({ namespace, address }, index) => {
      ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', `${base}${index}`);
      ip('-n', namespace, 'link', 'set', `${base}${index}`, 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    });
  } catch (error) {
    remove();
    throw new Error(`cannot make two hosts: ${error.stderr?.toString() || error.message}`);
  }
  return { gatewayHost: hosts[0], nodeHost: hosts[1], remove };
}
