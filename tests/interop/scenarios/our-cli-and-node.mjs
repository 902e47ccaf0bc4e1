// Our node and our CLI on the official gateway of 2026.3.13, in the home folder of its owner.

import { assert, json, mentions, succeeded } from '../lib/expect.mjs';
import { freePort } from '../lib/official.mjs';
import { withToken } from '../lib/home.mjs';
import { connectedNode, joinNode, newHome, TOKEN } from '../lib/world.mjs';

const call = (world, args) => world.ours.cli(world.home, world.gateway.port, args);

async function setUp(world) {
  const port = await freePort();
  world.home = await newHome(world, 'theirs', withToken(TOKEN, { port }));
  await world.home.allowEveryCommand();
  world.gateway = await world.official.gateway(world.home, { port });
  world.leave.push(() => world.gateway.child.stop());
  world.logs = [world.gateway.child];
  joinNode(world, world.ours.node(world.home, port, { args: ['--display-name', 'Our Box'] }));
  world.node = await connectedNode(world, world.home, port);
}

export default {
  name: 'official-gateway',
  peer: 'openclaw@2026.3.13',
  weight: 2,
  setUp,
  scenarios: [
    {
      name: 'our-node-pairs',
      about: 'our node host is paired with and connected to the official gateway',
      run: async (world) => {
        assert.equal(world.node.displayName, 'Our Box');
        assert.equal(world.node.paired, true);
      },
    },
    {
      name: 'our-health',
      about: 'our `health --json` passes the official gateway\'s answer on',
      run: async (world) => assert.equal(json(await call(world, ['health', '--json'])).ok, true),
    },
    {
      name: 'our-gateway-call',
      about: 'our `gateway call` works on the official gateway',
      run: async (world) => assert.ok(json(await call(world, ['gateway', 'call', 'status', '--json']))),
    },
    {
      name: 'our-devices-list',
      about: 'our `devices list --json` shows both of our devices on the official gateway',
      run: async (world) => {
        const { paired } = json(await call(world, ['devices', 'list', '--json']));
        const roles = new Set(paired.flatMap((device) => device.roles ?? [device.role]));
        assert.deepEqual([...roles].sort(), ['node', 'operator']);
      },
    },
    {
      name: 'our-nodes-describe',
      about: 'our `nodes describe` finds our node on the official gateway by its name',
      run: async (world) => {
        const node = json(await call(world, ['nodes', 'describe', '--node', 'Our Box', '--json']));
        assert.ok(node.commands.includes('system.which'), node.commands.join(' '));
      },
    },
    {
      name: 'our-node-answers-which',
      about: 'the official gateway forwards system.which to our node',
      run: async (world) => {
        const words = ['--node', 'Our Box', '--command', 'system.which', '--params', '{"bins":["sh"]}'];
        assert.match(json(await call(world, ['nodes', 'invoke', ...words])).payload.bins.sh, /\/sh$/);
      },
    },
    {
      name: 'our-node-answers-run',
      about: 'the official gateway forwards system.run to our node',
      run: async (world) => {
        const params = JSON.stringify({ command: ['/bin/echo', 'hello', 'there'] });
        const words = ['--node', 'Our Box', '--command', 'system.run', '--params', params];
        assert.equal(json(await call(world, ['nodes', 'invoke', ...words])).payload.stdout.trim(), 'hello there');
      },
    },
    {
      name: 'our-nodes-run',
      about: 'our `nodes run` runs a command on our node through the official gateway',
      run: async (world) => {
        mentions(succeeded(await call(world, ['nodes', 'run', '--node', 'Our Box', '--', 'echo', 'hello'])).stdout, 'hello');
      },
    },
    {
      name: 'our-logs',
      about: 'our `logs --json` prints lines of the official gateway\'s log',
      run: async (world) => {
        const result = succeeded(await call(world, ['logs', '--json', '--limit', '20']));
        assert.equal(JSON.parse(result.stdout.split('\n', 1)[0]).type, 'meta');
      },
    },
  ],
};
