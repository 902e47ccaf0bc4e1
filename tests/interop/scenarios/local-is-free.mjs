// P1 with the official programs: on the machine and account that own the gateway nothing ever needs an approval,
// whatever comes first. Each scenario is a fresh home folder with our gateway and the official node host and CLI.

import { assert, json, succeeded } from '../lib/expect.mjs';
import { withToken } from '../lib/home.mjs';
import { connectedNode, freshGateway, joinNode, newHome, ourGateway, TOKEN } from '../lib/world.mjs';

const cli = (world, gateway, args) => world.official.cli(gateway.home, gateway.port, args);
const runNode = (world, gateway) => joinNode(world, world.official.nodeHost(gateway.home, gateway.port));

/** What has to be true at the end of every order: the official `nodes list` shows the node, and nothing waits. */
async function everythingWorks(world, gateway) {
  const node = await connectedNode(world, gateway.home, gateway.port);
  const list = json(await cli(world, gateway, ['nodes', 'list', '--json']));
  assert.deepEqual(list.pending, []);
  assert.ok(list.paired.some(({ nodeId }) => nodeId === node.nodeId), `the node is not listed: ${JSON.stringify(list)}`);
  const devices = json(await world.ours.cli(gateway.home, gateway.port, ['devices', 'list', '--json']));
  assert.deepEqual(devices.pending, []);
}

export default {
  name: 'local-is-free',
  peer: 'openclaw@2026.3.13',
  weight: 8,
  scenarios: [
    {
      name: 'node-first',
      about: 'the official node host first, then the official CLI',
      run: async (world) => {
        const gateway = await freshGateway(world, 'order');
        runNode(world, gateway);
        await connectedNode(world, gateway.home, gateway.port);
        await everythingWorks(world, gateway);
      },
    },
    {
      name: 'cli-first',
      about: 'the official CLI first, then the official node host',
      run: async (world) => {
        const gateway = await freshGateway(world, 'order');
        succeeded(await cli(world, gateway, ['nodes', 'status', '--json']));
        runNode(world, gateway);
        await everythingWorks(world, gateway);
      },
    },
    {
      name: 'both-at-once',
      about: 'the official node host and CLI at the same moment',
      run: async (world) => {
        const gateway = await freshGateway(world, 'order');
        runNode(world, gateway);
        succeeded(await cli(world, gateway, ['devices', 'list', '--json']));
        await everythingWorks(world, gateway);
      },
    },
    {
      name: 'bind-lan',
      about: 'a gateway that listens beyond loopback treats its own machine no worse',
      run: async (world) => {
        const gateway = await freshGateway(world, 'order', { args: ['--bind', 'lan'] });
        runNode(world, gateway);
        await everythingWorks(world, gateway);
      },
    },
    {
      name: 'restart-in-between',
      about: 'the gateway is killed and started again between node host and CLI',
      run: async (world) => {
        const first = await freshGateway(world, 'order');
        const node = runNode(world, first);
        await connectedNode(world, first.home, first.port);
        await first.child.stop('SIGKILL');
        // The node host of 2026.3.13 ends with its connection; its service manager starts it again.
        await node.ended;
        const second = await ourGateway(world, first.home, { port: first.port });
        runNode(world, second);
        await everythingWorks(world, second);
      },
    },
    {
      name: 'tokens-rotated',
      about: 'every token of every device is rotated between node host and CLI',
      run: async (world) => {
        const gateway = await freshGateway(world, 'order');
        const node = runNode(world, gateway);
        await connectedNode(world, gateway.home, gateway.port);
        succeeded(await cli(world, gateway, ['nodes', 'status', '--json']));
        const { paired } = json(await world.ours.cli(gateway.home, gateway.port, ['devices', 'list', '--json']));
        for (const { deviceId, tokens } of paired) {
          for (const { role } of tokens) {
            const words = ['devices', 'rotate', '--device', deviceId, '--role', role];
            succeeded(await world.ours.cli(gateway.home, gateway.port, words));
          }
        }
        // A rotation closes the device's connections, with which this node host ends; its service manager starts it again.
        await node.ended;
        runNode(world, gateway);
        await everythingWorks(world, gateway);
      },
    },
    {
      name: 'shared-token-rotated',
      about: 'the shared token of the gateway is changed while it is down',
      run: async (world) => {
        const first = await freshGateway(world, 'order');
        const node = runNode(world, first);
        await connectedNode(world, first.home, first.port);
        await first.child.stop();
        await node.ended;
        await first.home.configure(withToken(`${TOKEN}-new`));
        const gateway = await ourGateway(world, first.home, { port: first.port });
        runNode(world, gateway);
        await everythingWorks(world, gateway);
      },
    },
    {
      name: 'nothing-configured',
      about: 'a home folder with no configuration at all: the gateway makes what the official programs need',
      run: async (world) => {
        const home = await newHome(world, 'order');
        const gateway = await ourGateway(world, home);
        runNode(world, gateway);
        await everythingWorks(world, gateway);
      },
    },
  ],
};
