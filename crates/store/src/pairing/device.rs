//! Changing and removing what is paired.

use openclaw_protocol::{
    id::DeviceId,
    scope::{Role, ScopeSet},
};
use rusqlite::params;

use super::{
    invitation,
    model::{Device, Profile},
    request, rows,
};
use crate::{
    AuditLine, audit,
    database::{Tx, milliseconds, to_json},
    error::StoreError,
};

/// A role was taken from a device.
#[derive(Clone, Debug)]
pub struct RoleRemoved {
    /// As it was before: whose sockets of that role have to close.
    pub device: Device,
    /// It was the only role, and the whole record is gone.
    pub is_gone: bool,
}

/// That a device was here. Many of them are written together.
#[derive(Clone, Debug)]
pub struct SeenUpdate {
    pub device_id: DeviceId,
    pub at_ms: u64,
    pub event: SeenEvent,
    /// `connect`, `device-token-auth`, …; the old one stays when absent.
    pub reason: Option<String>,
    /// What the device says about itself now.
    pub profile: Option<Profile>,
    /// The role whose token it used.
    pub used_role: Option<Role>,
}

/// What a device was seen doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenEvent {
    Connected,
    Active,
    Disconnected,
}

pub(crate) fn remove(tx: &Tx<'_>, id: &DeviceId, now_ms: u64) -> Result<Option<Device>, StoreError> {
    request::drop_of(tx, id)?;
    invitation::void(tx, id)?;
    let Some(device) = rows::device(tx, id)? else { return Ok(None) };
    // Tokens go with it by the foreign key.
    tx.change("DELETE FROM devices WHERE id = ?1", [id.as_str()])?;
    let text = format!("{} was removed", device.name());
    audit::write(tx, &AuditLine::new(now_ms, "device.removed", "approver", text).about(id))?;
    Ok(Some(device))
}

pub(crate) fn remove_role(
    tx: &Tx<'_>,
    id: &DeviceId,
    role: Role,
    now_ms: u64,
) -> Result<Option<RoleRemoved>, StoreError> {
    let Some(device) = rows::device(tx, id)?.filter(|device| device.roles.contains(&role)) else { return Ok(None) };
    if device.roles.len() == 1 {
        return Ok(remove(tx, id, now_ms)?.map(|device| RoleRemoved { device, is_gone: true }));
    }
    request::drop_of(tx, id)?;
    invitation::void(tx, id)?;
    let mut left = device.clone();
    left.roles.remove(&role);
    match role {
        Role::Operator => left.scopes = ScopeSet::none(),
        Role::Node => left.surface = None,
    }
    rows::insert_device(tx, &left)?;
    tx.change("DELETE FROM tokens WHERE device_id = ?1 AND role = ?2", [id.as_str(), role.as_str()])?;
    let text = format!("{} is no {role} any more", device.name());
    audit::write(tx, &AuditLine::new(now_ms, "device.role-removed", "approver", text).about(id))?;
    Ok(Some(RoleRemoved { device, is_gone: false }))
}

/// Gives a device a name that its own later ones do not replace.
pub(crate) fn rename(tx: &Tx<'_>, id: &DeviceId, name: &str, now_ms: u64) -> Result<Option<Device>, StoreError> {
    let Some(mut device) = rows::device(tx, id)? else { return Ok(None) };
    device.profile.display_name = Some(name.to_owned());
    tx.change("UPDATE devices SET profile = ?2, renamed = 1 WHERE id = ?1", [id.as_str(), &to_json(&device.profile)?])?;
    let line = AuditLine::new(now_ms, "device.renamed", "operator", format!("the device is called {name} now"));
    audit::write(tx, &line.about(id))?;
    Ok(Some(device))
}

/// Sets or takes away the operator's label.
pub(crate) fn label(
    tx: &Tx<'_>,
    id: &DeviceId,
    label: Option<&str>,
    now_ms: u64,
) -> Result<Option<Device>, StoreError> {
    let changed = tx.change("UPDATE devices SET label = ?2 WHERE id = ?1", params![id.as_str(), label])?;
    if changed == 0 {
        return Ok(None);
    }
    let text = label.map_or_else(|| "the label was taken away".to_owned(), |label| format!("the label is {label} now"));
    audit::write(tx, &AuditLine::new(now_ms, "device.labelled", "operator", text).about(id))?;
    rows::device(tx, id)
}

/// The stored profile with what the device says now; a name that the operator gave stays.
pub(super) fn keep_given_name(tx: &Tx<'_>, stored: &Device, newer: &Profile) -> Result<Profile, StoreError> {
    let mut profile = stored.profile.merged(newer);
    if tx.count("SELECT renamed FROM devices WHERE id = ?1", [stored.id.as_str()])? == 1 {
        profile.display_name.clone_from(&stored.profile.display_name);
    }
    Ok(profile)
}

pub(crate) fn note_seen(tx: &Tx<'_>, updates: &[SeenUpdate]) -> Result<(), StoreError> {
    for update in updates {
        let (id, at) = (update.device_id.as_str(), milliseconds(update.at_ms));
        let changed = tx.change(
            match update.event {
                SeenEvent::Connected => {
                    "UPDATE devices SET last_seen_at_ms = ?2, last_seen_reason = coalesce(?3, last_seen_reason),
                         last_connected_at_ms = ?2 WHERE id = ?1"
                }
                SeenEvent::Active => {
                    "UPDATE devices SET last_seen_at_ms = ?2, last_seen_reason = coalesce(?3, last_seen_reason)
                         WHERE id = ?1"
                }
                SeenEvent::Disconnected => {
                    "UPDATE devices SET last_seen_at_ms = ?2, last_seen_reason = coalesce(?3, last_seen_reason),
                         last_disconnected_at_ms = ?2 WHERE id = ?1"
                }
            },
            params![id, at, update.reason],
        )?;
        if changed == 0 {
            // Removed meanwhile.
            continue;
        }
        if let Some(role) = update.used_role {
            tx.change(
                "UPDATE tokens SET last_used_at_ms = ?3 WHERE device_id = ?1 AND role = ?2",
                params![id, role.as_str(), at],
            )?;
        }
        if let (Some(profile), Some(device)) = (&update.profile, rows::device(tx, &update.device_id)?) {
            let profile = keep_given_name(tx, &device, profile)?;
            if profile != device.profile {
                tx.change("UPDATE devices SET profile = ?2 WHERE id = ?1", [id, &to_json(&profile)?])?;
            }
        }
    }
    Ok(())
}
