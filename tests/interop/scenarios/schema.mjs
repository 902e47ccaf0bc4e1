// Frames that our gateway sends, judged by the official schema of 2026.9.1; and params that it allows, accepted by us.

import { assert } from '../lib/expect.mjs';
import { Schema } from '../lib/schema.mjs';
import { Device, newId, Wire } from '../lib/wire.mjs';
import { askFromElsewhere, freshGateway, TOKEN } from '../lib/world.mjs';

async function setUp(world) {
  world.schema = await Schema.load(world.peers);
  world.gateway = await freshGateway(world, 'schema');
}

async function operator(world, options = {}) {
  const wire = await Wire.connect(world.peers, { url: world.gateway.url, token: TOKEN, ...options });
  world.leave.push(() => wire.close());
  return wire;
}

/** A node that connects from this machine and answers no invoke. */
async function node(world, options = {}) {
  const wire = await operator(world, {
    role: 'node', scopes: [], caps: ['system'], commands: ['system.which', 'system.run', 'system.run.prepare'],
    device: new Device(), client: { id: 'node-host', mode: 'node', displayName: 'Schema Box', deviceFamily: 'Linux' }, ...options,
  });
  return wire;
}

const FRAMES = { res: 'ResponseFrame', event: 'EventFrame' };
const EVENTS = {
  tick: 'TickEvent', shutdown: 'ShutdownEvent', 'node.invoke.request': 'NodeInvokeRequestEvent',
  'device.pair.requested': 'DevicePairRequestedEvent', 'device.pair.resolved': 'DevicePairResolvedEvent',
};

/** Every frame that a connection got fits its envelope, and every event with a published shape fits that. */
function checkFrames(world, wire) {
  for (const frame of wire.frames) {
    world.schema.check(FRAMES[frame.type], frame, `the frame ${JSON.stringify(frame).slice(0, 120)}`);
    if (frame.type === 'event' && EVENTS[frame.event]) world.schema.check(EVENTS[frame.event], frame.payload, frame.event);
    if (frame.type === 'res' && !frame.ok) world.schema.check('ErrorShape', frame.error);
  }
}

/** Answers whose shape is published. */
const ANSWERS = [
  ['logs.tail', { limit: 5 }, 'LogsTailResult'],
  ['config.schema', {}, 'ConfigSchemaResponse'],
  ['config.schema.lookup', { path: 'gateway.port' }, 'ConfigSchemaLookupResult'],
  ['gateway.suspend.status', { suspensionId: 'none' }, 'GatewaySuspendStatusResult'],
  ['update.status', {}, 'UpdateStatusResult'],
];

/** Params that the schema allows: our gateway must not call them invalid. `name` is the definition without `Params`. */
const PARAMS = [
  ['node.list', 'NodeList', {}],
  ['node.describe', 'NodeDescribe', { nodeId: 'no-such-node' }],
  ['node.rename', 'NodeRename', { nodeId: 'no-such-node', displayName: 'Name' }],
  ['node.pair.list', 'NodePairList', {}],
  ['node.pair.approve', 'NodePairApprove', { requestId: 'no-such-request' }],
  ['node.pair.reject', 'NodePairReject', { requestId: 'no-such-request' }],
  ['node.pair.remove', 'NodePairRemove', { nodeId: 'no-such-node' }],
  ['node.invoke', 'NodeInvoke', { nodeId: 'no-such-node', command: 'system.which', params: { bins: [] }, timeoutMs: 1000, idempotencyKey: 'key' }],
  ['device.pair.list', 'DevicePairList', {}],
  ['device.pair.approve', 'DevicePairApprove', { requestId: 'no-such-request' }],
  ['device.pair.reject', 'DevicePairReject', { requestId: 'no-such-request' }],
  ['device.pair.remove', 'DevicePairRemove', { deviceId: 'no-such-device' }],
  ['device.pair.rename', 'DevicePairRename', { deviceId: 'no-such-device', label: 'Name' }],
  ['device.token.rotate', 'DeviceTokenRotate', { deviceId: 'no-such-device', role: 'operator', scopes: ['operator.read'] }],
  ['device.token.revoke', 'DeviceTokenRevoke', { deviceId: 'no-such-device', role: 'operator' }],
  ['logs.tail', 'LogsTail', { cursor: 0, limit: 10, maxBytes: 10000 }],
  ['config.get', 'ConfigGet', {}],
  ['config.schema', 'ConfigSchema', {}],
  ['gateway.suspend.status', 'GatewaySuspendStatus', { suspensionId: 'none' }],
  ['update.status', 'UpdateStatus', {}],
];

