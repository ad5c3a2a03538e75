//! A browser for tests: opens a page, uses it as a person does, looks at what comes of it.
//!
//! Chromium without a screen, spoken to in its own protocol (Chrome DevTools) over two pipes. A
//! dozen methods of some hundreds are needed and a pipe takes no port, so this is a page of code
//! and no crate with the whole protocol in it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod layout;
mod page;
mod picture;
mod pipe;

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

pub use page::Page;
use pipe::Pipe;

/// What a page is shown on.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    pub is_phone: bool,
    pub is_dark: bool,
}

pub const PHONE: Screen = Screen {
    name: "phone",
    width: 390,
    height: 844,
    is_phone: true,
    is_dark: true,
};
pub const DESKTOP: Screen = Screen {
    name: "desktop",
    width: 1280,
    height: 900,
    is_phone: false,
    is_dark: false,
};

const PACKAGE: &str = "apt-get install chromium";
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A browser, ended when it is dropped.
pub struct Browser {
    pipe: Pipe,
}

impl Browser {
    /// The browser of this machine. Without one: `None` after a word to the person who runs the
    /// tests, a failure where CI runs them.
    pub fn start() -> Option<Browser> {
        let Some(program) = program() else {
            let is_ci = env::var("CI").is_ok_and(|value| value == "true");
            assert!(!is_ci, "the pages are tested in a browser: {PACKAGE}");
            print("NOT TESTED: a page, because there is no browser here");
            return None;
        };
        Some(Browser {
            pipe: Pipe::open(&program),
        })
    }

    /// Shows `html` on `screen`; returns when it has loaded and its scripts have run.
    pub fn open(&mut self, name: &str, html: &str, screen: Screen) -> Page<'_> {
        Page::open(&mut self.pipe, name, html, screen, true)
    }

    /// Shows `html` as where scripts are switched off.
    pub fn open_without_scripts(&mut self, name: &str, html: &str, screen: Screen) -> Page<'_> {
        Page::open(&mut self.pipe, name, html, screen, false)
    }
}

/// Says it to the person who runs the tests; what `eprintln!` says, a test that passes keeps for
/// itself.
fn print(what: &str) {
    let _ = writeln!(io::stderr(), "{what}: {PACKAGE}");
}

fn program() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Some(PathBuf::from(path));
    }
    let folders = env::var_os("PATH")?;
    let paths = PROGRAMS
        .iter()
        .flat_map(|name| env::split_paths(&folders).map(move |folder| folder.join(name)));
    paths.into_iter().find(|path| path.is_file())
}
