// The official CLI of 2026.3.13 on our gateway, with one of our nodes connected.

import { assert, eventually, json, mentions, succeeded } from '../lib/expect.mjs';
import { askFromElsewhere, connectedNode, freshGateway, joinNode } from '../lib/world.mjs';

const call = (world, args) => world.official.cli(world.gateway.home, world.gateway.port, args);

async function setUp(world) {
  world.gateway = await freshGateway(world, 'cli');
  const { home, port } = world.gateway;
  joinNode(world, world.ours.node(home, port, { args: ['--display-name', 'Build Box'] }));
  world.node = await connectedNode(world, home, port);
}

export default {
  name: 'official-cli',
  peer: 'openclaw@2026.3.13',
  weight: 9,
  setUp,
  scenarios: [
    {
      name: 'health',
      about: '`health --json` reports a healthy gateway',
      run: async (world) => assert.equal(json(await call(world, ['health', '--json'])).ok, true),
    },
    {
      name: 'gateway-health',
      about: '`gateway health` prints OK',
      run: async (world) => mentions(succeeded(await call(world, ['gateway', 'health'])).stdout, 'OK'),
    },
    {
      name: 'status',
      about: '`status --json` gets the answer that it gets from its own gateway: its probe leaves its device out',
      // Without a device there are no scopes (SEC-038), so it reads `missing scope`, as with its own gateway.
      run: async (world) => {
        const { gateway } = json(await call(world, ['status', '--json']));
        assert.equal(gateway.url, world.gateway.url);
        assert.match(gateway.error, /missing scope: operator\.read/);
      },
    },
    {
      name: 'gateway-call',
      about: '`gateway call` prints the answer of any method',
      run: async (world) => {
        const answer = json(await call(world, ['gateway', 'call', 'system-presence', '--json']));
        assert.ok(Array.isArray(answer), 'system-presence answers a list');
      },
    },
    {
      name: 'gateway-call-unknown-method',
      about: '`gateway call` of a method that does not exist fails with its name',
      run: async (world) => {
        const result = await call(world, ['gateway', 'call', 'no.such']);
        assert.equal(result.code, 1);
        mentions(result.stderr, 'unknown method: no.such');
      },
    },
    {
      name: 'gateway-probe',
      about: '`gateway probe --json` reaches the gateway',
      run: async (world) => {
        const probe = json(await call(world, ['gateway', 'probe', '--json']));
        assert.equal(probe.ok, true);
        assert.ok(probe.targets.some((target) => target.connect?.ok), JSON.stringify(probe.targets));
      },
    },
    {
      name: 'logs',
      about: '`logs --json` prints lines of the gateway\'s log',
      run: async (world) => {
        const result = succeeded(await call(world, ['logs', '--json', '--limit', '20']));
        const lines = result.stdout.trim().split('\n').map((line) => JSON.parse(line));
        assert.equal(lines[0].type, 'meta');
        assert.ok(lines.some((line) => line.type === 'log' && line.message), 'no log line came');
      },
    },
    {
      name: 'devices-list',
      about: '`devices list --json` shows the paired devices and no token',
      run: async (world) => {
        const list = json(await call(world, ['devices', 'list', '--json']));
        assert.ok(list.paired.some((device) => device.deviceId === world.node.nodeId), 'the node is missing');
        assert.ok(!JSON.stringify(list).includes('"token":'), 'a token value was listed');
      },
    },
    {
      name: 'devices-approve',
      about: '`devices approve <id>` lets a waiting device in',
      run: async (world) => {
        const asked = await askFromElsewhere(world, world.gateway.url, { role: 'operator' });
        succeeded(await call(world, ['devices', 'approve', asked.requestId]));
        (await asked.connect()).close();
      },
    },
    {
      name: 'devices-approve-latest',
      about: '`devices approve --latest` lets the waiting device in',
      run: async (world) => {
        const asked = await askFromElsewhere(world, world.gateway.url);
        mentions(succeeded(await call(world, ['devices', 'approve', '--latest'])).stdout, 'Approved', asked.device.id);
        (await asked.connect()).close();
      },
    },
    {
      name: 'devices-reject',
      about: '`devices reject <id>` refuses a waiting device',
      run: async (world) => {
        const asked = await askFromElsewhere(world, world.gateway.url);
        mentions(succeeded(await call(world, ['devices', 'reject', asked.requestId])).stdout, 'Rejected');
        await assert.rejects(asked.connect());
      },
    },
    {
      name: 'nodes-list',
      about: '`nodes list --json` shows the node that its own gateway would not show',
      run: async (world) => {
        const list = json(await call(world, ['nodes', 'list', '--json']));
        assert.ok(list.paired.some((node) => node.nodeId === world.node.nodeId), JSON.stringify(list));
      },
    },
    {
      name: 'nodes-status',
      about: '`nodes status --json` shows the node connected with its commands',
      run: async (world) => {
        const { nodes } = json(await call(world, ['nodes', 'status', '--json']));
        const node = nodes.find(({ nodeId }) => nodeId === world.node.nodeId);
        assert.equal(node?.connected, true);
        assert.ok(node.commands.includes('system.which'), node.commands.join(' '));
      },
    },
    {
      name: 'nodes-describe',
      about: '`nodes describe --node <name>` finds the node by its name',
      run: async (world) => {
        const node = json(await call(world, ['nodes', 'describe', '--node', 'Build Box', '--json']));
        assert.equal(node.nodeId, world.node.nodeId);
      },
    },
    {
      name: 'nodes-invoke',
      about: '`nodes invoke` runs system.which on the node',
      run: async (world) => {
        const params = JSON.stringify({ bins: ['sh', 'no-such-program'] });
        const words = ['nodes', 'invoke', '--node', 'Build Box', '--command', 'system.which', '--params', params];
        const result = json(await call(world, words));
        assert.equal(result.ok, true);
        assert.deepEqual(Object.keys(result.payload.bins), ['sh']);
      },
    },
    {
      name: 'nodes-run',
      about: '`nodes run` runs a command on the node and passes its output on',
      run: async (world) => {
        const policy = ['--security', 'full', '--ask', 'off'];
        const result = await call(world, ['nodes', 'run', '--node', 'Build Box', ...policy, '--', 'echo', 'hello from the node']);
        mentions(succeeded(result).stdout, 'hello from the node');
      },
    },
    {
      name: 'nodes-pending-and-approve',
      about: '`nodes pending` shows a waiting node and `nodes approve` lets it in',
      run: async (world) => {
        const asked = await askFromElsewhere(world, world.gateway.url);
        const pending = json(await call(world, ['nodes', 'pending', '--json']));
        const request = pending.find(({ nodeId }) => nodeId === asked.device.id);
        assert.ok(request, JSON.stringify(pending));
        succeeded(await call(world, ['nodes', 'approve', request.requestId]));
        (await asked.connect()).close();
      },
    },
    {
      name: 'nodes-rename',
      about: '`nodes rename` gives the node a name that every list shows',
      run: async (world) => {
        mentions(succeeded(await call(world, ['nodes', 'rename', '--node', 'Build Box', '--name', 'Work Bench'])).stdout, 'Work Bench');
        await eventually('the new name', async () => {
          const status = await world.ours.cli(world.gateway.home, world.gateway.port, ['nodes', 'status', '--json']);
          return json(status).nodes.some(({ displayName }) => displayName === 'Work Bench');
        });
      },
    },
  ],
};
