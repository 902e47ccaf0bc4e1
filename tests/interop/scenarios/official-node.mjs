// The official node host of 2026.3.13 on our gateway, used from our CLI.

import { assert, eventually, json, mentions, succeeded } from '../lib/expect.mjs';
import { connectedNode, freshGateway, joinNode, newHome, restartGateway, TOKEN } from '../lib/world.mjs';

const call = (world, args) => world.ours.cli(world.gateway.home, world.gateway.port, args);

async function setUp(world) {
  world.gateway = await freshGateway(world, 'node');
  // A home of its own: a second person's machine that knows the token and nothing else.
  world.nodeHome = await newHome(world, 'node-host');
  await world.nodeHome.allowEveryCommand();
  world.child = startNode(world);
  world.node = await connectedNode(world, world.gateway.home, world.gateway.port);
}

function startNode(world) {
  const options = { args: ['--display-name', 'Official Box'], env: { OPENCLAW_GATEWAY_TOKEN: TOKEN } };
  return joinNode(world, world.official.nodeHost(world.nodeHome, world.gateway.port, options));
}

export default {
  name: 'official-node',
  peer: 'openclaw@2026.3.13',
  weight: 3,
  setUp,
  scenarios: [
    {
      name: 'pairs-silently',
      about: 'the official node host with the shared token is paired on loopback without a question',
      run: async (world) => {
        assert.equal(world.node.displayName, 'Official Box');
        const { pending } = json(await call(world, ['devices', 'list', '--json']));
        assert.deepEqual(pending, []);
      },
    },
    {
      name: 'describe',
      about: '`nodes describe` shows the commands of the official node host',
      run: async (world) => {
        const node = json(await call(world, ['nodes', 'describe', '--node', 'Official Box', '--json']));
        for (const command of ['system.run', 'system.run.prepare', 'system.which']) {
          assert.ok(node.commands.includes(command), `${command} is missing in ${node.commands.join(' ')}`);
        }
      },
    },
    {
      name: 'invoke-which',
      about: '`nodes invoke` runs system.which on the official node host',
      run: async (world) => {
        const words = ['--node', 'Official Box', '--command', 'system.which', '--params', '{"bins":["sh"]}'];
        const result = json(await call(world, ['nodes', 'invoke', ...words]));
        assert.equal(result.ok, true);
        assert.match(result.payload.bins.sh, /\/sh$/);
      },
    },
    {
      name: 'invoke-run',
      about: '`nodes invoke` runs system.run on the official node host',
      run: async (world) => {
        const params = JSON.stringify({ command: ['/bin/echo', 'hello', 'there'] });
        const words = ['--node', 'Official Box', '--command', 'system.run', '--params', params];
        const result = json(await call(world, ['nodes', 'invoke', ...words]));
        assert.equal(result.payload.exitCode, 0);
        assert.equal(result.payload.stdout.trim(), 'hello there');
      },
    },
    {
      name: 'run',
      about: '`nodes run` passes the output of a command on the official node host on',
      run: async (world) => {
        const result = await call(world, ['nodes', 'run', '--node', 'Official Box', '--', 'echo', 'hello again']);
        mentions(succeeded(result).stdout, 'hello again');
      },
    },
    {
      name: 'survives-a-gateway-restart',
      about: 'the official node host comes back to a gateway that was killed and started again',
      run: async (world) => {
        const { home, port } = await restartGateway(world, 'SIGKILL');
        // The node host of 2026.3.13 ends with its connection; its service manager starts it again.
        await (world.group ?? world).child.ended;
        startNode(world.group ?? world);
        const back = await connectedNode(world, home, port);
        assert.equal(back.nodeId, world.node.nodeId);
        await eventually('an invoke works again', async () => {
          const words = ['--node', 'Official Box', '--command', 'system.which', '--params', '{"bins":["sh"]}'];
          return json(await call(world, ['nodes', 'invoke', ...words])).ok;
        });
      },
    },
  ],
};
