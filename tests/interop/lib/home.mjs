// A person's home folder, made for one scenario: configuration, state and environment.

import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What official programs would do beside answering us: announce themselves, look for updates, start channels. */
const QUIET = {
  OPENCLAW_DISABLE_BONJOUR: '1',
  OPENCLAW_SKIP_CHANNELS: '1',
  OPENCLAW_SKIP_CRON: '1',
  OPENCLAW_SKIP_BROWSER_CONTROL_SERVER: '1',
  OPENCLAW_SKIP_GMAIL_WATCHER: '1',
  OPENCLAW_NO_RESPAWN: '1',
  OPENCLAW_HIDE_BANNER: '1',
  NO_COLOR: '1',
};

export class Home {
  static async create(name, config) {
    const path = await mkdtemp(join(tmpdir(), `openclaw-interop-${name}-`));
    const home = new Home(path);
    await mkdir(home.state, { mode: 0o700 });
    if (config) await home.configure(config);
    return home;
  }

  constructor(path) {
    this.path = path;
    this.state = join(path, '.openclaw');
  }

  /** The environment of a program that runs for this person: nothing of ours leaks in but the search path. */
  env(extra = {}) {
    const { PATH, SystemRoot, TERM } = process.env;
    const base = { PATH, SystemRoot, TERM, HOME: this.path, USERPROFILE: this.path, TMPDIR: this.path, ...QUIET, ...extra };
    return Object.fromEntries(Object.entries(base).filter(([, value]) => value !== undefined));
  }

  async configure(config) {
    await this.write('openclaw.json', config, 0o600);
  }

  /** Lets nodes of this home run every command, so that a scenario is about the wire and not about the policy. */
  async allowEveryCommand() {
    const defaults = { security: 'full', ask: 'off', askFallback: 'full', autoAllowSkills: false };
    await this.write('exec-approvals.json', { version: 1, defaults, agents: {} }, 0o600);
  }

  async write(file, document, mode) {
    await writeFile(join(this.state, file), `${JSON.stringify(document, null, 2)}\n`, { mode });
  }

  async read(file) {
    return JSON.parse(await readFile(join(this.state, file), 'utf8'));
  }

  async remove() {
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The configuration that most scenarios start from. */
export function withToken(token, gateway = {}) {
  return { gateway: { mode: 'local', auth: { mode: 'token', token }, ...gateway }, update: { checkOnStart: false } };
}
