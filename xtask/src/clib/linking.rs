//! Objects that a program on this machine takes from the library when it is linked.
//!
//! ```text
//!   checks/linking/main.c ─┐                      ┌─> does it link and run?
//!   every exported name ───┼─ gcc … -lm ─ program ┤
//!   libheap_caps.a ────────┘                      └─> which names of the C library does it define itself?
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{File, Object, ObjectSymbol};

use super::build::root;
use super::checks::width;
use super::features::Names;
use super::symbols::Library;
use super::{Processor, checks};
use crate::error::Error;

/// Libraries whose names a program must have from them.
const SYSTEM: [&str; 2] = ["libm.so.6", "libc.so.6"];

/// Links a program with the library and returns what is wrong with it.
pub(crate) fn faults(processor: Processor, library: &Path) -> Result<Vec<String>, Error> {
    checks::require(processor)?;
    let uses = library.with_file_name("uses.c");
    let exported = Library::read(library)?.exported;
    fs::write(&uses, user_of(&exported)).map_err(|cause| Error::file(&uses, cause))?;
    let program = library.with_file_name("linking");
    let mut compiler = Command::new("gcc");
    compiler
        .args(width(processor))
        .args(["-std=c99", "-O0", "-fno-builtin"]);
    compiler.arg(root().join("crates/heap-caps-c/checks/linking/main.c"));
    compiler
        .args([&uses, library])
        .arg("-lm")
        .arg("-o")
        .arg(&program);
    if let Err(complaint) = output_of(&mut compiler) {
        return Ok(vec![format!("a program cannot be linked: {complaint}")]);
    }
    if let Err(complaint) = output_of(&mut Command::new(&program)) {
        return Ok(vec![format!("a linked program fails: {complaint}")]);
    }
    let mut system = Names::new();
    for name in SYSTEM {
        system.extend(names_in(&path_of(processor, name)?, Table::Dynamic)?);
    }
    let defined = names_in(&program, Table::Whole)?;
    let taken = defined
        .intersection(&system)
        .filter(|name| !is_of_every_program(name));
    let faults =
        taken.map(|name| format!("a program has {name} not from the C library but from this one"));
    Ok(faults.collect())
}

/// Returns a function that takes the address of every name, so that the linker looks for each.
fn user_of(exported: &Names) -> String {
    let declarations: String = exported
        .iter()
        .map(|name| format!("extern char {name}[];\n"))
        .collect();
    let addresses: String = exported
        .iter()
        .map(|name| format!("    {name},\n"))
        .collect();
    format!(
        "{declarations}char *heap_caps_linking_names[] = {{\n{addresses}}};\n\
         int heap_caps_linking_uses_the_heap(void) {{ return heap_caps_linking_names[0] == 0; }}\n"
    )
}

/// Returns whether start-up files or linker define a name in every program.
fn is_of_every_program(name: &str) -> bool {
    name.starts_with('_') || ["main", "data_start"].contains(&name)
}

/// Returns where the compiler finds a library of the system.
fn path_of(processor: Processor, name: &str) -> Result<PathBuf, Error> {
    let mut compiler = Command::new("gcc");
    compiler
        .args(width(processor))
        .arg(format!("-print-file-name={name}"));
    let path = output_of(&mut compiler).map_err(Error::Failed)?;
    Ok(PathBuf::from(path.trim()))
}

/// Which of a file's two tables of names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    /// What other files may take at run time.
    Dynamic,
    /// Everything.
    Whole,
}

/// Returns the names that a file defines for the linker.
fn names_in(path: &Path, table: Table) -> Result<Names, Error> {
    let bytes = fs::read(path).map_err(|cause| Error::file(path, cause))?;
    let file = File::parse(&*bytes).map_err(|cause| Error::file(path, cause))?;
    let symbols = match table {
        Table::Dynamic => file.dynamic_symbols(),
        Table::Whole => file.symbols(),
    };
    let defined = symbols.filter(|symbol| symbol.is_definition() && symbol.is_global());
    Ok(defined
        .filter_map(|symbol| Some(symbol.name().ok()?.to_owned()))
        .collect())
}

/// Returns what a command prints, or what it complains about.
fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|cause| cause.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} {}", output.status, errors.trim()))
}
