//! Runs in the emulator, with output shown or kept and a time limit.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::build::Programs;
use crate::error::Error;

/// How a run ended.
pub(crate) struct Ended {
    /// What the program returned; `None` if it was stopped: after the time limit, or by who reads
    /// its lines.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) lines: Vec<String>,
}

/// Runs a program with its arguments (the first is its name) to its end, or to the time limit; the
/// chip's clocks count instructions. `show` sees each line as it is printed.
pub(crate) fn run(
    programs: &Programs,
    command_line: &[&str],
    limit: Duration,
    show: impl FnMut(&str),
) -> Result<Ended, Error> {
    let mut command = emulator(programs, command_line);
    command.args(programs.target().counting());
    to_its_end(command, limit, show)
}

/// The same, with the bytes of a file in memory at a physical address.
pub(crate) fn counting_with_file(
    programs: &Programs,
    command_line: &[&str],
    (file, address): (&Path, u32),
    limit: Duration,
) -> Result<Ended, Error> {
    let mut command = emulator(programs, command_line);
    command.args(programs.target().counting());
    command.args(loading(file, address));
    to_its_end(command, limit, |_| {})
}

/// Runs as fast as the emulator can, counting nothing, with the bytes of a file where the PSRAM's
/// window begins.
pub(crate) fn with_file(
    programs: &Programs,
    command_line: &[&str],
    file: &Path,
    limit: Duration,
) -> Result<Ended, Error> {
    let mut command = emulator(programs, command_line);
    command.args(loading(file, programs.target().psram()));
    to_its_end(command, limit, |_| {})
}

/// Runs a program one instruction at a time; the emulator writes a line for each into `log`.
pub(crate) fn stepping(
    programs: &Programs,
    command_line: &[&str],
    log: &Path,
    limit: Duration,
) -> Result<Ended, Error> {
    let mut command = emulator(programs, command_line);
    command.args(programs.target().counting());
    command.args(["-singlestep", "-d", "exec,nochain", "-D"]);
    command.arg(log);
    to_its_end(command, limit, |_| {})
}

fn loading(file: &Path, address: u32) -> [String; 2] {
    let file = file.display();
    [
        "-device".to_owned(),
        format!("loader,file={file},addr={address:#x},force-raw=on"),
    ]
}

fn to_its_end(
    command: Command,
    limit: Duration,
    mut show: impl FnMut(&str),
) -> Result<Ended, Error> {
    until(command, limit, |line| {
        show(&text(line));
        ControlFlow::Continue(())
    })
}

/// Runs an emulator to its end, to the time limit, or until `look` breaks off at a line; that is
/// the bytes up to a line feed.
pub(crate) fn until(
    mut command: Command,
    limit: Duration,
    look: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Ended, Error> {
    let unable = |cause| Error::Failed(format!("the emulator cannot be run: {cause}"));
    let mut child = command.spawn().map_err(unable)?;
    let (lines, has_ended) = listen(&mut child, limit, look);
    if !has_ended {
        child.kill().map_err(unable)?;
    }
    let status = child.wait().map_err(unable)?;
    let code = status.code().filter(|_| has_ended);
    Ok(Ended { code, lines })
}

fn emulator(programs: &Programs, command_line: &[&str]) -> Command {
    let (program, options) = programs.target().emulator();
    let mut command = Command::new(program);
    command.args(options);
    command.args(["-display", "none", "-monitor", "none", "-kernel"]);
    let name = command_line.first().copied().unwrap_or_default();
    command.arg(programs.file(name));
    let words = command_line.iter().map(|word| format!(",arg={word}"));
    command.arg("-semihosting-config");
    command.arg(format!(
        "enable=on,target=native{}",
        words.collect::<String>()
    ));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Collects lines until the child closes its output; says whether that happened, in time and before
/// `look` had seen enough.
fn listen(
    child: &mut Child,
    limit: Duration,
    mut look: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> (Vec<String>, bool) {
    let lines = child.stdout.take().map(lines_of);
    let (deadline, mut kept) = (Instant::now() + limit, Vec::new());
    let Some(lines) = lines else {
        return (kept, true);
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                let goes_on = look(&line).is_continue();
                kept.push(text(&line));
                if !goes_on {
                    return (kept, false);
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return (kept, true),
            Err(mpsc::RecvTimeoutError::Timeout) => return (kept, false),
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_owned()
}

fn lines_of(output: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        for line in lines {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::{Command, Duration, Stdio, to_its_end};

    fn shell(script: &str, limit: Duration) -> (Option<i32>, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let ended = to_its_end(command, limit, |_| {}).unwrap();
        (ended.code, ended.lines)
    }

    #[test]
    fn lines_and_exit_code_are_kept() {
        let (code, lines) = shell("echo one; echo two; exit 7", Duration::from_secs(10));
        assert_eq!(code, Some(7));
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn what_does_not_end_is_stopped_at_the_limit() {
        let (code, lines) = shell("echo one; exec sleep 60", Duration::from_millis(200));
        assert_eq!(code, None);
        assert_eq!(lines, ["one"]);
    }
}
