//! Application descriptor, read by the boot loader and the tools. Source: ESP-IDF v5.5,
//! `esp_app_desc.h`.

/// 256 bytes at the start of flash's data window.
#[repr(C)]
pub(crate) struct Descriptor {
    magic: u32,
    secure_version: u32,
    reserved: [u32; 2],
    version: [u8; 32],
    project: [u8; 32],
    time: [u8; 16],
    date: [u8; 16],
    idf_version: [u8; 32],
    /// Of the ELF file; the tool that makes the image writes it.
    elf_hash: [u8; 32],
    least_efuse_revision: u16,
    most_efuse_revision: u16,
    /// The page of flash's mapping, as a power of two.
    page_size: u8,
    reserved_end: [u8; 75],
}

const _: () = assert!(size_of::<Descriptor>() == 256);

#[unsafe(link_section = ".rodata_desc")]
#[unsafe(no_mangle)]
#[used]
static esp_app_desc: Descriptor = Descriptor {
    magic: 0xABCD_5432,
    secure_version: 0,
    reserved: [0; 2],
    version: text(env!("CARGO_PKG_VERSION")),
    project: text(env!("CARGO_PKG_NAME")),
    time: [0; 16],
    date: [0; 16],
    idf_version: text("none"),
    elf_hash: [0; 32],
    least_efuse_revision: 0,
    most_efuse_revision: u16::MAX,
    page_size: 16,
    reserved_end: [0; 75],
};

/// Returns the text in a field that ends with a zero.
const fn text<const BYTES: usize>(text: &str) -> [u8; BYTES] {
    let (mut field, bytes, mut at) = ([0; BYTES], text.as_bytes(), 0);
    assert!(bytes.len() < BYTES, "the text must leave room for a zero");
    while at < bytes.len() {
        field[at] = bytes[at];
        at += 1;
    }
    field
}
