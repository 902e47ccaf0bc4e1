//! Tells the binary which commit it was built from: `OPENCLAW_COMMIT` of the environment, else what git says.
//!
//! Debug builds do not ask git, so that a commit does not rebuild them.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=OPENCLAW_COMMIT");
    if std::env::var_os("OPENCLAW_COMMIT").is_some() || std::env::var("PROFILE").as_deref() != Ok("release") {
        println!("cargo::rerun-if-changed=build.rs");
        return;
    }
    println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
    let said = Command::new("git").args(["rev-parse", "--short=7", "HEAD"]).output();
    if let Ok(said) = said
        && said.status.success()
    {
        println!("cargo::rustc-env=OPENCLAW_COMMIT={}", String::from_utf8_lossy(&said.stdout).trim());
    }
}
