//! The checkout that xtask works on: its root, its files, and how generated files get written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::process;

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_path_buf()
}

/// Reads a file of the checkout.
///
/// # Errors
/// Names the path when it cannot be read.
pub(crate) fn read(relative: &str) -> Result<String> {
    fs::read_to_string(root().join(relative)).with_context(|| format!("cannot read {relative}"))
}

/// Every file that is committed or would be: what git lists, less what `.gitignore` names. Sorted, with `/`.
///
/// # Errors
/// When git cannot be run here.
pub(crate) fn files() -> Result<Vec<String>> {
    let listed = process::output("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"])?;
    let mut files: Vec<String> = listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    files.retain(|path| root().join(path).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// Whether a path names a Rust source file.
pub(crate) fn is_rust(path: &str) -> bool {
    Path::new(path).extension() == Some("rs".as_ref())
}

/// Whether a generated file is written or only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generated {
    Write,
    Check,
}

impl Generated {
    pub(crate) fn from_check_flag(check: bool) -> Self {
        if check { Self::Check } else { Self::Write }
    }

    /// Writes `text` to `relative`, or says that the committed file is stale and which command renews it.
    ///
    /// # Errors
    /// A stale file under [`Generated::Check`], or a file that cannot be written.
    pub(crate) fn apply(self, relative: &str, text: &str, command: &str) -> Result<()> {
        // A checkout on Windows may hold CRLF; what counts is the text.
        let committed = fs::read_to_string(root().join(relative)).ok().map(|text| text.replace("\r\n", "\n"));
        if committed.as_deref() == Some(text) {
            return Ok(());
        }
        match self {
            Self::Check => bail!("{relative} is stale: run `{command}` and commit the result"),
            Self::Write => write(relative, text),
        }
    }
}

fn write(relative: &str, text: &str) -> Result<()> {
    let path = root().join(relative);
    let draft = path.with_extension("draft");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create(&draft)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .and_then(|()| fs::rename(&draft, &path))
        .with_context(|| format!("cannot write {relative}"))
}
