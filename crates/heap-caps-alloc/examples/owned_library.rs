//! A library in C whose memory is an owner's: `cargo run --example owned_library`.
//!
//! A TLS library takes pointers to `calloc` and `free`, as Mbed TLS does. They are those of an
//! allocator value that is bound to an owner with a limit: a peer that sends one certificate after
//! the other fails its own handshake, and no other allocation of the program.

use std::error::Error;
use std::mem::MaybeUninit;

use heap_caps_alloc::{
    Caps, CapsHeap, CurrentOwner, Internal, OwnedBy, Owner, OwnerAccounts, OwnerLimits, SpinLock,
    c_allocator, heap_ref,
};

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
static CURRENT: CurrentOwner = CurrentOwner::new();
heap_ref!(struct Chip = HEAP: CapsHeap<SpinLock>);

const TLS: Owner = Owner(3);
const TLS_MEMORY: OwnedBy<Internal<Chip>> = OwnedBy::new(Internal::of(Chip), TLS);
c_allocator!(struct Tls = TLS_MEMORY);

/// What stands for Mbed TLS here.
mod library {
    use std::ffi::c_void;
    use std::sync::OnceLock;

    pub(crate) type Calloc = extern "C" fn(usize, usize) -> *mut c_void;
    pub(crate) type Free = unsafe extern "C" fn(*mut c_void);

    static FUNCTIONS: OnceLock<(Calloc, Free)> = OnceLock::new();

    /// `mbedtls_platform_set_calloc_free`
    pub(crate) fn set_calloc_free(calloc: Calloc, free: Free) {
        FUNCTIONS.get_or_init(|| (calloc, free));
    }

    /// Keeps this many certificates of 1500 bytes while `meanwhile` runs; returns how many it could
    /// have.
    pub(crate) fn handshake(certificates: usize, meanwhile: &mut dyn FnMut()) -> usize {
        let Some(&(calloc, free)) = FUNCTIONS.get() else {
            return 0;
        };
        let kept = (0..certificates).map(|_| calloc(1, 1500));
        let kept: Vec<*mut c_void> = kept.take_while(|block| !block.is_null()).collect();
        meanwhile();
        for &block in &kept {
            // SAFETY: the block is the handshake's own.
            unsafe { free(block) };
        }
        kept.len()
    }
}

/// What two handshakes came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Certificates that the library could have, of 4 and of 100.
    pub had: [usize; 2],
    /// Allocations of the rest of the program meanwhile that were served.
    pub others: usize,
    /// Bytes that the library has afterwards.
    pub used: u32,
}

/// A heap, a limit of the library's owner, and two handshakes: one with few certificates, one with
/// many.
///
/// # Errors
/// The heap cannot be set up.
pub fn two_handshakes() -> Result<Outcome, Box<dyn Error>> {
    let memory = vec![MaybeUninit::uninit(); 64 * 1024].leak();
    let internal = [Caps::BIT8 | Caps::INTERNAL, Caps::empty(), Caps::empty()];
    HEAP.add_buffer(internal, memory)?;
    let accounts = Box::leak(Box::new(OwnerAccounts::<2, 64>::new()));
    HEAP.pressure().open_accounts(accounts, || CURRENT.get())?;
    let limits = OwnerLimits::new(TLS, "tls", Caps::INTERNAL).at_most(16 * 1024);
    HEAP.pressure().limit_owner(limits)?;

    library::set_calloc_free(Tls::calloc, Tls::free);
    let mut others = 0;
    let mut meanwhile = || {
        if let Ok(block) = HEAP.malloc(40_000, Caps::INTERNAL) {
            // SAFETY: the block is this function's own.
            others += usize::from(unsafe { HEAP.free(block) }.is_ok());
        }
    };
    let had = [4, 100].map(|count| library::handshake(count, &mut meanwhile));
    let usage = HEAP.pressure().owner_usage(TLS, Caps::INTERNAL);
    let usage = usage.ok_or("no account")?;
    println!("{had:?} of [4, 100] certificates; {usage}");
    let used = usage.used;
    Ok(Outcome { had, others, used })
}

#[allow(dead_code, reason = "a test includes this file")]
fn main() -> Result<(), Box<dyn Error>> {
    two_handshakes().map(|_| ())
}
