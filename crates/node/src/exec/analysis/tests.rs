use super::*;
use crate::exec::analysis::{Operand, operand};

fn words(line: &str) -> Vec<String> {
    // Words are separated by one blank; `_` stands for a blank within a word.
    line.split(' ').map(|word| word.replace('_', " ")).collect()
}

#[derive(Debug, PartialEq)]
enum Seen {
    Program(&'static str),
    Text(&'static str),
    File(&'static str),
    Opaque,
}
use Seen::{File, Opaque as Unclear, Program, Text};

/// Shape by shape: what is left when wrappers are taken off.
const SHAPES: &[(&str, Seen)] = &[
    ("ls", Program("ls")),
    ("ls -l", Program("ls")),
    ("/usr/bin/ls", Program("/usr/bin/ls")),
    ("LS", Program("LS")),
    ("git -c core.pager=x log", Program("git")),
    ("make CC=gcc", Program("make")),
    ("find . -name x", Program("find")),
    ("python3 -c print()", Program("python3")),
    ("my.sh -c x", Program("my.sh")),
    ("ssh host ls", Program("ssh")),
    // transparent wrappers
    ("nice ls", Program("ls")),
    ("nice -n 5 ls", Program("ls")),
    ("nice -n5 ls", Program("ls")),
    ("nice -5 ls", Program("ls")),
    ("nice --adjustment=5 ls", Program("ls")),
    ("nice --adjustment 5 ls", Program("ls")),
    ("nice -- ls", Program("ls")),
    ("/usr/bin/nice ls", Program("ls")),
    ("NICE.EXE ls", Program("ls")),
    ("nohup ls", Program("ls")),
    ("nohup -- ls", Program("ls")),
    ("stdbuf -oL ls", Program("ls")),
    ("stdbuf -o L -e 0 ls", Program("ls")),
    ("stdbuf --output=L ls", Program("ls")),
    ("timeout 5 ls", Program("ls")),
    ("timeout -k 1 5 ls", Program("ls")),
    ("timeout -s KILL 5 ls", Program("ls")),
    ("timeout -sKILL 5 ls", Program("ls")),
    ("timeout --signal=KILL --foreground 5 ls", Program("ls")),
    ("timeout -v 5 ls", Program("ls")),
    ("timeout -fk 1 5 ls", Program("ls")),
    ("time ls", Program("ls")),
    ("time -p ls", Program("ls")),
    ("env ls", Program("ls")),
    ("env -- ls", Program("ls")),
    ("env nice nohup ls", Program("ls")),
    ("nice nice nice nice ls", Program("ls")),
    // transparent wrappers with something unknown
    ("nice -x ls", Unclear),
    ("nice --x ls", Unclear),
    ("nice --adj 5 ls", Unclear),
    ("nohup --help", Unclear),
    ("nohup -p ls", Unclear),
    ("stdbuf -x ls", Unclear),
    ("timeout --help", Unclear),
    ("timeout -x 5 ls", Unclear),
    ("time -o f ls", Unclear),
    ("time -f %e ls", Unclear),
    ("time --output=f ls", Unclear),
    ("nice", Unclear),
    ("timeout 5", Unclear),
    ("timeout", Unclear),
    ("nice -n", Unclear),
    ("env", Unclear),
    ("env A=b ls", Unclear),
    ("env A=b", Unclear),
    ("env -i ls", Unclear),
    ("env -u A ls", Unclear),
    ("env -C / ls", Unclear),
    ("env -S ls_-l", Unclear),
    ("env -Sls", Unclear),
    ("env --split-string=ls", Unclear),
    ("env --chdir=/ ls", Unclear),
    ("env -0", Unclear),
    ("env -- A=b ls", Unclear),
    ("env - ls", Unclear),
    ("nice env A=b ls", Unclear),
    ("nice nice nice nice nice nice nice nice nice ls", Unclear),
    // carriers
    ("sudo ls", Unclear),
    ("sudo -u root ls", Unclear),
    ("/usr/bin/sudo ls", Unclear),
    ("doas ls", Unclear),
    ("su -c ls", Unclear),
    ("runuser -u x -- ls", Unclear),
    ("pkexec ls", Unclear),
    ("setsid ls", Unclear),
    ("flock f ls", Unclear),
    ("flock f -c ls", Unclear),
    ("script -c ls f", Unclear),
    ("ionice -c 3 ls", Unclear),
    ("chrt 1 ls", Unclear),
    ("taskset 1 ls", Unclear),
    ("unshare ls", Unclear),
    ("nsenter -t 1 ls", Unclear),
    ("chroot / ls", Unclear),
    ("xargs ls", Unclear),
    ("xargs -I{} ls {}", Unclear),
    ("find . -exec ls ;", Unclear),
    ("find . -execdir ls +", Unclear),
    ("find . -ok ls ;", Unclear),
    ("find . -okdir ls ;", Unclear),
    ("watch ls", Unclear),
    ("caffeinate ls", Unclear),
    ("arch -x86_64 ls", Unclear),
    ("busybox ls", Unclear),
    ("busybox sh -c ls", Unclear),
    ("toybox ls", Unclear),
    ("rlwrap ls", Unclear),
    ("strace ls", Unclear),
    ("ltrace ls", Unclear),
    ("unbuffer ls", Unclear),
    ("command ls", Unclear),
    ("exec ls", Unclear),
    ("builtin ls", Unclear),
    ("eval ls", Unclear),
    ("parallel ls", Unclear),
    ("systemd-run ls", Unclear),
    ("tmux new ls", Unclear),
    ("screen ls", Unclear),
    ("nice sudo ls", Unclear),
    ("timeout 5 xargs ls", Unclear),
    // shells with a text
    ("sh -c ls", Text("ls")),
    ("/bin/sh -c ls", Text("ls")),
    ("bash -c ls", Text("ls")),
    ("bash -lc ls", Text("ls")),
    ("bash -ec ls", Text("ls")),
    ("bash -ce ls", Text("ls")),
    ("bash -c -e ls", Text("ls")),
    ("bash -e -u -c ls", Text("ls")),
    ("bash -xc ls", Text("ls")),
    ("bash --norc -c ls", Text("ls")),
    ("bash --login -c ls", Text("ls")),
    ("bash -c -- ls", Text("ls")),
    ("zsh -fc ls", Text("ls")),
    ("dash -c ls_-l", Text("ls -l")),
    ("ash -c ls", Text("ls")),
    ("ksh -c ls", Text("ls")),
    ("nice sh -c ls", Text("ls")),
    ("env sh -c ls", Text("ls")),
    ("timeout 5 bash -lc ls", Text("ls")),
    // shells that are not looked into
    ("sh -c ls zero", Unclear),
    ("sh -c ls zero one", Unclear),
    ("bash -ic ls", Unclear),
    ("bash -c +x ls", Unclear),
    ("bash +x -c ls", Unclear),
    ("bash -o pipefail -c ls", Unclear),
    ("bash -O extglob -c ls", Unclear),
    ("bash --rcfile f -c ls", Unclear),
    ("bash --init-file f -c ls", Unclear),
    ("bash --rcfile f -i", Unclear),
    ("bash --posix --debugger -c ls", Unclear),
    ("bash -pc ls", Unclear),
    ("bash -rc ls", Unclear),
    ("sh -c", Unclear),
    ("sh", Unclear),
    ("sh -i", Unclear),
    ("sh -s", Unclear),
    ("sh -s x", Unclear),
    ("bash -l", Unclear),
    ("sh -", Unclear),
    ("sh -x -o f", Unclear),
    ("fish -c ls", Unclear),
    ("fish --command=ls", Unclear),
    ("fish f", Unclear),
    ("csh -c ls", Unclear),
    ("tcsh f", Unclear),
    ("cmd /c dir", Unclear),
    ("cmd.exe /d /s /c dir", Unclear),
    ("CMD.EXE /C dir", Unclear),
    ("cmd /k dir", Unclear),
    ("cmd", Unclear),
    ("powershell -Command ls", Unclear),
    ("powershell -c ls", Unclear),
    ("powershell.exe -EncodedCommand AAAA", Unclear),
    ("powershell -enc AAAA", Unclear),
    ("powershell -e AAAA", Unclear),
    ("powershell -ec AAAA", Unclear),
    ("powershell /ec AAAA", Unclear),
    ("pwsh -File f.ps1", Unclear),
    ("pwsh f.ps1", Unclear),
    ("pwsh -f f.ps1", Unclear),
    // shells with a file
    ("sh f", File("f")),
    ("bash f -c x", File("f")),
    ("bash -e f", File("f")),
    ("bash -- f", File("f")),
    ("bash --norc f a b", File("f")),
    ("nice sh f", File("f")),
    ("bash -x f", File("f")),
    ("bash -o pipefail f", Unclear),
    ("bash -p f", Unclear),
];

#[test]
fn sec_102_and_103_every_shape_comes_down_to_what_it_runs() {
    assert!(SHAPES.len() >= 150, "{} shapes", SHAPES.len());
    for (line, expected) in SHAPES {
        let argv = words(line);
        let seen = analyse(&argv).kind;
        let fits = match (&seen, expected) {
            (Kind::Program(at), Program(name)) => argv[*at] == *name,
            (Kind::Inline { inline, .. }, Text(text)) => inline.payload == *text,
            (Kind::ShellFile { file, .. }, File(name)) => argv[*file] == *name,
            (Kind::Opaque(_), Unclear) => true,
            _ => false,
        };
        assert!(fits, "{line}: {seen:?}, expected {expected:?}");
    }
}

#[test]
fn sec_111_a_shell_anywhere_is_noticed() {
    for line in [
        "sh -c ls",
        "sh",
        "bash f",
        "nice bash f",
        "sudo sh",
        "xargs sh -c x",
        "env A=b bash f",
        "env -S bash_-c_x",
        "watch ls",
        "find . -exec sh -c x ;",
        "busybox sh",
        "cmd /c dir",
        "powershell x",
        "flock f -c ls",
        "script -c ls",
        "fish -c x",
    ] {
        assert!(analyse(&words(line)).has_shell, "{line}");
    }
    for line in ["ls", "nice ls", "sudo ls", "env A=b ls", "git sh"] {
        assert!(!analyse(&words(line)).has_shell, "{line}");
    }
}

#[test]
fn sec_102_what_env_sets_is_known() {
    let names = |line: &str| analyse(&words(line)).assignments;
    assert_eq!(names("env A=b LDX=x ls C=d"), ["A", "LDX"]);
    assert_eq!(names("env -u X -i A=b ls"), ["A"]);
    assert_eq!(names("nice env A=b ls"), ["A"]);
    assert_eq!(names("env -S A=b_B=c_ls"), ["A", "B"]);
    assert_eq!(names("env -SA=b ls"), ["A"]);
    assert_eq!(names("env --split-string=A=b_ls"), ["A"]);
    assert_eq!(names("env -- A=b ls"), ["A"]);
    assert!(names("env ls A=b").is_empty());
    assert!(names("make CC=x").is_empty());
}

/// What an interpreter reads: the position of its file, or that it cannot be named.
const OPERANDS: &[(&str, Operand)] = &[
    ("ls x", Operand::None),
    ("node a.js", Operand::File(1)),
    ("node --no-warnings a.js -e x", Operand::File(2)),
    ("node -- a.js", Operand::File(2)),
    ("node -e x", Operand::Unbindable),
    ("node --eval=x", Operand::Unbindable),
    ("node -p x", Operand::Unbindable),
    ("node -r ./x a.js", Operand::Unbindable),
    ("node --require ./x a.js", Operand::Unbindable),
    ("node --import ./x a.js", Operand::Unbindable),
    ("node --loader ./x a.js", Operand::Unbindable),
    ("node --env-file=x a.js", Operand::Unbindable),
    ("node", Operand::Unbindable),
    ("node -", Operand::Unbindable),
    ("python a.py", Operand::File(1)),
    ("python3.12 -u a.py", Operand::File(2)),
    ("python3 -W ignore -X dev a.py", Operand::File(5)),
    ("python3 -Wignore a.py", Operand::File(2)),
    ("python3 -c x", Operand::Unbindable),
    ("python3 -m x", Operand::Unbindable),
    ("python3 -I a.py", Operand::Unbindable),
    ("python3 -uc x", Operand::Unbindable),
    ("python3 -i a.py", Operand::Unbindable),
    ("python3 -", Operand::Unbindable),
    ("pypy3 a.py", Operand::File(1)),
    ("ruby a.rb", Operand::File(1)),
    ("ruby -w a.rb", Operand::File(2)),
    ("ruby -e x", Operand::Unbindable),
    ("ruby -r x a.rb", Operand::Unbindable),
    ("ruby -I. a.rb", Operand::Unbindable),
    ("perl a.pl", Operand::File(1)),
    ("perl -e x", Operand::Unbindable),
    ("perl -MX a.pl", Operand::Unbindable),
    ("perl -I. a.pl", Operand::Unbindable),
    ("perl -ne x f", Operand::Unbindable),
    ("php a.php", Operand::File(1)),
    ("php -f a.php", Operand::File(2)),
    ("php -r x", Operand::Unbindable),
    ("php -d a=b a.php", Operand::Unbindable),
    ("bun a.ts", Operand::File(1)),
    ("bun run a.ts", Operand::File(2)),
    ("bun install", Operand::Unbindable),
    ("bun -e x", Operand::Unbindable),
    ("deno run a.ts", Operand::File(2)),
    ("deno run -A a.ts", Operand::File(3)),
    ("deno eval x", Operand::Unbindable),
    ("deno run --preload x a.ts", Operand::Unbindable),
    ("tsx a.ts", Operand::File(1)),
    ("tsx watch.ts", Operand::File(1)),
    ("tsx --import x a.ts", Operand::Unbindable),
    ("ts-node a.ts", Operand::File(1)),
    ("esno a.ts", Operand::File(1)),
    ("jiti a.ts", Operand::File(1)),
    ("vite-node a.ts", Operand::File(1)),
    ("lua5.4 a.lua", Operand::File(1)),
    ("lua -e x", Operand::Unbindable),
    ("awk {print} f", Operand::Unbindable),
    ("awk -f a.awk f", Operand::File(2)),
    ("awk -F : -f a.awk", Operand::File(4)),
    ("npx x", Operand::Unbindable),
    ("bunx x", Operand::Unbindable),
    ("npm exec x", Operand::Unbindable),
    ("npm --yes exec x", Operand::Unbindable),
    ("npm run x", Operand::Unbindable),
    ("pnpm dlx x", Operand::Unbindable),
    ("pnpm exec x", Operand::Unbindable),
    ("yarn dlx x", Operand::Unbindable),
    ("uv run x", Operand::Unbindable),
    ("uvx x", Operand::Unbindable),
    ("pipx run x", Operand::Unbindable),
    ("npm install", Operand::None),
];

#[test]
fn sec_093_an_interpreter_is_bound_to_one_file_or_not_at_all() {
    for (line, expected) in OPERANDS {
        assert_eq!(operand(&words(line)), *expected, "{line}");
    }
}
