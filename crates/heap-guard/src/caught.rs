//! Reports of guards and quarantine: forbidden writes, and changed bytes.

use core::fmt;

use heap_trace::Owner;

use crate::origin::Origin;
use crate::stop::Access;

/// A block that was guarded or in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaughtBlock {
    /// Its address.
    pub address: u32,
    /// Bytes asked for; of a block that was not sampled, those that could be used.
    pub size: u32,
    /// Where it was allocated; `None` if it was not sampled.
    pub allocated: Option<Origin>,
    /// Where it was freed, if it was.
    pub freed: Option<Origin>,
}

/// A forbidden write that was caught while it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// The address of the instruction that wrote.
    pub counter: u32,
    /// Where the function that wrote returns to, as far as its register had that.
    pub return_address: Option<u32>,
    /// What it wrote; `None` if the instruction does not show it.
    pub access: Option<Access>,
    /// On whose behalf the program ran.
    pub owner: Owner,
    /// On which core.
    pub core: u8,
    /// The context's clock.
    pub ticks: u32,
    /// The block that it wrote behind, or into although it was free.
    pub block: CaughtBlock,
}

/// Bytes that nobody may write were changed, and nobody saw who did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The first changed word.
    pub address: u32,
    /// What it is now.
    pub found: u32,
    /// The block behind which, or in which, it lies.
    pub block: CaughtBlock,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caught {
    /// A write, with the instruction.
    Write(Hit),
    /// A change that was seen later.
    Change(Change),
}

/// A line that `esp-heap report` finds and whose addresses it turns into lines of the source:
/// `heap guard: write to 0x3FFB3010 by 0x400D1234, called from 0x400D2222, for owner 2: 0 bytes
/// behind the block 0x3FFB2FB0 (96 bytes); allocated by owner 1 at src/tls.rs:88:9, …`
impl fmt::Display for Caught {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("heap guard: ")?;
        match self {
            Self::Write(hit) => hit.fmt(out),
            Self::Change(change) => change.fmt(out),
        }
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.access {
            Some(Access { address, .. }) => write!(out, "write to 0x{address:08X}")?,
            None => out.write_str("write")?,
        }
        write!(out, " by 0x{:08X}", self.counter)?;
        if let Some(caller) = self.return_address {
            write!(out, ", called from 0x{caller:08X}")?;
        }
        write!(out, ", for {}", self.owner)?;
        if self.core != 0 {
            write!(out, " on core {}", self.core)?;
        }
        out.write_str(": ")?;
        self.block
            .place(out, self.access.map(|access| access.address))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, found, .. } = self;
        write!(out, "0x{address:08X} was changed to 0x{found:08X}: ")?;
        self.block.place(out, Some(self.address))
    }
}

impl CaughtBlock {
    /// Writes where `address` lies, seen from the block, and the block's origin.
    fn place(&self, out: &mut fmt::Formatter<'_>, address: Option<u32>) -> fmt::Result {
        let distance = address.map(|address| address.wrapping_sub(self.address));
        match (self.freed, distance) {
            (None, Some(distance)) => {
                let behind = distance.saturating_sub(self.size);
                write!(out, "{behind} bytes behind the block")?;
            }
            (None, None) => out.write_str("behind the block")?,
            (Some(_), Some(distance)) => write!(out, "byte {distance} of the freed block")?,
            (Some(_), None) => out.write_str("the freed block")?,
        }
        write!(out, " 0x{:08X} ({} bytes)", self.address, self.size)?;
        if let Some(allocated) = self.allocated {
            write!(out, "; allocated by {allocated}")?;
        }
        if let Some(freed) = self.freed {
            write!(out, "; freed by {freed}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::CALLERS;

    fn origin(owner: u8, caller: u32) -> Origin {
        let mut callers = [0; CALLERS];
        callers[0] = caller;
        Origin {
            owner: Owner(owner),
            place: None,
            callers,
            ticks: 0,
        }
    }

    fn hit(freed: Option<Origin>, address: u32) -> Caught {
        Caught::Write(Hit {
            counter: 0x400D_1234,
            return_address: Some(0x400D_2222),
            access: Some(Access { address, bytes: 1 }),
            owner: Owner(2),
            core: 0,
            ticks: 0,
            block: CaughtBlock {
                address: 0x3FFB_2FC0,
                size: 96,
                allocated: Some(origin(1, 0x400D_0001)),
                freed,
            },
        })
    }

    #[test]
    fn a_hit_is_a_line() {
        assert_eq!(
            std::format!("{}", hit(None, 0x3FFB_3021)),
            "heap guard: write to 0x3FFB3021 by 0x400D1234, called from 0x400D2222, for owner 2: 1 \
             bytes behind the block 0x3FFB2FC0 (96 bytes); allocated by owner 1, called from \
             0x400D0001"
        );
        assert_eq!(
            std::format!("{}", hit(Some(origin(3, 0x400D_0002)), 0x3FFB_2FC4)),
            "heap guard: write to 0x3FFB2FC4 by 0x400D1234, called from 0x400D2222, for owner 2: \
             byte 4 of the freed block 0x3FFB2FC0 (96 bytes); allocated by owner 1, called from \
             0x400D0001; freed by owner 3, called from 0x400D0002"
        );
    }

    #[test]
    fn a_change_is_a_line() {
        let change = Caught::Change(Change {
            address: 0x3FFB_2FC8,
            found: 7,
            block: CaughtBlock {
                address: 0x3FFB_2FC0,
                size: 96,
                allocated: None,
                freed: Some(origin(0, 0)),
            },
        });
        assert_eq!(
            std::format!("{change}"),
            "heap guard: 0x3FFB2FC8 was changed to 0x00000007: byte 8 of the freed block \
             0x3FFB2FC0 (96 bytes); freed by nobody"
        );
    }
}
