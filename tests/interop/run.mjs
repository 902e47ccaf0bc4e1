// Runs the scenarios: node run.mjs --peers FOLDER --binary FILE [--only NAME[,NAME]] [--list] [--record]
// `cargo xtask interop` calls it with what it needs.

import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { withToken } from './lib/home.mjs';
import { endEverything } from './lib/processes.mjs';
import { Official } from './lib/official.mjs';
import { Ours } from './lib/ours.mjs';
import { compare, readRecorded, record, vanished } from './lib/results.mjs';
import { newHome, TOKEN } from './lib/world.mjs';

/** Groups that run at the same time: the official programs keep a core busy each. */
const AT_ONCE = 2;
const DEADLINE_MS = 300_000;
const SET_UP_MS = 300_000;

const { values } = parseArgs({
  options: {
    peers: { type: 'string' }, binary: { type: 'string' }, only: { type: 'string' },
    list: { type: 'boolean' }, record: { type: 'boolean' },
  },
});

const groups = await loadGroups();
const all = groups.flatMap((group) => group.scenarios.map((scenario) => `${group.name}/${scenario.name}`));
if (values.list) {
  for (const group of groups) for (const { name, about } of group.scenarios) console.log(`${group.name}/${name}: ${about}`);
  process.exit(0);
}
for (const name of ['peers', 'binary']) if (!values[name]) throw new Error(`--${name} is missing`);

process.on('exit', endEverything);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const suite = { peers: values.peers, ours: new Ours(values.binary), official: new Official(values.peers) };
const chosen = choose(values.only);
if (chosen.length === 0) throw new Error(`no scenario matches ${values.only}; --list names them`);
process.exit(await main());

async function loadGroups() {
  const folder = new URL('./scenarios/', import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.mjs')).sort();
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder))));
  return modules.map((module) => module.default);
}

/** Groups with the scenarios that a list of names or beginnings of names asks for. */
function choose(only) {
  if (!only) return groups;
  const wanted = only.split(',');
  const matches = (full) => wanted.some((name) => full === name || full.startsWith(`${name}/`) || full.startsWith(name));
  return groups
    .map((group) => ({ ...group, scenarios: group.scenarios.filter(({ name }) => matches(`${group.name}/${name}`)) }))
    .filter((group) => group.scenarios.length > 0);
}

async function main() {
  const outcomes = [];
  const queue = [...chosen].sort((a, b) => (b.weight ?? 1) - (a.weight ?? 1));
  const worker = async () => {
    for (let group = queue.shift(); group; group = queue.shift()) outcomes.push(...(await runGroup(group)));
  };
  await warmUp();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return finish(outcomes);
}

async function runGroup(group) {
  const outcome = (scenario, result, reason) => {
    const full = `${group.name}/${scenario.name}`;
    return { scenario: full, peer: group.peer, about: scenario.about, result, reason };
  };
  const reason = group.whyNotPossible?.();
  if (reason) {
    const result = process.env.CI ? 'fail' : 'skip';
    console.log(`${result.toUpperCase()}  ${group.name}/*: ${reason}`);
    return group.scenarios.map((scenario) => outcome(scenario, result, reason));
  }
  // What the group starts is noted here as it goes, so that a failing set-up can be taken down too.
  const world = { ...suite, leave: [] };
  const outcomes = [];
  try {
    await within(SET_UP_MS, group.setUp?.(world));
    for (const scenario of group.scenarios) outcomes.push(await runScenario(group, scenario, world, outcome));
  } catch (error) {
    const left = group.scenarios.slice(outcomes.length);
    console.log(`FAIL  ${group.name}: its preparation failed\n${indent(error)}`);
    outcomes.push(...left.map((scenario) => outcome(scenario, 'fail', String(error.message))));
  } finally {
    for (const leave of world.leave.reverse()) await Promise.resolve(leave()).catch((error) => console.log(indent(error)));
  }
  return outcomes;
}

/** Loads the official programs once, before anything is timed. */
async function warmUp() {
  if (!chosen.some(({ peer, whyNotPossible }) => peer.startsWith('openclaw@') && !whyNotPossible?.())) return;
  const world = { leave: [] };
  const home = await newHome(world, 'warm-up', withToken(TOKEN));
  await suite.official.warmUp(home);
  for (const leave of world.leave.reverse()) await leave();
}

async function runScenario(group, scenario, world, outcome) {
  const start = performance.now();
  const own = { ...world, group: world, leave: [] };
  const took = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    await within(scenario.deadlineMs ?? DEADLINE_MS, scenario.run(own));
    console.log(`pass  ${group.name}/${scenario.name}  ${took()}`);
    return outcome(scenario, 'pass');
  } catch (error) {
    const logs = (own.logs ?? []).map((child) => `${child.name}:\n${child.tail(12)}`).join('');
    console.log(`FAIL  ${group.name}/${scenario.name}  ${took()}\n${indent(error)}\n${logs}`);
    return outcome(scenario, 'fail', String(error.message));
  } finally {
    for (const leave of own.leave.reverse()) await Promise.resolve(leave()).catch((error) => console.log(indent(error)));
  }
}

async function finish(outcomes) {
  const recorded = await readRecorded();
  const count = (result) => outcomes.filter((outcome) => outcome.result === result).length;
  let findings = compare(recorded, outcomes);
  if (!values.only) findings.push(...vanished(recorded, all));
  if (values.record) {
    await record(recorded, outcomes, all);
    console.log('recorded; `cargo xtask compat` renews docs/compat.md');
    findings = [];
  }
  for (const finding of findings) console.log(`finding: ${finding}`);
  const still = outcomes.filter(({ scenario, result }) => {
    return result === 'fail' && recorded.some((line) => line.scenario === scenario && line.result === 'fail');
  });
  if (still.length > 0) console.log(`${still.length} scenarios fail as recorded`);
  if (findings.length > 0) console.log('`cargo xtask interop --record` records this run, when it is meant to be so');
  console.log(`interop: ${count('pass')} pass, ${count('fail')} fail, ${count('skip')} skipped`);
  return findings.length > 0 ? 1 : 0;
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function indent(error) {
  return String(error?.stack ?? error).split('\n').slice(0, 60).map((line) => `      ${line}`).join('\n');
}
