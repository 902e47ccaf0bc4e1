use std::{ffi::OsString, fs, io::Write, os::unix::fs::symlink};

use super::*;

struct Place {
    folder: tempfile::TempDir,
    real: PathBuf,
    machine: Machine,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let variables = vec![(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))];
    let machine = Machine::new(variables, &real, &real.join("exec-approvals.json"), None);
    Place { folder, real, machine }
}

fn line(argv: &[&str], raw: Option<&str>) -> Result<CommandLine, PlanError> {
    CommandLine::check(argv.iter().map(|word| (*word).to_owned()).collect(), raw)
}

impl Place {
    fn plan(&self, argv: &[&str]) -> Result<Plan, PlanError> {
        prepare(&line(argv, None)?, Some(&self.real), &self.machine)
    }

    fn write(&self, name: &str, text: &str) {
        File::create(self.folder.path().join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn the_plan_of_a_text_for_a_shell_is_as_captured_from_the_reference() {
    let place = place();
    let plan = prepare(&line(&["/bin/sh", "-lc", "echo hi"], None).unwrap(), Some(Path::new("/usr")), &place.machine);
    assert_eq!(
        serde_json::to_string(&plan.unwrap()).unwrap(),
        r#"{"argv":["/bin/sh","-lc","echo hi"],"cwd":"/usr","commandText":"/bin/sh -lc \"echo hi\"","commandPreview":"echo hi","agentId":null,"sessionKey":null}"#
    );
}

#[test]
fn the_raw_text_has_to_say_what_the_words_say() {
    let fits = |argv: &[&str], raw: &str| line(argv, Some(raw)).is_ok();
    assert!(fits(&["ls", "-l"], "ls -l"));
    assert!(fits(&["ls", "-l"], "  ls -l "));
    assert!(fits(&["ls", "a b"], "ls \"a b\""));
    assert!(fits(&["ls", "a\"b"], r#"ls "a\"b""#));
    assert!(fits(&["ls", ""], "ls \"\""));
    assert!(fits(&["/bin/sh", "-lc", "echo hi"], "echo hi"));
    assert!(fits(&["/bin/sh", "-lc", "echo hi"], "/bin/sh -lc \"echo hi\""));
    assert!(fits(&["cmd.exe", "/d", "/s", "/c", "dir"], "dir"));
    assert!(!fits(&["ls", "-l"], "ls"));
    assert!(!fits(&["/bin/sh", "-lc", "echo hi", "x"], "echo hi"));
    assert!(!fits(&["env", "A=b", "sh", "-c", "echo hi"], "echo hi"));
    assert!(!fits(&["rm", "-rf", "/"], "ls"));
    assert_eq!(
        line(&["ls"], Some("rm")).unwrap_err().to_string(),
        "INVALID_REQUEST: rawCommand does not match command"
    );
    assert_eq!(line(&[], Some("rm")).unwrap_err().to_string(), "rawCommand requires params.command");
    assert_eq!(line(&[], None).unwrap_err().to_string(), "command required");
    assert_eq!(line(&["  "], None).unwrap_err().to_string(), "command required");
}

#[test]
fn sec_106_names_with_characters_that_cannot_be_seen_are_refused() {
    for hidden in
        ["l\u{200B}s", "\u{202E}sl", "ls\u{FEFF}", "l\u{AD}s", "ls\u{7}", "l\u{E0001}s", "l\u{2066}s", "\u{3164}"]
    {
        assert_eq!(line(&[hidden], None).unwrap_err(), PlanError::HiddenCharacters, "{hidden:?}");
    }
    assert_eq!(line(&["ls", "a\0b"], None).unwrap_err(), PlanError::Nul);
    assert!(line(&["größer", "l\u{200B}s"], None).is_ok());
}

#[test]
fn the_program_is_pinned_to_its_real_path() {
    let place = place();
    let plan = place.plan(&["cat", "x"]).unwrap();
    assert!(Path::new(&plan.argv[0]).is_absolute() && plan.argv[0].ends_with("cat"), "{:?}", plan.argv);
    assert_eq!(plan.command_preview, None);
    assert_eq!(place.plan(&["nosuchprogram"]).unwrap_err(), EXECUTABLE);
    assert_eq!(place.plan(&["nice", "cat"]).unwrap().argv, ["nice", "cat"]);
}

#[test]
fn sec_092_a_folder_that_could_be_turned_elsewhere_is_refused() {
    let place = place();
    let sub = place.real.join("sub");
    fs::create_dir(&sub).unwrap();
    place.write("file", "");
    symlink(&sub, place.real.join("link")).unwrap();
    fs::create_dir(sub.join("deep")).unwrap();
    assert_eq!(canonical_cwd(&sub).unwrap(), sub);
    assert_eq!(canonical_cwd(&place.real.join("missing")).unwrap_err(), CWD_MISSING);
    assert_eq!(canonical_cwd(&place.real.join("file")).unwrap_err(), CWD_NO_FOLDER);
    assert_eq!(canonical_cwd(&place.real.join("link")).unwrap_err(), CWD_IS_LINK);
    assert_eq!(canonical_cwd(&place.real.join("link/deep")).unwrap_err(), CWD_LINKED);
}

#[test]
fn sec_090_the_script_of_an_interpreter_is_part_of_the_plan() {
    let place = place();
    place.write("job.sh", "echo hi");
    let plan = place.plan(&["/bin/sh", "job.sh", "x"]).unwrap();
    let operand = plan.mutable_file_operand.unwrap();
    assert_eq!((operand.argv_index, operand.path), (1, place.real.join("job.sh").to_str().unwrap().to_owned()));
    assert_eq!(operand.sha256, sha("echo hi"));
    assert_eq!(place.plan(&["nice", "sh", "job.sh"]).unwrap().mutable_file_operand.unwrap().argv_index, 2);
    assert_eq!(place.plan(&["sh", "missing.sh"]).unwrap_err(), NO_SCRIPT);
    assert_eq!(place.plan(&["sh", "."]).unwrap_err(), SCRIPT_NO_FILE);
}

fn sha(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

#[test]
fn sec_093_code_that_cannot_be_named_as_a_file_is_not_bound() {
    let place = place();
    place.write("job.sh", "");
    for argv in [
        &["python3", "-c", "print()"][..],
        &["python3", "-m", "http.server"],
        &["python3"],
        &["sh", "-c", "python3 x.py"],
        &["sh", "-c", "cat $(python3 -c 1)"],
        &["sh", "-c", "./job.sh"],
        &["sudo", "python3", "x.py"],
        &["npx", "cowsay"],
    ] {
        assert_eq!(place.plan(argv).unwrap_err(), UNBINDABLE, "{argv:?}");
    }
    assert!(place.plan(&["sh", "-c", "echo hi | cat"]).is_ok());
}

#[test]
fn sec_092_what_changed_after_the_plan_does_not_run() {
    let place = place();
    place.write("job.sh", "echo hi");
    let line = line(&["/bin/sh", "job.sh"], None).unwrap();
    let cwd = Some(place.real.as_path());
    let plan = prepare(&line, cwd, &place.machine).unwrap();
    assert_eq!(recheck(&plan, &line, cwd), Ok(()));
    let other = CommandLine::check(vec!["/bin/sh".into(), "else.sh".into()], None).unwrap();
    assert_eq!(recheck(&plan, &other, cwd).unwrap_err().0, "execution-plan-miss");
    assert!(recheck(&plan, &line, None).unwrap_err().1.ends_with("approval cwd changed before execution"));
    let unbound = Plan { mutable_file_operand: None, ..plan.clone() };
    assert!(recheck(&unbound, &line, cwd).unwrap_err().1.ends_with("approval missing script operand binding"));
    place.write("job.sh", "echo ho");
    assert!(recheck(&plan, &line, cwd).unwrap_err().1.ends_with("script operand changed before execution"));
    place.write("job.sh", "echo hi");
    assert_eq!(recheck(&plan, &line, cwd), Ok(()));
    fs::rename(place.real.join("job.sh"), place.real.join("moved.sh")).unwrap();
    symlink(place.real.join("moved.sh"), place.real.join("job.sh")).unwrap();
    assert!(recheck(&plan, &line, cwd).is_err());
}
