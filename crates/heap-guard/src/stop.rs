//! Stops: reports of a debug exception about the instruction that it stopped.

/// An access to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// First address.
    pub address: u32,
    /// How many bytes.
    pub bytes: u32,
}

/// A debug exception because of a data breakpoint: [`xtensa::stop`](crate::xtensa::stop) and
/// [`riscv::stop`](crate::riscv::stop) make one of what the exception's handler has saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The address of the instruction that wrote.
    pub counter: u32,
    /// What it wrote, if instruction and registers show it.
    pub access: Option<Access>,
    /// The slot, if the processor reports it.
    pub slot: Option<u8>,
    /// Where the function that wrote returns to, as far as the register has it: of a `memcpy` it is
    /// the one who copied.
    pub return_address: Option<u32>,
}
