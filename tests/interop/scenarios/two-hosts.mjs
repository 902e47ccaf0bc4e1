// P2 with the official node host: gateway and node on two hosts, joined by a cable.

import { assert, eventually, json, mentions, succeeded } from '../lib/expect.mjs';
import { makeTwoHosts, whyNotPossible } from '../lib/hosts.mjs';
import { connectedNode, freshGateway, joinNode, newHome, TOKEN } from '../lib/world.mjs';

const SECRETS = { OPENCLAW_GATEWAY_TOKEN: TOKEN, OPENCLAW_ALLOW_INSECURE_PRIVATE_WS: '1' };

const onGateway = (world, args) => {
  return world.ours.cli(world.gateway.home, world.gateway.port, args, { host: world.hosts.gatewayHost });
};

const pending = async (world) => json(await onGateway(world, ['devices', 'list', '--json'])).pending;

async function setUp(world) {
  world.hosts = makeTwoHosts('p2');
  world.leave.push(() => world.hosts.remove());
  world.gateway = await freshGateway(world, 'far', { args: ['--bind', 'lan'], host: world.hosts.gatewayHost });
}

/** A node host on the other host, with a home of its own. */
async function farNode(world, program, name) {
  const home = await newHome(world, 'far-node');
  await home.allowEveryCommand();
  const options = {
    host: world.hosts.nodeHost, address: world.hosts.gatewayHost.address, env: SECRETS, args: ['--display-name', name],
  };
  const begin = () => {
    const child = program === 'official'
      ? world.official.nodeHost(home, world.gateway.port, options)
      : world.ours.node(home, world.gateway.port, options);
    return joinNode(world, child);
  };
  return { home, begin };
}

export default {
  name: 'two-hosts',
  peer: 'openclaw@2026.3.13',
  weight: 4,
  whyNotPossible,
  setUp,
  scenarios: [
    {
      name: 'official-node-approved',
      about: 'an official node host on another machine waits as one request and works once that is approved',
      run: async (world) => {
        const { begin } = await farNode(world, 'official', 'Far Official');
        const first = begin();
        const request = await eventually('a pending request', async () => (await pending(world))[0], 60_000);
        // 3.13 gives up on this answer and ends; a service manager would start it again.
        await first.until('its refusal', (node) => node.output.includes('pairing required'), 60_000);
        await first.ended;
        const second = begin();
        await second.until('its second refusal', (node) => node.output.includes('pairing required'), 60_000);
        const again = await pending(world);
        assert.deepEqual(again.map(({ requestId }) => requestId), [request.requestId], 'a retry made a new request');
        succeeded(await onGateway(world, ['devices', 'approve', request.requestId]));
        begin();
        await connectedNode(world, world.gateway.home, world.gateway.port,
          ({ displayName }) => displayName === 'Far Official', { host: world.hosts.gatewayHost });
      },
    },
    {
      name: 'our-node-waits',
      about: 'our node host on another machine waits in place and works once it is approved',
      run: async (world) => {
        const { begin } = await farNode(world, 'ours', 'Far Ours');
        const node = begin();
        const request = await eventually('a pending request', async () => (await pending(world))[0], 30_000);
        await node.until('the approve command', ({ output }) => output.includes('devices approve'), 30_000);
        mentions(node.output, request.requestId);
        succeeded(await onGateway(world, ['nodes', 'approve', request.requestId]));
        await connectedNode(world, world.gateway.home, world.gateway.port,
          ({ displayName }) => displayName === 'Far Ours', { host: world.hosts.gatewayHost });
        assert.equal(node.end, undefined, 'the process ended although it was approved');
      },
    },
    {
      name: 'our-node-rejected',
      about: 'our node host on another machine ends with exit code 1 when it is rejected',
      run: async (world) => {
        const { begin } = await farNode(world, 'ours', 'Far Rejected');
        const node = begin();
        const request = await eventually('a pending request', async () => (await pending(world))[0], 30_000);
        succeeded(await onGateway(world, ['devices', 'reject', request.requestId]));
        await node.until('its end', (child) => child.end, 30_000).catch((error) => {
          if (!node.end) throw error;
        });
        assert.equal(node.end.code, 1, node.tail());
        mentions(node.output, 'rejected');
      },
    },
  ],
};
