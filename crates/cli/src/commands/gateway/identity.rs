//! `openclaw gateway identity`: by what a gateway is told from others (promise P7).

use clap::Args;
use openclaw_protocol::{method::NoParams, methods::gateway::IdentityGet};
use serde_json::json;

use crate::{
    connect::connect, context::Context, exit::Exit, here, human::clean, problem::Outcome, target::GatewayArgs,
};

/// The gateway's name, instance id, key and certificate.
#[derive(Args, Clone, Debug)]
pub(crate) struct Identity {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, gateway: &GatewayArgs) -> Outcome {
    let (identity, url, fingerprint) = crate::context::block_on(async {
        let link = connect(ctx, gateway).await?;
        let identity = link.call::<IdentityGet>(ctx, NoParams {}).await?;
        let endpoint = link.target.endpoint.clone();
        // The gateway that runs here says by which certificate others know it, also while we need none ourselves.
        let own = if link.target.is_ours() { here::look(ctx)?.gateway().cloned() } else { None };
        link.close().await;
        let fingerprint = own.and_then(|info| info.tls_fingerprint).or(endpoint.pin.as_ref().map(ToString::to_string));
        Ok((identity, endpoint.to_string(), fingerprint))
    })?;
    if ctx.ui.is_json() {
        let mut document = serde_json::to_value(&identity).unwrap_or_default();
        if let Some(members) = document.as_object_mut() {
            members.insert("url".into(), json!(url));
            members.insert("tlsFingerprint".into(), json!(fingerprint));
        }
        ctx.ui.json(&document);
        return Ok(Exit::Success);
    }
    ctx.ui.line(format!("name:       {}", clean(&identity.name)));
    ctx.ui.line(format!("instanceId: {}", clean(&identity.instance_id)));
    ctx.ui.line(format!("deviceId:   {}", identity.device_id));
    ctx.ui.line(format!("publicKey:  {}", clean(&identity.public_key)));
    ctx.ui.line(format!("url:        {url}"));
    if let Some(fingerprint) = fingerprint {
        ctx.ui.line(format!("tls:        sha256:{fingerprint}"));
    }
    Ok(Exit::Success)
}
