// Small assertions whose messages show what was there.

import assert from 'node:assert/strict';

export { assert };

/** The command succeeded; returns its result. */
export function succeeded(result) {
  assert.equal(result.code, 0, `exit code ${result.code}, expected 0\n${result.child.tail()}`);
  return result;
}

/** The JSON document that a command printed. 3.13 prints a summary line before it in places, so that is skipped. */
export function json(result) {
  succeeded(result);
  const at = result.stdout.search(/^[[{]/m);
  assert.notEqual(at, -1, `no JSON on stdout\n${result.child.tail()}`);
  return JSON.parse(result.stdout.slice(at));
}

/** The text contains every part, whatever the colours. */
export function mentions(text, ...parts) {
  const plain = text.replace(/\u001b\[[0-9;]*m/g, '');
  for (const part of parts) assert.ok(plain.includes(part), `expected ${JSON.stringify(part)} in:\n${plain}`);
}

/** Calls `attempt` until it returns something truthy. */
export async function eventually(what, attempt, withinMs = 20_000, everyMs = 150) {
  const deadline = Date.now() + withinMs;
  let last;
  do {
    try {
      const found = await attempt();
      if (found) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  } while (Date.now() < deadline);
  throw new Error(`${what}: not within ${withinMs} ms${last ? `\n${last.message}` : ''}`);
}
