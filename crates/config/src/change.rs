//! From a wish to a new text of the file, checked and ready to be saved.

use serde_json::{Map, Value};

use crate::{
    diff::{self, ReloadPlan},
    edit::{self, EditError},
    env::Env,
    json5::{self, ParseError},
    key_path::KeyPath,
    load::{InvalidConfig, Snapshot, preview},
    migrate::migrate,
    paths::Paths,
    redact::{self, RestoreError},
};

/// What is wanted. Redaction markers in values mean "as it is now" (SEC-075).
#[derive(Debug, Clone)]
pub enum Change {
    /// `config set`: one value.
    Set { path: KeyPath, value: Value },
    /// `config unset`: one value less.
    Unset { path: KeyPath },
    /// `config.patch`: a merge patch on what [`Snapshot::resolved`] shows.
    Patch(Value),
    /// `config.set` and `config.apply`: a whole new text.
    Replace { raw: String },
    /// Writes legacy keys where they belong now.
    Migrate,
}

/// Who writes, and when: for `meta.lastTouchedVersion` and `meta.lastTouchedAt`.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'v> {
    pub version: &'v str,
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// A change that may be saved.
#[derive(Clone)]
pub struct Prepared {
    /// The new text of the file.
    pub text: String,
    /// False when comments or formatting get lost; say so to the person.
    pub kept_layout: bool,
    /// What the change means for a running gateway, and every path that changed (`meta` not counted). Empty when there
    /// is nothing to write.
    pub plan: ReloadPlan,
    /// The configuration as it will be.
    pub next: Snapshot,
}

/// Why a change is not possible. The file stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("invalid config: <root>: JSON5 parse failed: {0}")]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("invalid config; fix before patching")]
    CurrentBroken,
    /// The result would be invalid; `Display` is the text of the `config.*` methods.
    #[error("{}", summary(.0))]
    Invalid(InvalidConfig),
    #[error("{path} would not become what was asked for, because an included file says more; change it there")]
    NotInEffect { path: String },
}

/// The text of `config.set|patch|apply` for an invalid result (protocol.md §8.4).
fn summary(invalid: &InvalidConfig) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> =
        invalid.issues.iter().take(SHOWN).map(|issue| format!("{}: {}", issue.path, issue.message)).collect();
    let more = invalid.issues.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; … (+{more} more issues)") } else { String::new() };
    format!("invalid config: {}{more}", shown.join("; "))
}

/// Works out the new text and checks the configuration that it makes.
///
/// # Errors
/// A current file that does not parse (unless it is replaced), an impossible edit, an invalid result.
pub fn prepare(
    paths: &Paths,
    env: &Env,
    current: &Snapshot,
    change: &Change,
    stamp: Stamp<'_>,
) -> Result<Prepared, ChangeError> {
    let unreadable = current.exists && json5::parse(&current.raw).is_err();
    if unreadable && !matches!(change, Change::Replace { .. }) {
        return Err(ChangeError::CurrentBroken);
    }
    let (base, mut file) = wanted(current, change)?;
    edit::check_keys(&file)?;
    if !file.is_object() {
        return Err(EditError::Root.into());
    }
    let same_text = matches!(change, Change::Replace { raw } if *raw != current.raw);
    if file == current.parsed && current.exists && !same_text {
        let next = current.clone();
        return Ok(Prepared { text: current.raw.clone(), kept_layout: true, plan: ReloadPlan::default(), next });
    }
    touch(&mut file, stamp);
    let rewritten = json5::rewrite(&base, &file);
    let next = preview(paths, env, &rewritten.text);
    if !next.is_valid() {
        let shown = paths.display(&next.path);
        return Err(ChangeError::Invalid(InvalidConfig { path: next.path, shown, issues: next.issues }));
    }
    if let Some(path) = not_in_effect(current, &next, change)? {
        return Err(ChangeError::NotInEffect { path });
    }
    let mut plan = diff::plan(&without_meta(&current.resolved), &without_meta(&next.resolved));
    if plan.changed.is_empty() {
        // The value is the same but its spelling is not: `${VARIABLE}` for text, an include, a moved legacy key.
        plan.changed = diff::changed_paths(&without_meta(&current.parsed), &without_meta(&file));
    }
    Ok(Prepared { text: rewritten.text, kept_layout: rewritten.kept_layout, plan, next })
}

