//! Addresses of code as the program's file has them, from its header in memory (ELF).

unsafe extern "C" {
    /// The file's first byte in memory. The linker defines it.
    static __ehdr_start: [u8; 64];
}

/// Returns the address that the program's file has for what lies at `pointer`: what `addr2line`
/// takes. `None` for what lies too far away, in another file.
pub(crate) fn address_in_file(pointer: usize) -> Option<u32> {
    pointer.wrapping_sub(displacement()).try_into().ok()
}

/// Returns where in memory an address of the program's file lies.
pub(crate) fn pointer_of(address: u32) -> usize {
    (address as usize).wrapping_add(displacement()) // widening
}

/// Returns how far the program lies from where its file says: 0 unless it can lie anywhere.
fn displacement() -> usize {
    let file = (&raw const __ehdr_start).addr();
    file.wrapping_sub(start_in_file())
}

const IS_64: bool = size_of::<usize>() == 8;
/// `PT_LOAD`.
const LOADED: usize = 1;

/// Returns where the file says that its first byte lies: the address of the segment with its
/// beginning.
fn start_in_file() -> usize {
    let (table, entry_size, count) = if IS_64 {
        (word(32), half(54), half(56))
    } else {
        (word(28), half(42), half(44))
    };
    let segments = (0..count).map(|index| table + index * entry_size);
    let (offset, address) = if IS_64 { (8, 16) } else { (4, 8) };
    let mut first = segments.filter(|at| quarter(*at) == LOADED && word(at + offset) == 0);
    first.next().map_or(0, |at| word(at + address))
}

/// Returns a word of the file's first page.
fn word(at: usize) -> usize {
    let place = (&raw const __ehdr_start).cast::<u8>().wrapping_add(at);
    // SAFETY: the linker puts the table of segments into the first segment, with the header.
    unsafe { place.cast::<usize>().read_unaligned() }
}

fn quarter(at: usize) -> usize {
    word(at) & 0xFFFF_FFFF
}

fn half(at: usize) -> usize {
    word(at) & 0xFFFF
}
