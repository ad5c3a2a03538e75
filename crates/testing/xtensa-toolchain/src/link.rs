//! The steps from rustc's bitcode to a program.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::order::Order;
use crate::{Error, assembly, ir};

/// The target files, for the one list of each processor's features.
const EMULATED: &str = include_str!("../../../../targets/xtensa-qemu-none-elf.json");
const CHIP: &str = include_str!("../../../../targets/xtensa-esp32-none-elf.json");
const TRIPLE: &str = "xtensa-none-elf";

/// Carries out one call of the linker.
///
/// # Errors
/// A tool is missing or fails, or a file cannot be read or written.
pub fn link(order: &Order) -> Result<(), Error> {
    let target = if order.for_chip { CHIP } else { EMULATED };
    let mut work = WorkingDirectory::beside(&order.output, target)?;
    work.c_options.clone_from(&order.c_options);
    work.counts_masked = order.counts_masked;
    let mut objects = Vec::new();
    for input in &order.inputs {
        for source in work.sources(input)? {
            objects.push(work.object(&source)?);
        }
    }
    let mut linker = Command::new("xtensa-lx106-elf-ld");
    linker.args(["--no-relax", "--gc-sections"]);
    // Where scripts are searched comes before them.
    linker.args(&order.options);
    for script in &order.scripts {
        linker.arg("-T").arg(script);
    }
    run(linker.arg("-o").arg(&order.output).args(objects))?;
    work.clear()
}

/// Compiles an archive of bitcode to an archive of objects.
///
/// # Errors
/// A tool is missing or fails, or a file cannot be read or written.
pub fn archive(bitcode: &Path, output: &Path) -> Result<(), Error> {
    let mut work = WorkingDirectory::beside(output, EMULATED)?;
    let mut objects = Vec::new();
    for source in work.sources(bitcode)? {
        objects.push(work.object(&source)?);
    }
    let _ = fs::remove_file(output);
    let mut archiver = Command::new("llvm-ar-22");
    run(archiver.arg("rcs").arg(output).args(objects))?;
    work.clear()
}

/// The folder of intermediate files of one program, kept if a step fails.
struct WorkingDirectory {
    folder: PathBuf,
    features: String,
    /// Files made so far, for names.
    made: usize,
    c_options: Vec<String>,
    counts_masked: bool,
}

impl WorkingDirectory {
    fn beside(output: &Path, target: &str) -> Result<WorkingDirectory, Error> {
        let mut folder = output.as_os_str().to_owned();
        folder.push(".steps");
        let folder = PathBuf::from(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|cause| Error::file(&folder, cause))?;
        let features = features(target)?;
        Ok(WorkingDirectory {
            folder,
            features,
            made: 0,
            c_options: Vec::new(),
            counts_masked: false,
        })
    }

    fn clear(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.folder).map_err(|cause| Error::file(&self.folder, cause))
    }

    fn new_file(&mut self, extension: &str) -> PathBuf {
        self.made += 1;
        self.folder.join(format!("{}.{extension}", self.made))
    }

    /// What is to be compiled of an input: itself, or an archive's modules.
    fn sources(&mut self, input: &Path) -> Result<Vec<PathBuf>, Error> {
        if !matches!(extension(input), "rlib" | "a") {
            return Ok(vec![input.to_owned()]);
        }
        let members = self.new_file("members");
        fs::create_dir_all(&members).map_err(|cause| Error::file(&members, cause))?;
        let mut archiver = Command::new("llvm-ar-22");
        run(archiver.args(["x", "--output"]).arg(&members).arg(input))?;
        let unreadable = |cause| Error::file(&members, cause);
        let mut modules = Vec::new();
        for entry in fs::read_dir(&members).map_err(unreadable)? {
            modules.push(entry.map_err(unreadable)?.path());
        }
        modules.retain(|module| is_bitcode(module));
        modules.sort();
        Ok(modules)
    }

    fn object(&mut self, source: &Path) -> Result<PathBuf, Error> {
        let assembly = match extension(source) {
            "S" => source.to_owned(),
            "c" => {
                let bitcode = self.bitcode_of_c(source)?;
                self.assembly(&bitcode)?
            }
            _ => self.assembly(source)?,
        };
        let object = self.new_file("o");
        let mut assembler = Command::new("llvm-mc-22");
        assembler.args(["-triple", TRIPLE, "-filetype=obj", "-mattr", &self.features]);
        run(assembler.arg(&assembly).arg("-o").arg(&object))?;
        Ok(object)
    }

    /// C has the same way from bitcode on as Rust. No C library: memory is filled and copied by
    /// Rust's `compiler_builtins`.
    fn bitcode_of_c(&mut self, source: &Path) -> Result<PathBuf, Error> {
        let bitcode = self.new_file("c.bc");
        let mut compiler = Command::new("clang-22");
        compiler.args(["--target=xtensa-none-elf", "-ffreestanding", "-nostdlibinc"]);
        compiler.args(["-std=c99", "-O2", "-emit-llvm", "-c"]);
        compiler.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        run(compiler
            .args(&self.c_options)
            .arg(source)
            .arg("-o")
            .arg(&bitcode))?;
        Ok(bitcode)
    }

    fn assembly(&mut self, bitcode: &Path) -> Result<PathBuf, Error> {
        let (module, inlined, assembly) = (
            self.new_file("ll"),
            self.new_file("inlined.ll"),
            self.new_file("s"),
        );
        run(Command::new("llvm-dis-22")
            .arg(bitcode)
            .arg("-o")
            .arg(&module))?;
        edit(&module, |text| Ok(ir::fit(text, self.counts_masked)))?;
        let mut inliner = Command::new("opt-22");
        inliner.args(["-S", "-passes=always-inline,simplifycfg,globaldce"]);
        run(inliner.arg(&module).arg("-o").arg(&inlined))?;
        let mut compiler = Command::new("llc-22");
        compiler.args(["-O2", "-mtriple", TRIPLE, "-mattr", &self.features]);
        compiler.args(["-function-sections", "-data-sections", "-filetype=asm"]);
        run(compiler.arg(&inlined).arg("-o").arg(&assembly))?;
        edit(&assembly, assembly::with_own_literals)?;
        Ok(assembly)
    }
}

fn features(target: &str) -> Result<String, Error> {
    let target: serde_json::Value =
        serde_json::from_str(target).map_err(|cause| Error::new(cause.to_string()))?;
    let features = target
        .get("features")
        .and_then(|features| features.as_str());
    Ok(features.unwrap_or_default().to_owned())
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(OsStr::to_str).unwrap_or_default()
}

/// Archives hold rustc's metadata too, which is no module.
fn is_bitcode(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"BC\xC0\xDE"))
}

/// Changes a text whose strings may be in no encoding: each byte travels as the character of its
/// number.
fn edit(path: &Path, change: impl Fn(&str) -> Result<String, String>) -> Result<(), Error> {
    let bytes = fs::read(path).map_err(|cause| Error::file(path, cause))?;
    let text: String = bytes.into_iter().map(char::from).collect();
    let changed = change(&text).map_err(|cause| Error::file(path, cause))?;
    let bytes: Result<Vec<u8>, _> = changed.chars().map(u8::try_from).collect();
    let bytes = bytes.map_err(|cause| Error::file(path, cause))?;
    fs::write(path, bytes).map_err(|cause| Error::file(path, cause))
}

/// Runs a tool; one that fails is an error with all that it said.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|cause| Error::new(format!("{program}: {cause}")))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let files: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    Err(Error::new(format!(
        "{program} {}: {}\n{complaint}",
        files.join(" "),
        output.status
    )))
}