/// The text to start from, and the value that it should get.
fn wanted(current: &Snapshot, change: &Change) -> Result<(String, Value), ChangeError> {
    let base = if current.exists { current.raw.clone() } else { "{}\n".to_owned() };
    let mut file = current.parsed.clone();
    match change {
        Change::Set { path, value } => {
            edit::set(&mut file, path, value.clone())?;
            Ok((base, redact::restore(&file, &current.parsed)?))
        }
        Change::Unset { path } => {
            if path.get(&file).is_none() && path.get(&current.resolved).is_some() {
                return Err(EditError::Included { path: path.to_string() }.into());
            }
            edit::unset(&mut file, path)?;
            Ok((base, file))
        }
        Change::Patch(patch) => {
            let next = patched(current, patch)?;
            migrate(&mut file);
            Ok((base, edit::unresolve(&next, &file, &current.resolved)?))
        }
        Change::Replace { raw } => {
            let next = redact::restore(&json5::parse_str(raw)?, &current.parsed)?;
            migrate(&mut file);
            Ok((raw.clone(), edit::unresolve(&next, &file, &current.resolved)?))
        }
        Change::Migrate => {
            migrate(&mut file);
            Ok((base, file))
        }
    }
}

fn patched(current: &Snapshot, patch: &Value) -> Result<Value, ChangeError> {
    let mut next = current.resolved.clone();
    edit::merge_patch(&mut next, patch)?;
    Ok(redact::restore(&next, &current.resolved)?)
}

/// With included files, the value that counts is not the one in this file alone: makes sure that it is what was asked.
fn not_in_effect(current: &Snapshot, next: &Snapshot, change: &Change) -> Result<Option<String>, ChangeError> {
    if next.included_paths.is_empty() {
        return Ok(None);
    }
    Ok(match change {
        Change::Set { path, .. } => match (path.get(&next.parsed), path.get(&next.resolved)) {
            (Some(Value::Array(own)), Some(Value::Array(seen))) if own.len() != seen.len() => Some(path.to_string()),
            _ => None,
        },
        Change::Unset { path } => path.get(&next.resolved).map(|_| path.to_string()),
        Change::Patch(patch) => {
            let wanted = without_meta(&patched(current, patch)?);
            let found = diff::changed_paths(&wanted, &without_meta(&next.resolved));
            // A value that names a variable is asked for as text and takes effect as what the variable holds.
            let other = found
                .into_iter()
                .find(|path| !path.get(&wanted).and_then(Value::as_str).is_some_and(|text| text.contains("${")));
            other.map(|path| path.to_string())
        }
        Change::Replace { .. } | Change::Migrate => None,
    })
}

fn without_meta(value: &Value) -> Value {
    let mut copy = value.clone();
    if let Value::Object(map) = &mut copy {
        map.shift_remove("meta");
    }
    copy
}

/// Stamps `meta`.
fn touch(file: &mut Value, stamp: Stamp<'_>) {
    let Some(root) = file.as_object_mut() else { return };
    let meta = root.entry("meta").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(meta) = meta {
        meta.insert("lastTouchedVersion".to_owned(), Value::from(stamp.version));
        meta.insert("lastTouchedAt".to_owned(), Value::from(iso_time(stamp.now_ms)));
    }
}

/// `2026-11-22T06:38:55.786Z`.
pub(crate) fn iso_time(now_ms: u64) -> String {
    let (seconds, millis) = (now_ms / 1000, now_ms % 1000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    // Civil date from a day count, with years that begin in March so that the leap day comes last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::iso_time;

    #[test]
    fn times_are_written_as_javascript_writes_them() {
        assert_eq!(iso_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso_time(1_795_329_698_116), "2026-11-22T06:41:38.116Z");
        assert_eq!(iso_time(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso_time(4_102_444_799_999), "2099-12-31T23:59:59.999Z");
    }
}
