use std::path::Path;

use super::*;
use crate::exec::output::OUTPUT_CAP;

fn sh(script: &str) -> Program {
    Program {
        path: "/bin/sh".into(),
        own_name: "sh".into(),
        arguments: vec!["-c".into(), script.into()],
        cwd: None,
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
    }
}

async fn run_with(program: &Program, timeout: Option<Duration>, streams: Streams) -> RunResult {
    let time = Time { timeout, answer_by: None };
    run(program, time, streams, &CancellationToken::new(), CodePage::UTF_8).await
}

async fn run_sh(script: &str) -> RunResult {
    run_with(&sh(script), None, Streams::default()).await
}

/// A process that has ended, or waits to be reaped by whoever adopted it, runs no more.
fn runs(pid: &str) -> bool {
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    if rustix::process::test_kill_process(pid).is_err() {
        return false;
    }
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z')
}

async fn ends(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while runs(pid) {
        assert!(Instant::now() < deadline, "process {pid} still runs");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_ends_with_its_code_and_its_output() {
    let result = run_sh("echo out; echo err >&2; exit 3").await;
    assert_eq!((result.exit_code, result.success), (Some(3), false));
    assert_eq!((result.stdout.as_str(), result.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!((result.timed_out, result.error), (false, None));
    assert!(run_sh("exit 0").await.success);
}

#[tokio::test]
async fn the_result_has_the_members_of_the_reference() {
    let result = serde_json::to_string(&run_sh("echo hi").await).unwrap();
    assert_eq!(result, r#"{"exitCode":0,"timedOut":false,"success":true,"stdout":"hi\n","stderr":"","error":null}"#);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_a_result_with_an_error() {
    let missing = Program { path: "/nonexistent/program".into(), ..sh("") };
    let result = run_with(&missing, None, Streams::default()).await;
    assert!(result.error.unwrap().starts_with("cannot start /nonexistent/program: "));
    assert_eq!((result.exit_code, result.success), (None, false));
}

#[tokio::test]
async fn standard_input_is_closed() {
    assert_eq!(run_sh("cat; echo done").await.stdout, "done\n");
}

#[tokio::test]
async fn input_reaches_the_program_and_its_end_too() {
    let (sender, receiver) = mpsc::channel(4);
    sender.send(b"one\n".to_vec()).await.unwrap();
    sender.send(b"two\n".to_vec()).await.unwrap();
    drop(sender);
    let result = run_with(&sh("cat; echo done"), None, Streams { input: Some(receiver), output: None }).await;
    assert_eq!(result.stdout, "one\ntwo\ndone\n");
}

#[tokio::test]
async fn rel_055_endless_output_is_read_but_only_its_head_is_kept() {
    let timeout = Some(Duration::from_millis(300));
    let result = run_with(&sh("yes"), timeout, Streams::default()).await;
    assert!(result.timed_out && !result.success);
    assert_eq!(result.exit_code, None);
    assert!(result.stdout.ends_with("\n... (truncated)"));
    assert!(result.stdout.len() < OUTPUT_CAP + 20);
    assert!(result.dropped_bytes > 0);
}

#[tokio::test]
async fn output_that_is_no_text_does_not_break_the_result() {
    let result = run_sh(r"printf 'a\377\000b'").await;
    assert_eq!(result.stdout, "a\u{FFFD}\0b");
}

#[tokio::test]
async fn a_program_that_closes_its_output_is_still_waited_for() {
    let result = run_sh("exec >&- 2>&-; exit 7").await;
    assert_eq!(result.exit_code, Some(7));
}

#[tokio::test]
async fn rel_055_a_process_left_behind_does_not_hold_up_the_answer() {
    let started = Instant::now();
    let result = run_sh("sleep 30 & echo $!").await;
    assert!(result.success);
    assert!(started.elapsed() < Duration::from_secs(10));
    let pid = rustix::process::Pid::from_raw(result.stdout.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn rel_055_a_timeout_ends_the_whole_tree_even_if_it_ignores_the_request() {
    let script = "trap '' TERM; (trap '' TERM; echo $$; sh -c 'echo $PPID; exec sleep 60') & echo $!; wait; sleep 60";
    let time =
        Time { timeout: Some(Duration::from_millis(300)), answer_by: Some(Instant::now() + Duration::from_secs(1)) };
    let result = run(&sh(script), time, Streams::default(), &CancellationToken::new(), CodePage::UTF_8).await;
    assert!(result.timed_out);
    assert!(result.stdout.lines().count() >= 2, "{}", result.stdout);
    for pid in result.stdout.lines() {
        ends(pid).await;
    }
}

#[tokio::test]
async fn cancelling_ends_the_program_on_request() {
    let stop = CancellationToken::new();
    let (sender, mut receiver) = mpsc::channel(4);
    let streams = Streams { input: None, output: Some(sender) };
    let script = sh("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    let running = run(&script, Time::default(), streams, &stop, CodePage::UTF_8);
    let cancelling = async {
        receiver.recv().await.unwrap();
        stop.cancel();
        while receiver.recv().await.is_some() {}
    };
    let (result, ()) = tokio::join!(running, cancelling);
    assert_eq!(result.stdout, "ready\nbye\n");
    assert_eq!((result.exit_code, result.error.as_deref(), result.success), (Some(9), Some("cancelled"), false));
}

#[tokio::test]
async fn dropping_the_run_kills_the_program() {
    let (sender, mut receiver) = mpsc::channel(4);
    let program = sh("echo $$; exec sleep 60");
    let stop = CancellationToken::new();
    let mut running =
        Box::pin(run(&program, Time::default(), Streams { input: None, output: Some(sender) }, &stop, CodePage::UTF_8));
    let pid = tokio::select! {
        _ = &mut running => panic!("it sleeps"),
        piece = receiver.recv() => String::from_utf8(piece.unwrap().1).unwrap(),
    };
    assert!(runs(&pid));
    drop(running);
    ends(&pid).await;
}

#[tokio::test]
async fn output_is_streamed_and_collected() {
    let (sender, mut receiver) = mpsc::channel(1);
    let program = sh("echo one; echo two >&2; echo three");
    let running = run_with(&program, None, Streams { input: None, output: Some(sender) });
    let reading = async {
        let mut all = Vec::new();
        while let Some(piece) = receiver.recv().await {
            all.push(piece);
        }
        all
    };
    let (result, pieces) = tokio::join!(running, reading);
    let text = |wanted| pieces.iter().filter(|(s, _)| *s == wanted).flat_map(|(_, b)| b.clone()).collect::<Vec<_>>();
    assert_eq!(text(Stream::Stdout), b"one\nthree\n");
    assert_eq!(text(Stream::Stderr), b"two\n");
    assert_eq!(result.stdout, "one\nthree\n");
}

#[tokio::test]
async fn the_program_sees_the_folder_the_name_and_the_environment_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let mut program = sh("pwd; echo $0; echo $GREETING; echo \"[$HOME]\"");
    program.own_name = "my-name".into();
    program.cwd = Some(real.clone());
    program.environment.push(("GREETING".into(), "hello".into()));
    program.arguments = vec!["-c".into(), "pwd; echo $GREETING; echo \"[$HOME]\"".into()];
    let result = run_with(&program, None, Streams::default()).await;
    assert_eq!(result.stdout, format!("{}\nhello\n[]\n", real.display()));
}

#[tokio::test]
async fn the_program_has_no_terminal() {
    assert!(Path::new("/dev/tty").exists());
    assert_eq!(run_sh("(: </dev/tty) 2>/dev/null && echo terminal || echo none").await.stdout, "none\n");
}
