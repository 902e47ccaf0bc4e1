// The reference client of 2026.9.1 (protocol v4) on our gateway.

import { sign } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { assert, eventually } from '../lib/expect.mjs';
import { ALL_SCOPES, Device } from '../lib/wire.mjs';
import { askFromElsewhere, freshGateway, restartGateway, TOKEN } from '../lib/world.mjs';

async function setUp(world) {
  const entry = join(world.peers, 'node_modules/@openclaw/gateway-client/dist/index.mjs');
  world.GatewayClient = (await import(pathToFileURL(entry))).GatewayClient;
  world.gateway = await freshGateway(world, 'client');
}

/** A client that collects what happens to it. */
function dial(world, options = {}) {
  const seen = { events: [], hellos: [], errors: [], closes: [] };
  const client = new world.GatewayClient({
    url: world.gateway.url, token: TOKEN, minProtocol: 4, maxProtocol: 4, role: 'operator', scopes: ALL_SCOPES,
    onEvent: (event) => seen.events.push(event),
    onHelloOk: (hello) => seen.hellos.push(hello),
    onConnectError: (error) => seen.errors.push(error),
    onClose: (code, reason) => seen.closes.push({ code, reason }),
    ...options,
  });
  world.leave.push(() => client.stop());
  client.start();
  const hello = (count = 1) => eventually(`hello-ok number ${count}`, () => {
    if (seen.errors.length > 0 && seen.hellos.length < count && count === 1) throw seen.errors[0];
    return seen.hellos[count - 1];
  });
  return { client, seen, hello };
}

/** The callbacks with which the package signs and keeps tokens. */
function identityOf(device, tokens = new Map()) {
  return {
    deviceIdentity: { deviceId: device.id, privateKeyPem: device.privateKeyPem, publicKeyPem: device.publicKeyPem },
    hostDeps: {
      signDevicePayload: (pem, payload) => sign(null, Buffer.from(payload), pem).toString('base64url'),
      publicKeyRawBase64UrlFromPem: () => device.publicKey,
      loadDeviceAuthToken: ({ role }) => tokens.get(role) ?? null,
      storeDeviceAuthToken: ({ role, token, scopes }) => tokens.set(role, { token, scopes }),
      clearDeviceAuthToken: ({ role }) => tokens.delete(role),
    },
  };
}

export default {
  name: 'gateway-client',
  peer: '@openclaw/gateway-client@2026.9.1',
  weight: 2,
  setUp,
  scenarios: [
    {
      name: 'connects',
      about: 'connects with the shared token and is told protocol 4 and its scopes',
      run: async (world) => {
        const hello = await dial(world).hello();
        assert.equal(hello.protocol, 4);
        assert.deepEqual([...hello.auth.scopes].sort(), [...ALL_SCOPES].sort());
      },
    },
    {
      name: 'pairs',
      about: 'is paired with a key of its own and comes back with the token that it got',
      run: async (world) => {
        const [device, tokens] = [new Device(), new Map()];
        const first = dial(world, { ...identityOf(device, tokens), clientName: 'cli', mode: 'cli' });
        await first.hello();
        await first.client.stopAndWait();
        assert.ok(tokens.get('operator')?.token, 'no device token was issued');
        const second = dial(world, { ...identityOf(device, tokens), token: undefined, clientName: 'cli', mode: 'cli' });
        assert.equal((await second.hello()).auth.role, 'operator');
      },
    },
    {
      name: 'wrong-token',
      about: 'is told that its token is wrong, in the code that it understands',
      run: async (world) => {
        const { seen } = dial(world, { token: 'not-the-token' });
        const error = await eventually('a refusal', () => seen.errors[0]);
        assert.equal(error.details?.code, 'AUTH_TOKEN_MISMATCH', String(error));
      },
    },
    {
      name: 'calls',
      about: 'calls health, status, node.list, device.pair.list and system-presence',
      run: async (world) => {
        const { client, hello } = dial(world);
        await hello();
        assert.equal((await client.request('health', {})).ok, true);
        assert.ok(await client.request('status', {}));
        assert.ok(Array.isArray((await client.request('node.list', {})).nodes));
        assert.ok(Array.isArray((await client.request('device.pair.list', {})).paired));
        assert.ok(Array.isArray(await client.request('system-presence', {})));
      },
    },
    {
      name: 'unknown-method',
      about: 'gets the error of the real gateway for a method that does not exist',
      run: async (world) => {
        const { client, hello } = dial(world);
        await hello();
        await assert.rejects(client.request('no.such', {}), /unknown method: no\.such/);
      },
    },
    {
      name: 'events',
      about: 'sees a pairing request and its resolution as events, numbered without a gap',
      run: async (world) => {
        const { client, seen, hello } = dial(world);
        await hello();
        const asked = await askFromElsewhere(world, world.gateway.url, { protocol: 4, client: { deviceFamily: 'Linux', version: '2026.9.1' } });
        const named = (name) => seen.events.find(({ event, payload }) => event === name && payload?.deviceId === asked.device.id);
        await eventually('device.pair.requested', () => named('device.pair.requested'));
        await client.request('device.pair.approve', { requestId: asked.requestId });
        await eventually('device.pair.resolved', () => named('device.pair.resolved'));
        const numbers = seen.events.map(({ seq }) => seq).filter((seq) => seq !== undefined);
        assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index), 'the numbers have a gap');
      },
    },
    {
      name: 'reconnects',
      about: 'comes back by itself to a gateway that was killed and started again, and its calls work',
      run: async (world) => {
        const { client, hello } = dial(world);
        await hello();
        await restartGateway(world, 'SIGKILL');
        await hello(2);
        assert.equal((await client.request('health', {})).ok, true);
      },
    },
    {
      name: 'told-of-a-shutdown',
      about: 'is told of a shutdown and closed with code 1012',
      run: async (world) => {
        const { seen, hello } = dial(world);
        await hello();
        await restartGateway(world, 'SIGTERM');
        await eventually('the close', () => seen.closes[0]);
        assert.ok(seen.events.some(({ event }) => event === 'shutdown'), 'no shutdown event came');
        assert.equal(seen.closes[0].code, 1012);
      },
    },
  ],
};
