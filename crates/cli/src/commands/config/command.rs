//! The commands below `config`.

use clap::{Args, Subcommand};

use super::{change, read};
use crate::{context::Context, problem::Outcome};

/// The commands below `config`.
#[derive(Args, Debug)]
pub(crate) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Where the configuration is
    File,
    /// One value; secrets are replaced by a marker
    Get(read::Get),
    /// Change one value
    Set(change::Set),
    /// Take one value away
    Unset(change::Unset),
    /// Merge a JSON5 file into the configuration
    Patch(change::Patch),
    /// Is it right?
    Validate,
    /// The JSON Schema of the configuration, or of one key
    Schema(read::Schema),
}

pub(crate) fn run(ctx: &Context, args: Config) -> Outcome {
    match args.command {
        Command::File => Ok(read::file(ctx)),
        Command::Get(args) => read::get(ctx, &args),
        Command::Set(args) => change::set(ctx, &args),
        Command::Unset(args) => change::unset(ctx, &args),
        Command::Patch(args) => change::patch(ctx, &args),
        Command::Validate => read::validate(ctx),
        Command::Schema(args) => read::schema(ctx, &args),
    }
}
