// The published schema of the wire, as a judge of frames.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export class Schema {
  static async load(peers) {
    const path = join(peers, 'node_modules/@openclaw/gateway-protocol/protocol.schema.json');
    const Ajv = createRequire(join(peers, 'node_modules/here.js'))('ajv');
    const document = JSON.parse(await readFile(path, 'utf8'));
    // `strict` would only find fault with the official document itself.
    const ajv = new Ajv.default({ strict: false, allErrors: true, discriminator: false });
    ajv.addSchema(document, 'protocol');
    return new Schema(ajv, document);
  }

  constructor(ajv, document) {
    this.ajv = ajv;
    this.definitions = Object.keys(document.definitions);
    this.methods = document.methods;
  }

  /** Fails, with every error, unless `value` is what the definition of that name says. */
  check(definition, value, what = definition) {
    const validate = this.ajv.getSchema(`protocol#/definitions/${definition}`);
    if (!validate) throw new Error(`the official schema has no ${definition}`);
    if (validate(value)) return;
    const errors = validate.errors.map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
    throw new Error(`${what} is not a ${definition}:\n${errors.slice(0, 12).join('\n')}\n${JSON.stringify(value).slice(0, 2000)}`);
  }
}
