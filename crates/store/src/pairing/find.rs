//! Finding the request that a person means (promise P3).

use openclaw_identity::{PublicKey, matching_code};
use openclaw_protocol::id::RequestId;

use super::{
    model::PairingRequest,
    request::{alive_since, is_alive, superseding},
    rows,
    wish::Wish,
};
use crate::{database::View, error::StoreError};

/// Shorter prefixes of a request id are not looked at.
const REQUEST_PREFIX: usize = 4;
/// Shorter prefixes of a device id are not looked at.
const DEVICE_PREFIX: usize = 6;

/// What a selector means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    One(PairingRequest),
    /// The id of a request that has been widened since: it must not be approved unseen (SEC-055).
    Superseded {
        asked: RequestId,
        now: PairingRequest,
        added: Wish,
    },
    None,
    /// Several, newest first: the person has to choose.
    Ambiguous(Vec<PairingRequest>),
}

pub(crate) fn find(view: &View<'_>, selector: &str, gateway: &PublicKey, now_ms: u64) -> Result<Found, StoreError> {
    let selector = selector.trim();
    // Whole ids come first: what a device calls itself must not stand in the way of an exact id.
    let id = RequestId::new(selector.to_lowercase());
    if let Some(request) = rows::request(view, &id)?.filter(|request| is_alive(request, now_ms)) {
        return Ok(Found::One(request));
    }
    if let Some((now, shown)) = superseding(view, &id, now_ms)? {
        let added = now.wish.minus(&shown);
        return Ok(Found::Superseded { asked: id, now, added });
    }
    let mut requests = rows::requests(view, alive_since(now_ms))?;
    let lower = selector.to_lowercase();
    if let Some(at) = requests.iter().position(|request| request.device_id.as_str() == lower) {
        return Ok(Found::One(requests.swap_remove(at)));
    }
    requests.retain(|request| means(&lower, request, gateway));
    Ok(match requests.len() {
        0 => superseded_prefix(view, &lower, now_ms)?,
        1 => requests.pop().map_or(Found::None, Found::One),
        _ => Found::Ambiguous(requests),
    })
}

fn means(selector: &str, request: &PairingRequest, gateway: &PublicKey) -> bool {
    if selector.is_empty() {
        return false;
    }
    let is_prefix = |id: &str, least: usize| selector.len() >= least && id.starts_with(selector);
    let name = request.profile.display_name.as_deref().map(str::to_lowercase);
    is_prefix(request.id.as_str(), REQUEST_PREFIX)
        || is_prefix(request.device_id.as_str(), DEVICE_PREFIX)
        || name.is_some_and(|name| name == selector || normalised(&name) == normalised(selector))
        || PublicKey::parse(&request.public_key).is_ok_and(|device| {
            let code = matching_code(gateway, &device, request.id.as_str());
            without_dashes(&code).eq_ignore_ascii_case(&without_dashes(selector))
        })
}

/// The id of a superseded request, shortened.
fn superseded_prefix(view: &View<'_>, selector: &str, now_ms: u64) -> Result<Found, StoreError> {
    // Only what can be in an id is looked for, so the pattern has no wildcard of its own.
    let fits = selector.len() >= REQUEST_PREFIX && selector.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if !fits {
        return Ok(Found::None);
    }
    let ids = view.rows("SELECT id FROM superseded WHERE id LIKE ?1 LIMIT 2", [format!("{selector}%")], |row| {
        row.get::<_, String>(0)
    })?;
    let [id] = ids.as_slice() else { return Ok(Found::None) };
    let asked = RequestId::new(id.clone());
    Ok(superseding(view, &asked, now_ms)?.map_or(Found::None, |(now, shown)| {
        let added = now.wish.minus(&shown);
        Found::Superseded { asked, now, added }
    }))
}

/// Lower case, everything that is no letter or digit as one dash, none at the ends: `nodes --node` takes it so too.
fn normalised(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

fn without_dashes(code: &str) -> String {
    code.chars().filter(|c| *c != '-' && !c.is_whitespace()).collect()
}
