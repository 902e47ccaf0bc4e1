//! The handle that everybody holds.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use openclaw_identity::{PublicKey, Secret};
use openclaw_protocol::{
    id::{DeviceId, RequestId},
    scope::{Role, ScopeSet},
};
use rusqlite::Connection;

use crate::{
    audit::{self, AuditLine},
    database::{self, Durability, Opening, StepHook, Tx, View, Writer, Written},
    error::StoreError,
    files::{Ballast, FileError, claim_dir, with_suffix},
    import::{self, ImportReport},
    meta::{self, GatewayMeta},
    pairing::{
        Approval, ApproveError, ApprovedVia, Approver, Ask, Device, DeviceToken, Filed, Found, Invitation, InviteAsk,
        InviteError, PairingRequest, Quota, RedeemError, RoleRemoved, SeenUpdate, TokenError, operations as ops,
    },
};

/// What opening the store found and did, for the log.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// There was no state before.
    pub created: bool,
    /// What was taken over from an older installation, when this was the first start beside one.
    pub imported: Option<ImportReport>,
}

/// The state of one gateway. Cheap to clone; the file is closed when the last clone is dropped, which waits for the
/// changes that are under way.
///
/// Reads are answered at once (a look-up by id takes some 10 µs, also with 10,000 devices) and may be called from async
/// code. Changes are a [`Written`]: durable before it is ready.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    // Dropped before the writer closes, so that it is alone with the file and can tidy it.
    points: Mutex<Option<Connection>>,
    lists: Mutex<Option<Connection>>,
    writer: Writer,
    path: PathBuf,
    opened: Opened,
    meta: GatewayMeta,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for reader in [&self.points, &self.lists] {
            drop(reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        self.writer.close();
    }
}

impl Store {
    /// Where the database of a state directory lies.
    pub fn path_in(state_dir: &Path) -> PathBuf {
        state_dir.join("state").join("openclaw-rs.sqlite")
    }

    /// Opens the state of that directory; makes it, and takes over what an older installation left there, when there is
    /// none yet. The caller holds the directory's lock.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] after a damaged file was moved aside, [`StoreError::Newer`] and
    /// [`StoreError::Foreign`] for a file that is left alone, and whatever the disk says.
    pub fn open(state_dir: &Path, now_ms: u64) -> Result<Self, StoreError> {
        Self::open_with(state_dir, now_ms, None)
    }

