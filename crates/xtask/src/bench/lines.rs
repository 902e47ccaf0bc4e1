//! The lines of the table: what is measured, how often, and what we aim at.

/// How a line comes about.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// Noted while the server started.
    Start,
    /// A measure of the load program, with its count for us and the floor, and for the official gateway.
    Load { measure: &'static str, count: usize, peer_count: usize },
    /// A call of the command line, with its words.
    Cli(&'static [&'static str]),
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    Less,
    More,
}

/// One line of the table.
pub(super) struct Line {
    pub(super) title: &'static str,
    pub(super) source: Source,
    /// The member of what the source reports.
    pub(super) member: &'static str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    pub(super) aim: &'static str,
}

const fn less(
    title: &'static str,
    source: Source,
    member: &'static str,
    unit: &'static str,
    aim: &'static str,
) -> Line {
    Line { title, source, member, unit, better: Better::Less, aim }
}

const fn more(
    title: &'static str,
    source: Source,
    member: &'static str,
    unit: &'static str,
    aim: &'static str,
) -> Line {
    Line { title, source, member, unit, better: Better::More, aim }
}

const fn load(measure: &'static str, count: usize, peer_count: usize) -> Source {
    Source::Load { measure, count, peer_count }
}

const HELLO: Source = load("hello", 1, 1);
const PAIR: Source = load("pair", 800, 40);
const HANDSHAKE: Source = load("handshake", 2_000, 80);
const PAIRED: Source = load("handshake-paired", 2_000, 80);
const HEALTH: Source = load("health", 100_000, 8_000);
const NODE_LIST: Source = load("node-list", 20_000, 1_600);
const INVOKE: Source = load("invoke", 4_000, 800);
const INVOKE_MANY: Source = load("invoke-many", 32_000, 8_000);
const IDLE: Source = load("idle-nodes", 1_000, 80);

pub(super) const LINES: &[Line] = &[
    less("start → first 200 on `/healthz`", Source::Start, "healthzMs", "ms", "≤ 30 ms"),
    less("start → first hello-ok", Source::Start, "helloMs", "ms", "≤ 30 ms"),
    less("CPU spent until hello-ok", HELLO, "serverCpuMs", "ms", "≤ 25 ms"),
    less("memory idle", Source::Start, "idleKb", "kB", "≤ 12,288 kB"),
    less("memory after the whole load", Source::Start, "afterKb", "kB", "≤ 25,600 kB"),
    less("memory per idle node", IDLE, "kbPerNode", "kB", "≤ 20 kB"),
    more("nodes connected", IDLE, "perSecond", "/s", "≥ 800/s"),
    less("hello-ok size", HELLO, "helloBytes", "B", "≤ 8,192 B"),
    less("handshake, signed + shared token, 8 at a time: CPU", HANDSHAKE, "cpuMs", "ms", "≤ 0.3 ms"),
    less("handshake of a paired device: CPU", PAIRED, "cpuMs", "ms", "≤ 0.3 ms"),
    less("first pairing of a new local device: CPU", PAIR, "cpuMs", "ms", "≤ 1 ms"),
    more("`health`, 16 connections", HEALTH, "perSecond", "/s", "≥ 50,000/s"),
    less("`health`: CPU", HEALTH, "cpuMs", "ms", "–"),
    more("`node.list`, 16 connections, 16 nodes", NODE_LIST, "perSecond", "/s", "≥ 20,000/s"),
    less("`node.list`: CPU", NODE_LIST, "cpuMs", "ms", "–"),
    less("`node.invoke`, 1 × 1: p50", INVOKE, "p50Ms", "ms", "≤ 0.30 ms"),
    less("`node.invoke`, 1 × 1: CPU", INVOKE, "cpuMs", "ms", "≤ 0.15 ms"),
    more("`node.invoke`, 16 × 16", INVOKE_MANY, "perSecond", "/s", "≥ 12,000/s"),
    less("CLI `gateway health --json`", Source::Cli(&["gateway", "health", "--json"]), "wallMs", "ms", "≤ 15 ms"),
    less("CLI `gateway health --json`: CPU", Source::Cli(&["gateway", "health", "--json"]), "cpuMs", "ms", "–"),
    less("CLI `nodes list --json`", Source::Cli(&["nodes", "list", "--json"]), "wallMs", "ms", "≤ 15 ms"),
];
