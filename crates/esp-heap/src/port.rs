//! Check of a board's port: that it is there, and free.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// Names that the adapters of boards have, by system: `ttyUSB0`, `ttyACM0`, `cu.usbserial-10`.
const PREFIXES: [&str; 4] = ["ttyUSB", "ttyACM", "cu.usbserial", "cu.usbmodem"];

/// Returns the port of that name, or the only one that there is.
pub fn chosen(wanted: Option<&str>) -> Result<String, Error> {
    if let Some(port) = wanted {
        return Ok(port.to_owned());
    }
    match found().as_slice() {
        [] => Err(Error::Port(
            "no serial port: connect the board (a cable with data lines), or name it with --port"
                .to_owned(),
        )),
        [only] => Ok(only.display().to_string()),
        several => Err(Error::Port(format!(
            "several boards may be connected, name one with --port: {}",
            listed(several)
        ))),
    }
}

fn found() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let is_board = |path: &PathBuf| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_board).collect();
    found.sort();
    found
}

fn listed(ports: &[PathBuf]) -> String {
    let names: Vec<_> = ports
        .iter()
        .map(|port| port.display().to_string())
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Refuses with a reason that a person can act on. Ports without a path (`COM3`, `socket://…`) are
/// left to the sender.
pub fn check(port: &str) -> Result<(), Error> {
    let path = Path::new(port);
    if !path.is_absolute() {
        return Ok(());
    }
    if !path.exists() {
        let there = listed(&found());
        return Err(Error::Port(format!(
            "{port} is not there; connected ports: {there}"
        )));
    }
    open(path).map_err(|error| error.into_error(port))
}

enum OpenError {
    Busy,
    Denied,
    Other(io::Error),
}

fn open(path: &Path) -> Result<(), OpenError> {
    let file = without_waiting(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Denied,
        io::ErrorKind::ResourceBusy => OpenError::Busy,
        _ => OpenError::Other(cause),
    })?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(OpenError::Busy),
        // Not every kind of port can be locked.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Opens a port without waiting: a serial port may wait for its other side when it is opened.
#[cfg(unix)]
fn without_waiting(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

#[cfg(not(unix))]
fn without_waiting(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

impl OpenError {
    fn into_error(self, port: &str) -> Error {
        Error::Port(match self {
            OpenError::Busy => format!("{port} is busy: {}", holders(port)),
            OpenError::Denied => format!(
                "{port} must not be opened by you; join its group (on Debian: sudo usermod -aG dialout $USER, then log in again)"
            ),
            OpenError::Other(cause) => format!("{port} cannot be opened: {cause}"),
        })
    }
}

/// Returns the programs that have the port open, where the system knows.
fn holders(port: &str) -> String {
    let port = fs::canonicalize(port).unwrap_or_else(|_| port.into());
    let mut names = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = process.path();
        let files = fs::read_dir(folder.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        if targets.any(|target| target == port) {
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
            names.push(format!(
                "{} (process {})",
                name.trim_end(),
                process.file_name().display()
            ));
        }
    }
    match names.as_slice() {
        [] => "another program has it open; end that (a monitor?)".to_owned(),
        names => format!("end {}", names.join(" and ")),
    }
}

/// Waits until the port is there again after a board was reset or the cable moved.
pub fn wait_for(port: &str, limit: Duration) -> Result<(), Error> {
    const STEP: Duration = Duration::from_millis(250);
    let start = Instant::now();
    loop {
        match check(port) {
            Err(Error::Port(_)) if start.elapsed() < limit => thread::sleep(STEP),
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: Result<(), Error>) -> String {
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_port_that_is_not_there_is_named() {
        let error = text(check("/dev/no-such-port"));
        assert!(
            error.starts_with("/dev/no-such-port is not there; connected ports: "),
            "{error}"
        );
    }

    #[test]
    fn a_busy_port_is_reported_with_the_program_that_has_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let port = file.path().to_str().unwrap().to_owned();
        assert_eq!(text(check(&port)), "");
        file.as_file().lock().unwrap();
        let error = text(check(&port));
        let this = format!("(process {})", std::process::id());
        assert!(
            error.contains("is busy: end ") && error.contains(&this),
            "{error}"
        );
    }

    #[test]
    fn a_port_that_comes_back_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("port");
        let port = path.to_str().unwrap().to_owned();
        assert!(text(wait_for(&port, Duration::ZERO)).contains("is not there"));
        let maker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            File::create(path).unwrap()
        });
        assert_eq!(text(wait_for(&port, Duration::from_secs(20))), "");
        drop(maker.join());
    }
}