    /// As [`Store::open`], with a hook that is called at every step of every change: for tests that stop the process or
    /// let a step fail there.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(state_dir: &Path, now_ms: u64, hook: Option<StepHook>) -> Result<Self, StoreError> {
        let path = Self::path_in(state_dir);
        claim_dir(state_dir)?;
        path.parent().map_or(Ok(()), claim_dir)?;
        let Opening { connection, after_damage } = database::prepare(&path, now_ms)?;
        let opened = first_start(&connection, state_dir, after_damage, now_ms, hook.as_ref())?;
        let meta = meta::read(&View(&connection))?.ok_or(StoreError::Closed)?;
        let points = database::open_reader(&path)?;
        let ballast = Ballast::at(with_suffix(&path, ".ballast"));
        let writer = Writer::start(connection, path.clone(), ballast, hook).map_err(FileError::write(&path))?;
        let (points, lists) = (Mutex::new(Some(points)), Mutex::new(None));
        Ok(Self(Arc::new(Inner { points, lists, writer, path, opened, meta })))
    }

    /// What opening found and did.
    pub fn opened(&self) -> &Opened {
        &self.0.opened
    }

    /// The gateway's instance id and age.
    pub fn gateway_meta(&self) -> &GatewayMeta {
        &self.0.meta
    }

    fn point<T, E: From<StoreError>>(&self, read: impl FnOnce(&View<'_>) -> Result<T, E>) -> Result<T, E> {
        self.read(&self.0.points, read)
    }

    fn list<T, E: From<StoreError>>(&self, read: impl FnOnce(&View<'_>) -> Result<T, E>) -> Result<T, E> {
        self.read(&self.0.lists, read)
    }

    fn read<T, E: From<StoreError>>(
        &self,
        reader: &Mutex<Option<Connection>>,
        read: impl FnOnce(&View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.is_none() {
            *reader = Some(database::open_reader(&self.0.path)?);
        }
        match reader.as_ref() {
            Some(connection) => read(&View(connection)),
            None => Err(StoreError::Closed.into()),
        }
    }

    fn write<T, E>(&self, work: impl FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Written<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.writer.submit(Durability::Acknowledged, work)
    }

    fn take_away<T, E>(&self, work: impl FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Written<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.writer.submit(Durability::Revoking, work)
    }
}

/// Chooses the instance id and imports, in one transaction: a start that is killed in it begins again.
fn first_start(
    connection: &Connection,
    state_dir: &Path,
    after_damage: bool,
    now_ms: u64,
    hook: Option<&StepHook>,
) -> Result<Opened, StoreError> {
    if meta::read(&View(connection))?.is_some() {
        return Ok(Opened::default());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let tx = Tx::new(connection, hook);
    let done = meta::ensure(&tx, now_ms)
        .and_then(|()| if after_damage { Ok(None) } else { import::run(&tx, state_dir, now_ms) });
    match done {
        Ok(imported) => {
            connection.execute_batch("COMMIT")?;
            Ok(Opened { created: true, imported })
        }
        Err(error) => {
            connection.execute_batch("ROLLBACK")?;
            Err(error)
        }
    }
}

/// Reading.
impl Store {
    /// The device of that id.
    pub fn device(&self, id: &DeviceId) -> Result<Option<Device>, StoreError> {
        self.point(|view| ops::device(view, id))
    }

    /// Every paired device, sorted by id.
    pub fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.list(|view| ops::devices(view, ops::Which::All))
    }

    /// Every device with the role node, sorted by id.
    pub fn node_devices(&self) -> Result<Vec<Device>, StoreError> {
        self.list(|view| ops::devices(view, ops::Which::Nodes))
    }

    /// The requests that wait, newest first.
    pub fn requests(&self, now_ms: u64) -> Result<Vec<PairingRequest>, StoreError> {
        self.list(|view| ops::requests(view, now_ms))
    }

    /// The request of that id, if it has not expired.
    pub fn request(&self, id: &RequestId, now_ms: u64) -> Result<Option<PairingRequest>, StoreError> {
        self.point(|view| ops::request(view, id, now_ms))
    }

    /// What that device waits for, if anything.
    pub fn request_of(&self, device: &DeviceId, now_ms: u64) -> Result<Option<PairingRequest>, StoreError> {
        self.point(|view| ops::request_of(view, device, now_ms))
    }

    /// The request that a person means by an id, its beginning, a device's id or its beginning, a name or the matching
    /// code. An exact id wins over everything else.
    pub fn find_request(&self, selector: &str, gateway: &PublicKey, now_ms: u64) -> Result<Found, StoreError> {
        self.list(|view| ops::find(view, selector, gateway, now_ms))
    }

    /// The invitation of that id, used, expired or open.
    pub fn invitation(&self, setup_id: &str) -> Result<Option<Invitation>, StoreError> {
        self.point(|view| ops::invitation(view, setup_id))
    }

    /// The invitations of the last day, newest first.
    pub fn invitations(&self) -> Result<Vec<Invitation>, StoreError> {
        self.list(ops::invitations)
    }

    /// The newest lines of the audit trail, newest first.
    pub fn audit_lines(&self, limit: usize) -> Result<Vec<AuditLine>, StoreError> {
        self.list(|view| audit::lines(view, limit))
    }
}

/// Changing.
impl Store {
    /// Files what a device asks for, or refreshes what it asked for already.
    pub fn file_request(&self, ask: Ask, quota: Quota, now_ms: u64) -> Written<Filed> {
        self.write(move |tx| ops::file(tx, &ask, quota, now_ms))
    }

    /// Notes that an approver has seen these requests, so that they are not evicted.
    pub fn mark_shown(&self, ids: Vec<RequestId>) -> Written<()> {
        if ids.is_empty() {
            return Written::known(Ok(()));
        }
        self.0.writer.submit(Durability::Batched, move |tx| ops::mark_shown(tx, &ids))
    }

    /// Grants what the request of exactly that id asks for, with no other node commands than `limit_commands` when given.
    pub fn approve(
        &self,
        id: RequestId,
        approver: Approver,
        via: ApprovedVia,
        limit_commands: Option<BTreeSet<String>>,
        now_ms: u64,
    ) -> Written<Approval, ApproveError> {
        self.write(move |tx| ops::approve(tx, &id, &approver, via, limit_commands.as_ref(), now_ms))
    }

    /// Pairs a device that nobody needs to be asked about. The caller has checked why (SEC-054, SEC-062).
    pub fn pair_silently(&self, ask: Ask, via: ApprovedVia, now_ms: u64) -> Written<Device> {
        self.write(move |tx| ops::pair_silently(tx, &ask, via, now_ms))
    }

    /// Drops a request, and what the device may still have of an invitation. The request, if there was one.
    pub fn reject(&self, id: RequestId, now_ms: u64) -> Written<Option<PairingRequest>> {
        self.take_away(move |tx| ops::reject(tx, &id, now_ms))
    }

    /// Forgets a device, its tokens and its request. The device as it was.
    pub fn remove(&self, id: DeviceId, now_ms: u64) -> Written<Option<Device>> {
        self.take_away(move |tx| ops::remove(tx, &id, now_ms))
    }

    /// Takes one role from a device; forgets the device when it was the only one.
    pub fn remove_role(&self, id: DeviceId, role: Role, now_ms: u64) -> Written<Option<RoleRemoved>> {
        self.take_away(move |tx| ops::remove_role(tx, &id, role, now_ms))
    }

    /// Gives a device a display name that its own does not replace. The device as it is then.
    pub fn rename(&self, id: DeviceId, display_name: String, now_ms: u64) -> Written<Option<Device>> {
        self.write(move |tx| ops::rename(tx, &id, &display_name, now_ms))
    }

    /// Sets or takes away the operator's label. The device as it is then.
    pub fn label(&self, id: DeviceId, label: Option<String>, now_ms: u64) -> Written<Option<Device>> {
        self.write(move |tx| ops::label(tx, &id, label.as_deref(), now_ms))
    }

    /// The token of that role: the one there is when it is good for `scopes`, which costs no write; else a new one with
    /// exactly these.
    pub fn ensure_token(
        &self,
        id: DeviceId,
        role: Role,
        scopes: ScopeSet,
        now_ms: u64,
    ) -> Written<DeviceToken, TokenError> {
        match self.point(|view| ops::current_token(view, &id, role, &scopes)) {
            Ok(None) => self.write(move |tx| ops::ensure_token(tx, &id, role, &scopes, now_ms)),
            Ok(Some(token)) => Written::known(Ok(token)),
            Err(error) => Written::known(Err(error)),
        }
    }

    /// Replaces the token of that role. Without scopes it keeps those it had; an empty set means the baseline.
    pub fn rotate(
        &self,
        id: DeviceId,
        role: Role,
        scopes: Option<ScopeSet>,
        approver: Approver,
        now_ms: u64,
    ) -> Written<DeviceToken, TokenError> {
        self.write(move |tx| ops::rotate(tx, &id, role, scopes.as_ref(), &approver, now_ms))
    }

    /// Revokes the token of that role; nothing but an approval or a rotation brings the role back.
    pub fn revoke(
        &self,
        id: DeviceId,
        role: Role,
        approver: Approver,
        now_ms: u64,
    ) -> Written<DeviceToken, TokenError> {
        self.take_away(move |tx| ops::revoke(tx, &id, role, &approver, now_ms))
    }

    /// Writes when devices were here. May lose its last second when the power fails; give it many at a time.
    pub fn note_seen(&self, updates: Vec<SeenUpdate>) -> Written<()> {
        if updates.is_empty() {
            return Written::known(Ok(()));
        }
        self.0.writer.submit(Durability::Batched, move |tx| ops::note_seen(tx, &updates))
    }

    /// Makes an invitation; the secret is its bootstrap token, which is shown once and not kept.
    pub fn invite(
        &self,
        ask: InviteAsk,
        approver: Approver,
        now_ms: u64,
    ) -> Written<(Invitation, Secret), InviteError> {
        self.write(move |tx| ops::invite(tx, &ask, &approver, now_ms))
    }

    /// Uses an invitation in the name of that device.
    pub fn redeem(&self, token: Secret, device: DeviceId, now_ms: u64) -> Written<Invitation, RedeemError> {
        self.write(move |tx| ops::redeem(tx, token.expose(), &device, now_ms))
    }

    /// Adds a line to the audit trail.
    pub fn audit(&self, line: AuditLine) -> Written<()> {
        self.write(move |tx| audit::write(tx, &line))
    }
}
