//! A heap that does nothing: what calling costs.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::subject::Subject;

pub(crate) struct Empty;

impl Subject for Empty {
    const NAME: &'static str = "empty";

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) {
        place.write(Self);
    }

    fn allocate(&mut self, _: usize) -> usize {
        0
    }

    fn allocate_aligned(&mut self, _: usize, _: usize) -> usize {
        0
    }

    unsafe fn free(&mut self, _: usize, _: usize, _: usize) {}

    unsafe fn grow(&mut self, _: usize, _: usize, _: usize) -> usize {
        0
    }
}
