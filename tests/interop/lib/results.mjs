// What was recorded, what happened now, and whether the two agree.

import { readFile, writeFile } from 'node:fs/promises';

const FILE = new URL('../results.jsonl', import.meta.url);

export async function readRecorded() {
  const text = await readFile(FILE, 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** Findings that fail the run: regressions, improvements and scenarios that nobody recorded. */
export function compare(recorded, outcomes) {
  const findings = [];
  for (const { scenario, result } of outcomes) {
    const before = recorded.find((line) => line.scenario === scenario)?.result;
    if (result === 'skip' || result === before) continue;
    if (before === undefined) findings.push(`${scenario} is new and has no line in results.jsonl (${result})`);
    else if (result === 'pass') findings.push(`${scenario} works now, but results.jsonl says it fails: record it`);
    else findings.push(`${scenario} worked and does not any more`);
  }
  return findings;
}

/** Recorded scenarios that exist no longer. */
export function vanished(recorded, known) {
  const gone = recorded.filter(({ scenario }) => !known.includes(scenario));
  return gone.map(({ scenario }) => `${scenario} is in results.jsonl, but there is no such scenario`);
}

/** Writes the lines of this run over those of earlier ones. */
export async function record(recorded, outcomes, known) {
  const lines = new Map(recorded.filter(({ scenario }) => known.includes(scenario)).map((line) => [line.scenario, line]));
  for (const { scenario, peer, result, about } of outcomes) {
    if (result !== 'skip') lines.set(scenario, { scenario, peer, result, about });
  }
  const sorted = [...lines.values()].sort((a, b) => (a.scenario < b.scenario ? -1 : 1));
  await writeFile(FILE, sorted.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
