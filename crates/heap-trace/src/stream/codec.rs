//! Encoding of events in frames, and decoding.
//!
//! ```text
//!   first byte   ......00  allocated   word: address          the last two bits of an address are free,
//!                ......01  freed       word: address          so the kind of the three frequent frames stands there
//!                ......10  resized     word: old address
//!                kkkkkk11  kind k of the rest
//! ```
//!
//! `docs/event-stream.md` has every field. Writing and reading stand side by side here, and a test
//! goes through both.

use soc_regions::Caps;

use super::bytes::{Body, Fields};
use super::event::{Callers, Event, SiteNumber};
use crate::build_id::BuildId;
use heap_caps::{Owner, PressureKind};

/// The last two bits of the first byte.
mod kind {
    pub(super) const ALLOCATED: u32 = 0;
    pub(super) const FREED: u32 = 1;
    pub(super) const RESIZED: u32 = 2;
    pub(super) const REST: u8 = 3;
}

/// Returns the first byte of the rest.
const fn rest(number: u8) -> u8 {
    number << 2 | kind::REST
}

const FAILED: u8 = rest(0);
const DROPPED: u8 = rest(1);
const SYNC: u8 = rest(2);
const SITE: u8 = rest(3);
const OWNER: u8 = rest(4);
const HEAP: u8 = rest(5);
const PROGRAM: u8 = rest(6);
const MARK: u8 = rest(7);
const BUILD: u8 = rest(8);
const PRESSURE: u8 = rest(9);

/// How many callers a frame has room for.
const CALLERS: usize = 16;

impl Event<'_> {
    /// Writes the event; `elapsed` are the ticks since the frame before.
    #[inline]
    pub(super) fn write<const BYTES: usize>(&self, elapsed: u32, body: &mut Body<BYTES>) {
        match *self {
            Self::Allocated {
                address,
                size,
                site,
                owner,
            } => {
                body.word(address & !3 | kind::ALLOCATED);
                body.number(elapsed);
                body.number(size);
                body.number(site.0);
                body.byte(owner.0);
            }
            Self::Freed { address } => {
                body.word(address & !3 | kind::FREED);
                body.number(elapsed);
            }
            Self::Resized {
                old_address,
                address,
                size,
                site,
                owner,
            } => {
                body.word(old_address & !3 | kind::RESIZED);
                body.number(elapsed);
                body.number(size);
                body.number(site.0);
                body.byte(owner.0);
                body.signed(address.wrapping_sub(old_address).cast_signed() >> 2);
            }
            _ => self.write_rest(elapsed, body),
        }
    }

    #[inline(never)]
    fn write_rest<const BYTES: usize>(&self, elapsed: u32, body: &mut Body<BYTES>) {
        let mut begin = |first: u8| {
            body.byte(first);
            body.number(elapsed);
        };
        match *self {
            Self::Allocated { .. } | Self::Freed { .. } | Self::Resized { .. } => {}
            Self::Failed { size, caps, owner } => {
                begin(FAILED);
                body.number(size);
                body.number(caps.bits());
                body.byte(owner.0);
            }
            Self::Dropped { events } => {
                begin(DROPPED);
                body.number(events);
            }
            Self::Sync {
                version,
                ticks,
                events,
                dropped,
            } => {
                begin(SYNC);
                body.byte(version);
                body.word(ticks);
                body.number(events);
                body.number(dropped);
            }
            Self::Site {
                site,
                caps,
                alignment,
                line,
                callers,
                file,
            } => {
                begin(SITE);
                body.number(site.0);
                body.number(caps.bits());
                body.number(alignment.checked_ilog2().unwrap_or(0));
                body.number(line);
                let count = callers.iter().take(CALLERS).count();
                body.byte(u8::try_from(count).unwrap_or(0));
                callers
                    .iter()
                    .take(CALLERS)
                    .for_each(|caller| body.word(caller));
                body.text(tail(file));
            }
            Self::OwnerName { owner, name } => {
                begin(OWNER);
                body.byte(owner.0);
                body.text(name);
            }
            Self::Heap {
                index,
                start,
                size,
                caps,
                name,
            } => {
                begin(HEAP);
                body.byte(index);
                body.word(start);
                body.number(size);
                body.number(caps.bits());
                body.text(name);
            }
            Self::Program {
                ticks_per_second,
                name,
            } => {
                begin(PROGRAM);
                body.number(ticks_per_second);
                body.text(name);
            }
            Self::Mark { name } => {
                begin(MARK);
                body.text(name);
            }
            Self::Build { id } => {
                begin(BUILD);
                id.bytes().iter().for_each(|byte| body.byte(*byte));
            }
            Self::Pressure { kind, name } => {
                let (kind, value) = kind.to_numbers();
                begin(PRESSURE);
                body.byte(kind);
                body.number(value);
                body.text(name);
            }
        }
    }
}

