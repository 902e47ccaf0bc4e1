//! Who is paired, who asks, and what either may do.
//!
//! One record per device holds its roles, the approved baseline of its scopes, the approved node surface and one token
//! per role; one request per device holds what it asks for (promises P3, P4). The rules of security.md §4 are kept
//! here, inside the transaction of each change, so that no caller can forget one.

mod approve;
mod device;
mod find;
mod invitation;
mod model;
mod request;
mod rows;
mod token;
mod wish;

pub use approve::{Approval, ApproveError, required_approve_scopes};
pub use device::{RoleRemoved, SeenEvent, SeenUpdate};
pub use find::Found;
pub use invitation::{Invitation, InviteAsk, InviteError, RedeemError};
pub use model::{ApprovedVia, Approver, Ask, Device, DeviceToken, PairingRequest, Profile, Reason, Seen};
pub use request::{Filed, Quota, QuotaExceeded};
pub(crate) use rows::{insert_device, put_token};
pub use token::{TokenCheck, TokenError, verify_token};
pub use wish::{Surface, Wish};

/// What [`Store`](crate::Store) does in its views and transactions.
pub(crate) mod operations {
    pub(crate) use super::{
        approve::{approve, pair_silently},
        device::{label, note_seen, remove, remove_role, rename},
        find::find,
        invitation::{all as invitations, invite, one as invitation, redeem},
        request::{alive as requests, alive_of as request_of, alive_one as request, file, mark_shown, reject},
        rows::{Which, device, devices},
        token::{current as current_token, ensure as ensure_token, revoke, rotate},
    };
}
