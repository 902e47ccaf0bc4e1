//! Wrong arguments in the words of the reference's parser (cli.md §1.5), for scripts that look for them.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::problem::Problem;

/// What clap found, as a problem.
pub(crate) fn problem(error: &clap::Error) -> Problem {
    let text = |kind| error.get(kind).map(words).unwrap_or_default();
    let problem = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            Problem::new(format!("unknown command '{}'", text(ContextKind::InvalidSubcommand).join(" ")))
        }
        ErrorKind::UnknownArgument => match text(ContextKind::InvalidArg).join(" ") {
            argument if argument.starts_with('-') => Problem::new(format!("unknown option '{argument}'")),
            argument => Problem::new(format!("unexpected argument '{argument}'")),
        },
        ErrorKind::MissingRequiredArgument => missing(&text(ContextKind::InvalidArg)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => invalid(error, &text),
        _ => Problem::new(first_line(error)),
    };
    let near = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg].into_iter().flat_map(text).next();
    let problem = match near {
        Some(near) => problem.why(format!("did you mean {near}?")),
        None => problem,
    };
    problem.fix("openclaw --help (or --help after the command)")
}

fn missing(arguments: &[String]) -> Problem {
    let first = arguments.first().map(String::as_str).unwrap_or_default();
    if first.starts_with('-') {
        Problem::new(format!("required option '{first}' not specified"))
    } else {
        Problem::new(format!("missing required argument '{}'", first.trim_matches(['<', '>', '[', ']', '.'])))
    }
}

fn invalid(error: &clap::Error, text: &impl Fn(ContextKind) -> Vec<String>) -> Problem {
    let (argument, value) = (text(ContextKind::InvalidArg).join(" "), text(ContextKind::InvalidValue).join(" "));
    let problem = Problem::new(format!("option '{argument}' argument '{value}' is invalid."));
    let allowed = text(ContextKind::ValidValue);
    match std::error::Error::source(error) {
        Some(cause) => problem.why(cause.to_string()),
        None if !allowed.is_empty() => problem.why(format!("allowed: {}", allowed.join(", "))),
        None => problem,
    }
}

fn words(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::String(text) => vec![text.clone()],
        ContextValue::Strings(texts) => texts.clone(),
        ContextValue::StyledStr(text) => vec![text.to_string()],
        other => vec![other.to_string()],
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn said(arguments: &[&str]) -> String {
        let words = std::iter::once(&"openclaw").chain(arguments);
        problem(&Cli::command().try_get_matches_from(words).unwrap_err()).text()
    }

    #[test]
    fn mistakes_are_named_in_the_words_of_the_reference() {
        assert!(said(&["devcies"]).starts_with("error: unknown command 'devcies'\n  why: did you mean devices?"));
        assert!(
            said(&["nodes", "list", "--jsn"]).starts_with("error: unknown option '--jsn'\n  why: did you mean --json?")
        );
        assert!(said(&["nodes", "describe"]).starts_with("error: required option '--node <NODE>' not specified"));
        assert!(said(&["devices", "reject"]).starts_with("error: missing required argument 'REQUEST'"));
        let level = said(&["health", "--log-level", "loud"]);
        assert!(level.starts_with("error: option '--log-level <LEVEL>' argument 'loud' is invalid."), "{level}");
    }

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
