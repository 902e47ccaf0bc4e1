//! What the store costs with 10,000 paired devices: `cargo run --release -p openclaw-store --example store-cost`.

use std::{
    error::Error,
    io::{Write, stdout},
    time::Instant,
};

use openclaw_protocol::{id::DeviceId, scope::Role};
use openclaw_store::{
    Store,
    pairing::{ApprovedVia, Ask, Profile, Reason, SeenEvent, SeenUpdate, Surface, Wish},
};

const DEVICES: u32 = 10_000;
const NOW: u64 = 1_795_000_000_000;

fn id(n: u32) -> DeviceId {
    DeviceId::new(format!("{n:064x}"))
}

fn ask(n: u32) -> Ask {
    let commands = ["system.run", "system.run.prepare", "system.which", "canvas.present", "canvas.eval", "camera.snap"];
    let surface = Surface { commands: commands.map(str::to_owned).into(), ..Surface::default() };
    Ask {
        device_id: id(n),
        public_key: "A".repeat(43),
        profile: Profile {
            display_name: Some(format!("device {n}")),
            platform: Some("linux".into()),
            ..Profile::default()
        },
        wish: Wish { roles: [Role::Node].into(), surface: Some(surface), ..Wish::default() },
        reason: Reason::NotPaired,
        is_repair: false,
    }
}

fn timed<T>(what: &str, times: u32, work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    let start = Instant::now();
    let result = work()?;
    let each = start.elapsed() / times;
    writeln!(stdout(), "{what:<40} {each:>12.1?}")?;
    Ok(result)
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("openclaw-store-cost-{}", std::process::id()));
    let store = timed("make an empty state", 1, || Ok(Store::open(&dir, NOW)?))?;
    timed("pair, 8,000 waiting (each)", DEVICES, || {
        for first in (0..DEVICES).step_by(5_000) {
            let written: Vec<_> =
                (first..first + 5_000).map(|n| store.pair_silently(ask(n), ApprovedVia::Silent, NOW)).collect();
            for device in written {
                device.wait()?;
            }
        }
        Ok(())
    })?;
    timed("pair, one at a time", 100, || {
        for n in DEVICES..DEVICES + 100 {
            store.pair_silently(ask(n), ApprovedVia::Silent, NOW).wait()?;
        }
        Ok(())
    })?;
    drop(store);
    let store = timed("open after a clean end", 1, || Ok(Store::open(&dir, NOW)?))?;
    for what in ["look a device up (first time)", "look a device up"] {
        timed(what, DEVICES, || {
            for n in 0..DEVICES {
                store.device(&id(n * 7_919 % DEVICES))?.ok_or("not there")?;
            }
            Ok(())
        })?;
    }
    timed("list every device", 1, || Ok(store.devices()?))?;
    timed("note 10,000 seen (each)", DEVICES, || {
        let seen = |n| SeenUpdate {
            device_id: id(n),
            at_ms: NOW,
            event: SeenEvent::Connected,
            reason: Some("connect".into()),
            profile: None,
            used_role: Some(Role::Node),
        };
        Ok(store.note_seen((0..DEVICES).map(seen).collect()).wait()?)
    })?;
    drop(store);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
