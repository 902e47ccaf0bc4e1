//! The program itself: version, help, mistakes, profiles, completion.

use crate::world::World;

#[test]
fn the_version_is_the_line_of_the_reference() {
    let world = World::new();
    for flag in ["-V", "--version"] {
        let line = world.run(&[flag]).ok();
        let rest = line.strip_prefix("OpenClaw 2026.9.1-rs.1 (").unwrap();
        assert!(rest.trim_end().ends_with(')'), "{line}");
    }
    assert!(world.run(&["--version", "--no-color"]).ok().starts_with("OpenClaw "));
}

#[test]
fn help_is_a_result_and_creates_nothing() {
    let world = World::new();
    for arguments in [&["--help"][..], &["help"], &[], &["nodes", "--help"], &["devices", "help", "approve"]] {
        let said = world.run(arguments);
        assert!(said.code == 0 && said.out.contains("Usage:") && said.err.is_empty(), "{arguments:?} {said:?}");
    }
    assert_eq!(std::fs::read_dir(world.home()).unwrap().count(), 0);
}

#[test]
fn mistakes_end_with_1_and_bad_profiles_with_2() {
    let world = World::new();
    let said = world.run(&["devcies"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    insta::assert_snapshot!(said.err, @r"
    error: unknown command 'devcies'
      why: did you mean devices?
      fix: openclaw --help (or --help after the command)
    ");
    assert_eq!(world.run(&["nodes"]).code, 1);
    let said = world.run(&["nodes", "status", "--nope"]);
    assert_eq!((said.code, said.err.lines().next().unwrap()), (1, "error: unknown option '--nope'"));
    let said = world.run(&["--profile", "no/good", "status"]);
    assert_eq!(said.code, 2);
    assert_eq!(said.err, "[openclaw] Invalid --profile (use letters, numbers, \"_\", \"-\" only)\n");
    let said = world.run(&["--dev", "--profile", "x", "status"]);
    assert_eq!((said.code, said.err.as_str()), (2, "[openclaw] Cannot combine --dev with --profile\n"));
}

#[test]
fn a_failed_command_with_json_prints_one_document() {
    let world = World::new();
    let said = world.run(&["nodes", "status", "--nope", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let document = said.json();
    assert_eq!((&document["ok"], &document["error"]["type"]), (&false.into(), &"cli_error".into()));
    let said = world.run(&["--json", "health"]);
    assert_eq!(said.code, 1);
    let document = said.json();
    assert_eq!(document["error"]["type"], "gateway_transport_error");
    assert_eq!(document["gateway"]["url"], "ws://127.0.0.1:18789");
    assert_eq!(document["gateway"]["urlSource"], "local loopback");
}

#[test]
fn every_shell_gets_its_completions() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = world.run(&["completion", shell]).ok();
        assert!(script.contains("devices"), "{shell}");
    }
    assert_eq!(world.run(&["completion", "--shell", "bash"]).code, 0);
    assert_eq!(world.run(&["completion", "csh"]).code, 1);
}

#[test]
fn status_and_doctor_create_nothing() {
    let world = World::new();
    for arguments in [&["status"][..], &["status", "--json"], &["node", "status"], &["gateway", "status", "--no-probe"]]
    {
        assert_eq!(world.run(arguments).code, 0, "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(world.home()).unwrap().count(), 0);
}

#[test]
fn colours_are_written_only_where_they_are_wanted() {
    let world = World::new();
    assert!(!world.run(&["status"]).ok().contains('\u{1b}'));
    let forced = world.run_with(&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], &["status"]);
    assert!(forced.out.contains('\u{1b}'));
    let not_forced = world.run_with(&[("FORCE_COLOR", "0")], &["status"]);
    assert!(!not_forced.out.contains('\u{1b}'));
}

#[test]
fn the_command_tree_is_as_it_was_reviewed() {
    let world = World::new();
    let mut tree = String::new();
    walk(&world, &mut Vec::new(), &mut tree);
    insta::assert_snapshot!(tree);
}

/// Every command with its options, one line each.
fn walk(world: &World, path: &mut Vec<String>, tree: &mut String) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = world.run(&arguments).ok();
    let mut options = Vec::new();
    let mut commands = Vec::new();
    let mut in_commands = false;
    for line in help.lines() {
        if !line.starts_with(' ') {
            in_commands = line.starts_with("Commands:");
            continue;
        }
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if in_commands && indent == 2 {
            commands.push(trimmed.split_whitespace().next().unwrap().to_owned());
        } else if trimmed.starts_with('-') && indent <= 6 {
            options.extend(trimmed.split([' ', ',', '[']).find(|word| word.starts_with("--")).map(str::to_owned));
        }
    }
    options.sort();
    tree.extend(["openclaw ", &path.join(" "), ": ", &options.join(" "), "\n"]);
    for command in commands.iter().filter(|command| *command != "help") {
        path.push(command.clone());
        walk(world, path, tree);
        path.pop();
    }
}
