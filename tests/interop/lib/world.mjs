// What several groups of scenarios start with.

import { Home, withToken } from './home.mjs';
import { eventually, json } from './expect.mjs';
import { Device, Refused, Wire } from './wire.mjs';

export const TOKEN = 'interop-shared-token';

/** A home that is removed at the end. */
export async function newHome(world, name, config) {
  const home = await Home.create(name, config);
  world.leave.push(() => home.remove());
  return home;
}

/** Our gateway in a home of its own, ended at the end. */
export async function ourGateway(world, home, options) {
  const gateway = await world.ours.gateway(home, options);
  world.leave.push(() => gateway.child.stop());
  world.logs = [...(world.logs ?? []), gateway.child];
  return gateway;
}

/** Our gateway with the shared token, in a new home. */
export async function freshGateway(world, name, options = {}) {
  const home = await newHome(world, name, withToken(TOKEN, options.gateway));
  await home.allowEveryCommand();
  return ourGateway(world, home, options);
}

/** Ends the gateway of a group of scenarios and starts it again on the same port. */
export async function restartGateway(world, signal) {
  const { home, port, child } = world.group.gateway;
  await child.stop(signal);
  world.group.gateway = await ourGateway(world.group, home, { port });
  return world.group.gateway;
}

/** Starts a node host, ours or an official one, that is ended at the end. */
export function joinNode(world, child) {
  world.leave.push(() => child.stop());
  world.logs = [...(world.logs ?? []), child];
  return child;
}

/** Waits until the gateway of `home` shows a connected node; returns its entry. Asks with our CLI: it is the fast one. */
export function connectedNode(world, home, port, test = () => true, options = {}) {
  return eventually('a connected node', async () => {
    const { nodes } = json(await world.ours.cli(home, port, ['nodes', 'status', '--json'], options));
    return nodes.find((node) => node.connected && test(node));
  }, 150_000, 300);
}

/**
 * A device that asks from elsewhere: a foreign Host header makes a loopback connection a remote one. Resolves with the
 * device and the refusal, which names the pending request.
 */
export async function askFromElsewhere(world, url, { protocol = 3, role = 'node', client = {}, device = new Device() } = {}) {
  const who = role === 'node' ? { id: 'node-host', mode: 'node' } : { id: 'cli', mode: 'cli' };
  const options = {
    url, protocol, role, device, token: TOKEN, headers: { host: 'gateway.example:18789' },
    scopes: role === 'node' ? [] : ['operator.read'],
    commands: role === 'node' ? ['system.which'] : undefined,
    caps: role === 'node' ? ['system'] : [],
    client: { ...who, version: '2026.3.13', displayName: 'Elsewhere', ...client },
  };
  const connect = () => Wire.connect(world.peers, options);
  const wire = await connect().catch((error) => error);
  if (!(wire instanceof Refused)) {
    wire.close?.();
    throw wire instanceof Error ? wire : new Error('a device from elsewhere was let in without an approval');
  }
  return { device, refused: wire, requestId: wire.error.details?.requestId, connect };
}
