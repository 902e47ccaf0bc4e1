// A client that speaks the wire by itself, so that frames can be looked at one by one.

import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const WAIT_MS = 15_000;

/** A device: an Ed25519 key whose hash is its id. */
export class Device {
  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.privateKey = privateKey;
    this.publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' });
    this.privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
    this.publicKey = raw.toString('base64url');
    this.id = createHash('sha256').update(raw).digest('hex');
  }

  sign(payload) {
    return sign(null, Buffer.from(payload), this.privateKey).toString('base64url');
  }
}

export const ALL_SCOPES = ['operator.admin', 'operator.read', 'operator.write', 'operator.approvals', 'operator.pairing'];

/** A refused connect: the error of the answer and the close frame. */
export class Refused extends Error {
  constructor(error, close) {
    super(`${error?.code}: ${error?.message} (${JSON.stringify(error?.details)}), close ${close?.code} ${close?.reason}`);
    this.error = error;
    this.close = close;
  }
}

export class Wire {
  /** Every frame that the gateway sent, in order. */
  frames = [];
  #waiting = new Set();
  #next = 1;

  /**
   * Connects and shakes hands. `protocol` is 3 or 4; `device` signs; `headers` go with the upgrade (a foreign `Host`
   * makes the connection a remote one).
   */
  static async connect(peers, options) {
    const wire = new Wire();
    await wire.#open(peers, options);
    await wire.#hello(options);
    return wire;
  }

  async #open(peers, { url, headers }) {
    const { WebSocket } = createRequire(join(peers, 'node_modules/here.js'))('ws');
    this.socket = new WebSocket(url, { headers });
    this.socket.on('message', (data) => {
      this.frames.push(JSON.parse(String(data)));
      this.#notify();
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#notify();
    });
    await new Promise((resolve, reject) => this.socket.once('open', resolve).once('error', reject));
    this.socket.on('error', () => {});
  }

  async #hello({ protocol = 4, role = 'operator', scopes = ALL_SCOPES, device, token, client = {}, ...rest }) {
    const challenge = await this.event('connect.challenge');
    const who = {
      id: 'gateway-client', version: '2026.9.1', mode: 'backend', platform: 'linux', ...client,
    };
    const params = {
      minProtocol: protocol, maxProtocol: protocol, client: who, role, scopes, caps: rest.caps ?? [],
      ...(rest.commands ? { commands: rest.commands } : {}),
      ...(token ? { auth: { token } } : {}),
    };
    if (device) {
      const signedAt = Date.now();
      const { nonce } = challenge.payload;
      const payload = [
        'v3', device.id, who.id, who.mode, role, scopes.join(','), signedAt, token ?? '', nonce,
        who.platform.toLowerCase(), (who.deviceFamily ?? '').toLowerCase(),
      ].join('|');
      params.device = { id: device.id, publicKey: device.publicKey, signature: device.sign(payload), signedAt, nonce };
    }
    const answer = await this.send('connect', params);
    if (!answer.ok) {
      const close = await this.#until('a close frame after the refusal', () => this.closed).catch(() => undefined);
      throw new Refused(answer.error, close);
    }
    this.hello = answer.payload;
  }

  /** Sends a request and resolves with the whole answer frame. */
  async send(method, params = {}) {
    const id = `${method}-${this.#next++}`;
    this.socket.send(JSON.stringify({ type: 'req', id, method, params }));
    return this.#until(`an answer to ${method}`, () => this.frames.find((frame) => frame.type === 'res' && frame.id === id));
  }

  /** Sends a request and resolves with its payload; fails when the answer is an error. */
  async call(method, params) {
    const answer = await this.send(method, params);
    if (!answer.ok) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.payload;
  }

  /** The first event of that name for which `test` holds, past or to come. */
  event(name, test = () => true) {
    const matches = (frame) => frame.type === 'event' && frame.event === name && test(frame.payload);
    return this.#until(`the event ${name}`, () => this.frames.find(matches));
  }

  close() {
    this.socket.close();
  }

  #until(what, test) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = test();
        if (found) finish(resolve, found);
        else if (this.closed) finish(reject, new Error(`closed (${this.closed.code} ${this.closed.reason}) before ${what}`));
      };
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        settle(value);
      };
      const timer = setTimeout(() => finish(reject, new Error(`no ${what} within ${WAIT_MS} ms`)), WAIT_MS);
      this.#waiting.add(check);
      check();
    });
  }

  #notify() {
    for (const check of [...this.#waiting]) check();
  }
}

export const newId = randomUUID;
