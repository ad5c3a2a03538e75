//! The metrics as one object, in JSON or CBOR.
//!
//! ```text
//!   { "capabilities": [ { "name": "DMA", "size": …, "free": …, "minimum_free": …,
//!                         "largest_free": …, "fragmentation_permille": … }, … ],
//!     "owners": [ { "name": "mqtt", "bytes": …, "blocks": …, "peak_bytes": … }, … ],
//!     "untracked_bytes": …,
//!     "pressure": { "levels": [ { "name": "internal", "level": 1 }, … ],
//!                   "shrinker_calls": …, "shrunk_bytes": …, "released_reserves": …,
//!                   "limit_refusals": …, "waits": …, "waiting": … } }
//! ```
//! The encoders are ours: what is written is texts, numbers below 2^32, lists and objects, and a
//! library for that would be larger than the two together.

use core::fmt::{self, Write as _};

use super::out::{Out, Quoted};
use super::{Metrics, called};
use crate::{Owner, PressureFigures};

/// What an object is made of.
pub(super) trait Encoder {
    /// Begins an object of `members` members.
    fn object(&mut self, members: u32);
    /// Begins a list of `items` items.
    fn list(&mut self, items: u32);
    /// Ends the object that was begun last.
    fn end_object(&mut self);
    /// Ends the list that was begun last.
    fn end_list(&mut self);
    /// The name of the member that follows.
    fn key(&mut self, key: &str);
    /// A number.
    fn number(&mut self, number: u32);
    /// A text.
    fn text(&mut self, text: fmt::Arguments<'_>);
}

pub(super) fn write<'n, const OWNERS: usize>(
    metrics: &Metrics<'_, OWNERS>,
    name: &dyn Fn(Owner) -> Option<&'n str>,
    to: &mut impl Encoder,
) {
    to.object(4);
    to.key("capabilities");
    to.list(counted(metrics.capabilities()));
    for has in metrics.capabilities() {
        to.object(6);
        to.key("name");
        to.text(format_args!("{}", has.name));
        for (key, number) in [
            ("size", has.size),
            ("free", has.free),
            ("minimum_free", has.minimum_free),
            ("largest_free", has.largest_free),
            ("fragmentation_permille", has.fragmentation_permille()),
        ] {
            to.key(key);
            to.number(number);
        }
        to.end_object();
    }
    to.end_list();
    to.key("owners");
    to.list(counted(metrics.owners()));
    for (owner, usage) in metrics.owners() {
        to.object(4);
        to.key("name");
        called(owner, name, &mut |words| to.text(words));
        for (key, number) in [
            ("bytes", usage.bytes),
            ("blocks", usage.blocks),
            ("peak_bytes", usage.peak_bytes),
        ] {
            to.key(key);
            to.number(number);
        }
        to.end_object();
    }
    to.end_list();
    to.key("untracked_bytes");
    to.number(metrics.untracked_bytes());
    to.key("pressure");
    write_pressure(metrics.pressure(), to);
    to.end_object();
}

fn write_pressure(pressure: &PressureFigures<'_>, to: &mut impl Encoder) {
    to.object(7);
    to.key("levels");
    to.list(counted(pressure.levels()));
    for (name, level) in pressure.levels() {
        to.object(2);
        to.key("name");
        to.text(format_args!("{name}"));
        to.key("level");
        to.number(level.number().into());
        to.end_object();
    }
    to.end_list();
    for (key, number) in [
        ("shrinker_calls", pressure.shrinker_calls),
        ("shrunk_bytes", pressure.shrunk_bytes),
        ("released_reserves", pressure.released_reserves),
        ("limit_refusals", pressure.limit_refusals),
        ("waits", pressure.waits),
        ("waiting", pressure.waiting),
    ] {
        to.key(key);
        to.number(number);
    }
    to.end_object();
}

fn counted(items: impl Iterator) -> u32 {
    items.fold(0, |count, _| count + 1) // at most 256 owners, 32 capabilities
}

/// JSON without spaces.
pub(super) struct Json<'o, 'b> {
    out: &'o mut Out<'b>,
    /// Whether a comma stands before what follows.
    is_next: bool,
}

impl<'o, 'b> Json<'o, 'b> {
    pub(super) fn new(out: &'o mut Out<'b>) -> Self {
        Self {
            out,
            is_next: false,
        }
    }

    fn begin(&mut self) {
        if self.is_next {
            self.out.text(",");
        }
        self.is_next = true;
    }

    fn open(&mut self, bracket: &str) {
        self.begin();
        self.out.text(bracket);
        self.is_next = false;
    }

    fn close(&mut self, bracket: &str) {
        self.out.text(bracket);
        self.is_next = true;
    }

    fn quoted(&mut self, text: fmt::Arguments<'_>) {
        self.out.text("\"");
        let mut quoted = Quoted {
            out: &mut *self.out,
            has_unicode_escapes: true,
        };
        let _ = quoted.write_fmt(text);
        self.out.text("\"");
    }
}

impl Encoder for Json<'_, '_> {
    fn object(&mut self, _: u32) {
        self.open("{");
    }

    fn list(&mut self, _: u32) {
        self.open("[");
    }

    fn end_object(&mut self) {
        self.close("}");
    }

    fn end_list(&mut self) {
        self.close("]");
    }

    fn key(&mut self, key: &str) {
        self.begin();
        self.quoted(format_args!("{key}"));
        self.out.text(":");
        self.is_next = false;
    }

    fn number(&mut self, number: u32) {
        self.begin();
        self.out.show(format_args!("{number}"));
    }

    fn text(&mut self, text: fmt::Arguments<'_>) {
        self.begin();
        self.quoted(text);
    }
}

/// CBOR: a head of type and length, then the content.
pub(super) struct Cbor<'o, 'b> {
    out: &'o mut Out<'b>,
}

/// Major types of RFC 8949, section 3.1.
const UNSIGNED: u8 = 0;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

impl<'o, 'b> Cbor<'o, 'b> {
    pub(super) fn new(out: &'o mut Out<'b>) -> Self {
        Self { out }
    }

    fn head(&mut self, major: u8, argument: u32) {
        let major = major << 5;
        let [high, upper, lower, low] = argument.to_be_bytes();
        match argument {
            0..=23 => self.out.bytes(&[major | low]),
            24..=0xFF => self.out.bytes(&[major | 24, low]),
            0x100..=0xFFFF => self.out.bytes(&[major | 25, lower, low]),
            _ => self.out.bytes(&[major | 26, high, upper, lower, low]),
        }
    }
}

impl Encoder for Cbor<'_, '_> {
    fn object(&mut self, members: u32) {
        self.head(MAP, members);
    }

    fn list(&mut self, items: u32) {
        self.head(ARRAY, items);
    }

    fn end_object(&mut self) {}

    fn end_list(&mut self) {}

    fn key(&mut self, key: &str) {
        self.text(format_args!("{key}"));
    }

    fn number(&mut self, number: u32) {
        self.head(UNSIGNED, number);
    }

    /// The length stands before the text: it is formatted twice.
    fn text(&mut self, text: fmt::Arguments<'_>) {
        let mut length = Length(0);
        let _ = length.write_fmt(text);
        self.head(TEXT, length.0);
        self.out.show(text);
    }
}

/// Counts bytes.
struct Length(u32);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0 = self.0.saturating_add(bytes);
        Ok(())
    }
}