export default {
  name: 'schema',
  peer: '@openclaw/gateway-protocol@2026.9.1',
  weight: 1,
  setUp,
  scenarios: [
    {
      name: 'hello-ok',
      about: 'hello-ok fits the schema, for operators with and without a device, and for nodes',
      run: async (world) => {
        for (const wire of [await operator(world), await operator(world, { device: new Device() }), await node(world)]) {
          world.schema.check('HelloOk', wire.hello);
          checkFrames(world, wire);
        }
      },
    },
    {
      name: 'refusals',
      about: 'every refusal of a connect is a response frame with an error of the published shape',
      run: async (world) => {
        const attempts = [{ token: 'wrong' }, { token: undefined }, { protocol: 9 }, { role: 'nobody' }];
        for (const attempt of attempts) {
          const refused = await operator(world, attempt).then(() => undefined, (error) => error);
          assert.ok(refused?.error, `${JSON.stringify(attempt)} was not refused with an answer: ${refused}`);
          world.schema.check('ErrorShape', refused.error, JSON.stringify(attempt));
        }
        const asked = await askFromElsewhere(world, world.gateway.url, { protocol: 4, client: { deviceFamily: 'Linux' } });
        world.schema.check('ErrorShape', asked.refused.error);
      },
    },
    {
      name: 'answers',
      about: 'answers whose shape is published have it',
      run: async (world) => {
        const wire = await operator(world);
        for (const [method, params, definition] of ANSWERS) {
          world.schema.check(definition, await wire.call(method, params), method);
        }
        world.schema.check('Snapshot', wire.hello.snapshot);
        for (const entry of await wire.call('system-presence', {})) world.schema.check('PresenceEntry', entry);
        checkFrames(world, wire);
      },
    },
    {
      name: 'events',
      about: 'events of a pairing and of an invoke have the published shape',
      run: async (world) => {
        const wire = await operator(world);
        const asked = await askFromElsewhere(world, world.gateway.url, { protocol: 4, client: { deviceFamily: 'Linux' } });
        await wire.event('device.pair.requested', ({ deviceId }) => deviceId === asked.device.id);
        await wire.call('device.pair.approve', { requestId: asked.requestId });
        await wire.event('device.pair.resolved', ({ deviceId }) => deviceId === asked.device.id);
        const device = new Device();
        const box = await node(world, { device });
        const invoke = { nodeId: device.id, command: 'system.which', params: { bins: ['sh'] }, timeoutMs: 2000, idempotencyKey: newId() };
        const answer = wire.send('node.invoke', invoke);
        const { payload } = await box.event('node.invoke.request');
        assert.equal(payload.command, 'system.which');
        await box.call('node.invoke.result', { id: payload.id, nodeId: device.id, ok: true, payloadJSON: '{"bins":{}}' });
        assert.equal((await answer).ok, true);
        checkFrames(world, wire);
        checkFrames(world, box);
      },
    },
    {
      name: 'params',
      about: 'params that the schema allows are not called invalid',
      run: async (world) => {
        const wire = await operator(world);
        for (const [method, name, params] of PARAMS) {
          world.schema.check(`${name}Params`, params, method);
          const { ok, error } = await wire.send(method, params);
          const complaint = ok ? '' : error.message;
          assert.ok(!/invalid .* params|unknown method|unknown field|missing field/.test(complaint), `${method}: ${complaint}`);
        }
      },
    },
    {
      name: 'methods',
      about: 'every method that hello-ok lists answers something else than `unknown method`, and is a published one or ours',
      run: async (world) => {
        const wire = await operator(world);
        const listed = wire.hello.features.methods;
        assert.ok(listed.length > 20, `only ${listed.length} methods are listed`);
        const notListed = ['health', 'status', 'node.list', 'node.invoke', 'device.pair.list'].filter((name) => !listed.includes(name));
        assert.deepEqual(notListed, []);
        // Not sent: what ends the gateway or the connection.
        const unsafe = /restart|suspend|shutdown|update\.run|config\.(set|patch|apply)/;
        for (const method of listed.filter((name) => !unsafe.test(name))) {
          const { ok, error } = await wire.send(method, {});
          assert.ok(ok || !/unknown method/.test(error.message), `${method} is listed, but unknown`);
        }
      },
    },
    {
      name: 'v3-beside-v4',
      about: 'an operator of protocol 3 is served beside one of protocol 4, each in its dialect',
      run: async (world) => {
        const old = await operator(world, { protocol: 3, client: { id: 'cli', mode: 'cli', version: '2026.3.13' } });
        const current = await operator(world);
        assert.deepEqual([old.hello.protocol, current.hello.protocol], [3, 4]);
        assert.equal((await old.call('health')).ok, true);
        assert.equal((await current.call('health')).ok, true);
      },
    },
  ],
};
