//! openclaw.json: paths, JSON5, includes, environment, validation, redaction, typed difference.
