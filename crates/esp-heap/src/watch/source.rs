//! Byte sources: a serial port, a growing file, or standard input, each read by a thread.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serial2::SerialPort;

use esp_heap::error::Error;
use esp_heap::port;

/// What came.
pub(crate) enum Arrived {
    Bytes(Vec<u8>),
    /// Nothing will come any more.
    End,
    /// Nothing will come any more, and that is wrong.
    Lost(String),
}

/// Bytes that arrive.
pub(crate) struct Source {
    pub(crate) arrivals: Receiver<Arrived>,
    /// Whether it is the port of a board.
    pub(crate) is_port: bool,
}

/// How often a file is checked for growth, and how long a port is waited for at a time.
const STEP: Duration = Duration::from_millis(100);
const BUFFER: usize = 16 * 1024;

impl Source {
    /// Opens `-`, a port or a file.
    pub(crate) fn open(name: &str, baud: u32) -> Result<Source, Error> {
        if name == "-" {
            return Ok(read_by_thread(false, |sender| {
                read_to_end(io::stdin(), &sender);
            }));
        }
        if is_port(name) {
            port::check(name)?;
            let port = SerialPort::open(name, baud).map_err(|cause| unusable(name, &cause))?;
            let name = name.to_owned();
            return Ok(read_by_thread(true, move |sender| {
                read_port(port, &name, &sender);
            }));
        }
        let path = Path::new(name).to_owned();
        let file = File::open(&path).map_err(|cause| Error::file(&path, cause))?;
        Ok(read_by_thread(false, move |sender| {
            follow(file, &path, &sender);
        }))
    }
}

fn unusable(port: &str, cause: &io::Error) -> Error {
    Error::Port(format!("{port} cannot be opened: {cause}"))
}

/// Returns whether it is a device, or a name as ports have where they are no files. What would be a
/// device and is not there is a port that is missing.
fn is_port(name: &str) -> bool {
    let is_device = |name: &str| {
        fs::metadata(name).is_ok_and(|what| !what.is_file() && !what.is_dir() && !is_pipe(&what))
    };
    is_device(name)
        || !Path::new(name).exists() && (name.starts_with("/dev/") || name.starts_with("COM"))
}

#[cfg(unix)]
fn is_pipe(what: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&what.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &fs::Metadata) -> bool {
    false
}

fn read_by_thread(is_port: bool, read: impl FnOnce(Sender<Arrived>) + Send + 'static) -> Source {
    let (sender, arrivals) = mpsc::channel();
    thread::spawn(move || read(sender));
    Source { arrivals, is_port }
}

/// If the receiver has gone, there is nothing left to read for.
fn read_to_end(mut from: impl Read, sender: &Sender<Arrived>) {
    let mut buffer = vec![0; BUFFER];
    let last = loop {
        match from.read(&mut buffer) {
            Ok(0) => break Arrived::End,
            Ok(count) => {
                if send(sender, &buffer, count).is_none() {
                    return;
                }
            }
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => break Arrived::Lost(cause.to_string()),
        }
    };
    drop(sender.send(last));
}

/// As `tail -F`: goes on where the file grows, and restarts where it became shorter.
fn follow(mut file: File, path: &Path, sender: &Sender<Arrived>) {
    let mut buffer = vec![0; BUFFER];
    let mut position = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) if is_pipe_file(&file) => break drop(sender.send(Arrived::End)),
            Ok(0) => {
                // Empty batches are sent, too: the loop ends when the receiver has gone.
                if sender.send(Arrived::Bytes(Vec::new())).is_err() {
                    break;
                }
                thread::sleep(STEP);
                if fs::metadata(path).is_ok_and(|what| what.len() < position) {
                    position = 0;
                    drop(file.seek(SeekFrom::Start(0)));
                }
            }
            Ok(count) => {
                position += count as u64;
                if send(sender, &buffer, count).is_none() {
                    break;
                }
            }
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => break drop(sender.send(Arrived::Lost(cause.to_string()))),
        }
    }
}

fn is_pipe_file(file: &File) -> bool {
    file.metadata().is_ok_and(|what| is_pipe(&what))
}

fn read_port(mut port: SerialPort, name: &str, sender: &Sender<Arrived>) {
    drop(port.set_read_timeout(STEP));
    let mut buffer = vec![0; BUFFER];
    let cause = loop {
        match port.read(&mut buffer) {
            Ok(0) => break "it was closed".to_owned(),
            Ok(count) => {
                if send(sender, &buffer, count).is_none() {
                    return;
                }
            }
            Err(cause) if matches!(cause.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                if sender.send(Arrived::Bytes(Vec::new())).is_err() {
                    return;
                }
            }
            Err(cause) => break cause.to_string(),
        }
    };
    drop(sender.send(Arrived::Lost(format!("{name} was lost: {cause}"))));
}

fn send(sender: &Sender<Arrived>, buffer: &[u8], count: usize) -> Option<()> {
    let bytes = buffer.get(..count)?.to_vec();
    sender.send(Arrived::Bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn next(source: &Source) -> Vec<u8> {
        loop {
            match source
                .arrivals
                .recv_timeout(Duration::from_secs(20))
                .unwrap()
            {
                Arrived::Bytes(bytes) if bytes.is_empty() => {}
                Arrived::Bytes(bytes) => return bytes,
                Arrived::End | Arrived::Lost(_) => panic!("the end"),
            }
        }
    }

    #[test]
    fn a_file_is_followed_as_it_grows_and_when_it_restarts() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one").unwrap();
        let source = Source::open(file.path().to_str().unwrap(), 0).unwrap();
        assert_eq!(next(&source), b"one");
        file.write_all(b"two").unwrap();
        assert_eq!(next(&source), b"two");
        file.as_file().set_len(0).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(b"3").unwrap();
        assert_eq!(next(&source), b"3");
    }

    #[test]
    fn a_port_that_is_not_there_is_no_file() {
        assert!(matches!(
            Source::open("/dev/no-such-port", 0),
            Err(Error::Port(_))
        ));
        assert!(matches!(
            Source::open("no-such-file", 0),
            Err(Error::File { .. })
        ));
    }
}
