// Children that end when we do. Each runs in a process group of its own; only those groups are ever signalled.

import { spawn } from 'node:child_process';

const running = new Set();
const STOP_GRACE_MS = 5_000;
const KEPT_OUTPUT = 200_000;

/** A child with its output collected. */
export class Child {
  constructor(name, command, args, { env, cwd }) {
    this.name = name;
    this.stdout = '';
    this.stderr = '';
    this.startedAt = performance.now();
    this.process = spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    for (const stream of ['stdout', 'stderr']) {
      this.process[stream].setEncoding('utf8').on('data', (text) => {
        this[stream] = (this[stream] + text).slice(-KEPT_OUTPUT);
        this.changed?.();
      });
    }
    this.ended = new Promise((resolve) => {
      this.process.once('error', (error) => resolve({ code: null, signal: null, error }));
      this.process.once('close', (code, signal) => resolve({ code, signal }));
    }).then((end) => {
      running.delete(this);
      this.end = end;
      this.changed?.();
      return end;
    });
  }

  get output() {
    return this.stdout + this.stderr;
  }

  /** Resolves when `test(child)` is truthy; fails when the child ends first or the time is up. */
  async until(what, test, withinMs) {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = test(this);
      if (found) return found;
      if (this.end) throw new Error(`${this.name} ended (${describeEnd(this.end)}) before ${what}\n${this.tail()}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.name}: no ${what} within ${withinMs} ms\n${this.tail()}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 100));
        this.changed = () => (clearTimeout(timer), resolve());
      });
    }
  }

  /** Asks the group to end, then ends it. */
  async stop(signal = 'SIGTERM') {
    if (this.end) return this.end;
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_GRACE_MS);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  signal(name) {
    try {
      process.kill(-this.process.pid, name);
    } catch {
      // The group is gone already.
    }
  }

  tail(lines = 25) {
    const part = (name) => {
      const text = this[name].trimEnd();
      return text ? `  ${name}:\n${text.split('\n').slice(-lines).map((line) => `    ${line}`).join('\n')}\n` : '';
    };
    return part('stdout') + part('stderr');
  }
}

export function start(name, command, args, options) {
  return new Child(name, command, args, options);
}

/** Runs a program to its end: `{code, stdout, stderr, ms}`. Fails when it takes longer than the deadline. */
export async function runToEnd(name, command, args, { deadlineMs, ...options }) {
  const child = new Child(name, command, args, options);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.signal('SIGKILL');
  }, deadlineMs);
  const end = await child.ended;
  clearTimeout(timer);
  if (late) throw new Error(`${name} ${args.join(' ')}: not done within ${deadlineMs} ms\n${child.tail()}`);
  if (end.error) throw new Error(`${name} cannot be started: ${end.error.message}`);
  return { code: end.code, stdout: child.stdout, stderr: child.stderr, ms: performance.now() - child.startedAt, child };
}

export function describeEnd(end) {
  return end.error ? end.error.message : end.signal ? `signal ${end.signal}` : `exit code ${end.code}`;
}

/** For the runner's own end, however it comes. */
export function endEverything() {
  for (const child of running) child.signal('SIGKILL');
}