/// Returns the last bytes of a file's name: what comes first is the same for all.
fn tail(file: &str) -> &str {
    const BYTES: usize = 40;
    let from = file.len().saturating_sub(BYTES);
    let mut starts = from..=file.len();
    starts.find_map(|at| file.get(at..)).unwrap_or_default()
}

impl<'a> Event<'a> {
    /// Reads a frame: the ticks since the frame before, and the event. `None` for kinds and forms
    /// that this version does not know.
    pub(super) fn read(body: &'a [u8]) -> Option<(u32, Self)> {
        let mut fields = Fields(body);
        let first = *body.first()?;
        if first & kind::REST == kind::REST {
            fields.byte()?;
            let elapsed = fields.number()?;
            return Some((elapsed, Self::read_rest(first, &mut fields)?));
        }
        let word = fields.word()?;
        let (address, elapsed) = (word & !3, fields.number()?);
        let event = match word & 3 {
            kind::FREED => Self::Freed { address },
            kind::ALLOCATED => Self::Allocated {
                address,
                size: fields.number()?,
                site: SiteNumber(fields.number()?),
                owner: Owner(fields.byte()?),
            },
            _ => Self::Resized {
                old_address: address,
                size: fields.number()?,
                site: SiteNumber(fields.number()?),
                owner: Owner(fields.byte()?),
                address: address.wrapping_add((fields.signed()? << 2).cast_unsigned()),
            },
        };
        fields.0.is_empty().then_some((elapsed, event))
    }

    fn read_rest(first: u8, fields: &mut Fields<'a>) -> Option<Self> {
        Some(match first {
            FAILED => Self::Failed {
                size: fields.number()?,
                caps: Caps::from_bits_retain(fields.number()?),
                owner: Owner(fields.byte()?),
            },
            DROPPED => Self::Dropped {
                events: fields.number()?,
            },
            SYNC => Self::Sync {
                version: fields.byte()?,
                ticks: fields.word()?,
                events: fields.number()?,
                dropped: fields.number()?,
            },
            SITE => Self::Site {
                site: SiteNumber(fields.number()?),
                caps: Caps::from_bits_retain(fields.number()?),
                alignment: 1_u32.checked_shl(fields.number()?)?,
                line: fields.number()?,
                callers: callers(fields)?,
                file: fields.text(),
            },
            OWNER => Self::OwnerName {
                owner: Owner(fields.byte()?),
                name: fields.text(),
            },
            HEAP => Self::Heap {
                index: fields.byte()?,
                start: fields.word()?,
                size: fields.number()?,
                caps: Caps::from_bits_retain(fields.number()?),
                name: fields.text(),
            },
            PROGRAM => Self::Program {
                ticks_per_second: fields.number()?,
                name: fields.text(),
            },
            MARK => Self::Mark {
                name: fields.text(),
            },
            BUILD => Self::Build {
                id: BuildId::new(core::mem::take(&mut fields.0)),
            },
            PRESSURE => Self::Pressure {
                kind: PressureKind::of_numbers(fields.byte()?, fields.number()?)?,
                name: fields.text(),
            },
            _ => return None,
        })
    }
}

fn callers<'a>(fields: &mut Fields<'a>) -> Option<Callers<'a>> {
    let count = usize::from(fields.byte()?);
    let (bytes, rest) = fields.0.split_at_checked(count * 4)?;
    fields.0 = rest;
    let (words, _) = bytes.as_chunks();
    Some(Callers::Bytes(words))
}
