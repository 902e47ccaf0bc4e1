//! The page at `/`: what this is and how to get in. Static, without scripts, without anything that is not said to every
//! client before it is known.

/// Nothing is loaded from anywhere and nothing runs.
pub(super) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of a gateway.
pub(super) fn page(name: &str, instance_id: &str, version: &str) -> String {
    let (name, instance_id, version) = (escape(name), escape(instance_id), escape(version));
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name} · OpenClaw gateway</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}\
         code{{background:#8882;padding:.1em .3em;border-radius:.2em}}dt{{font-weight:600}}\
         :root{{color-scheme:light dark}}</style>\n\
         <h1>This is the OpenClaw gateway of {name}</h1>\n\
         <dl><dt>Gateway</dt><dd>{name}</dd><dt>Instance</dt><dd><code>{instance_id}</code></dd>\
         <dt>Version</dt><dd>{version}</dd></dl>\n\
         <p>To bring a device in, run on the machine of this gateway:</p>\n\
         <p><code>openclaw devices invite</code></p>\n\
         <p>It prints a link, a QR code and a command for the new device. To see what waits for your decision: \
         <code>openclaw devices list</code>.</p>\n\
         </html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_whatever_it_looks_like() {
        let page = page("<script>alert('x')</script>", "id", "1");
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        assert!(page.contains("openclaw devices invite"));
    }
}
