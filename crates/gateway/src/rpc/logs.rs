//! `logs.*`: reading the gateway's log file (protocol.md §8.3).

use openclaw_protocol::{methods::logs, scope::Scope};

use super::{
    ctx::Ctx,
    error::RpcError,
    registry::{Access, Answer, Registry},
};
use crate::log;

const MAX_LINES: u64 = 5_000;
const MAX_BYTES: u64 = 1_000_000;

pub(super) fn register(r: &mut Registry) {
    r.on::<logs::Tail>(Access::Scope(Scope::READ), tail);
}

async fn tail(ctx: Ctx, p: logs::TailParams) -> Answer<logs::Tail> {
    check_params(&p)?;
    let configuration = &ctx.hub.configuration;
    let path = log::log_path(configuration.paths(), &configuration.snapshot().config.logging, ctx.now_ms());
    let read = tokio::task::spawn_blocking(move || log::tail(&path, &p)).await;
    match read {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) => Err(RpcError::unavailable(format!("log read failed: {error}"))),
        Err(error) => Err(RpcError::internal(&error)),
    }
}

fn check_params(p: &logs::TailParams) -> Result<(), RpcError> {
    for (name, value, max) in [("limit", p.limit, MAX_LINES), ("maxBytes", p.max_bytes, MAX_BYTES)] {
        let problem = match value {
            Some(0) => "must be >= 1".to_owned(),
            Some(value) if value > max => format!("must be <= {max}"),
            _ => continue,
        };
        return Err(RpcError::invalid(format!("invalid logs.tail params: at /{name}: {problem}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_out_of_range_are_refused_by_name() {
        let check = |limit, max_bytes| {
            check_params(&logs::TailParams { cursor: None, limit, max_bytes }).map_err(|error| error.0.message)
        };
        assert_eq!(check(Some(5_000), Some(1_000_000)), Ok(()));
        assert_eq!(check(Some(0), None), Err("invalid logs.tail params: at /limit: must be >= 1".into()));
        assert_eq!(
            check(None, Some(2_000_000)),
            Err("invalid logs.tail params: at /maxBytes: must be <= 1000000".into())
        );
    }
}
