//! Messages to the browser and back.
//!
//! ```text
//!   test ──► the browser's descriptor 3   {"id":7,"method":"Page.navigate","params":{…},"sessionId":"…"} 0
//!        ◄── its descriptor 4             {"method":"Page.loadEventFired",…} 0   {"id":7,"result":{…}} 0
//! ```

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Only a shell can pass a child descriptors 3 and 4 without unsafe code.
const AS_DESCRIPTORS: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

pub struct Pipe {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    /// Events of the browser since the last call.
    pub events: Vec<Value>,
    last_id: u64,
    _profile: TempDir,
}

impl Pipe {
    pub fn open(program: &Path) -> Pipe {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", AS_DESCRIPTORS])
            .arg(program)
            .args(arguments(profile.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take();
        let from = listen(BufReader::new(child.stdout.take().unwrap()));
        Pipe {
            child,
            to,
            from,
            events: Vec::new(),
            last_id: 0,
            _profile: profile,
        }
    }

    /// Asks for something and waits for the answer.
    pub fn call(&mut self, session: &str, method: &str, parameters: &Value) -> Value {
        let id = self.send(session, method, parameters);
        loop {
            let message = self.next(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// Waits for the browser's event `method`.
    pub fn wait_for(&mut self, method: &str) {
        while !self.events.iter().any(|event| event["method"] == method) {
            let message = self.next(method);
            self.events.push(message);
        }
    }

    /// Asks for something without waiting. Returns the number that the answer will have.
    pub fn send(&mut self, session: &str, method: &str, parameters: &Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if !session.is_empty() {
            message["sessionId"] = json!(session);
        }
        let bytes = [message.to_string().as_bytes(), &[0]].concat();
        let to = self.to.as_mut();
        if let Some(Err(cause)) = to.map(|to| to.write_all(&bytes)) {
            eprintln!("the browser does not receive {method}: {cause}"); // nor will it answer: that is where the test fails
        }
        self.last_id
    }

    fn next(&mut self, why: &str) -> Value {
        let message = self.from.recv_timeout(PATIENCE);
        message.unwrap_or_else(|cause| panic!("the browser does not answer {why}: {cause}"))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.send("", "Browser.close", &json!({}));
        self.to = None; // the browser ends when nobody can speak to it
        let _ = self.child.wait();
    }
}

fn arguments(profile: &Path) -> Vec<String> {
    let fixed = [
        "--headless",
        "--remote-debugging-pipe",
        "--no-sandbox", // CI is root in a container, where the sandbox cannot be; the page is ours
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--lang=en-US",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    fixed
        .map(str::to_owned)
        .into_iter()
        .chain([profile])
        .collect()
}

/// Reads messages in a thread of its own, so that waiting for them can end.
fn listen(mut from: impl BufRead + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        while from.read_until(0, &mut text).is_ok_and(|length| length > 0) {
            text.pop();
            let message = serde_json::from_slice(&text).unwrap();
            text.clear();
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}
