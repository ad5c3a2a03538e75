//! The steps from rustc's bitcode to a program.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::order::{Order, Processor};
use crate::{Error, assembly, ir};

const TRIPLE: &str = "xtensa-none-elf";

/// Carries out one call of the linker.
///
/// # Errors
/// A tool is missing or fails, or a file cannot be read or written.
pub fn link(order: &Order) -> Result<(), Error> {
    let mut work = WorkingDirectory::beside(&order.output, order.processor)?;
    work.c_options.clone_from(&order.c_options);
    work.counts_masked = order.counts_masked;
    let mut objects = Vec::new();
    let mut libraries = Vec::new();
    for input in &order.inputs {
        if is_archive(input) {
            let compiled = work.compiled(input)?;
            objects.extend(compiled.objects);
            libraries.extend(compiled.library);
        } else {
            objects.push(work.object(input)?);
        }
    }
    let mut linker = Command::new("xtensa-lx106-elf-ld");
    linker.args(["--no-relax", "--gc-sections"]);
    // Where scripts are searched comes before them.
    linker.args(&order.options);
    for script in &order.scripts {
        linker.arg("-T").arg(script);
    }
    linker.arg("-o").arg(&order.output).args(objects);
    // What defines names for others comes behind them.
    run(linker.args(libraries).args(&order.libraries))?;
    work.clear()
}

/// Compiles an archive of bitcode to an archive of objects.
///
/// # Errors
/// A tool is missing or fails, or a file cannot be read or written.
pub fn archive(bitcode: &Path, output: &Path) -> Result<(), Error> {
    let mut work = WorkingDirectory::beside(output, Processor::Emulated)?;
    let mut objects = Vec::new();
    for module in work.members(bitcode)?.bitcode {
        objects.push(work.object(&module)?);
    }
    let _ = fs::remove_file(output);
    let mut archiver = Command::new("llvm-ar-22");
    run(archiver.arg("rcs").arg(output).args(objects))?;
    work.clear()
}

/// What an archive holds.
#[derive(Default)]
struct Members {
    /// rustc's modules.
    bitcode: Vec<PathBuf>,
    /// Objects that were compiled before: parts in C of the crate.
    objects: Vec<PathBuf>,
}

/// An archive, compiled.
#[derive(Default)]
struct Compiled {
    objects: Vec<PathBuf>,
    /// The objects that were in it, for the linker to choose from.
    library: Option<PathBuf>,
}

/// The folder of intermediate files of one program, kept if a step fails.
struct WorkingDirectory {
    folder: PathBuf,
    processor: Processor,
    /// What the compiler may use.
    features: String,
    /// Files made so far, for names.
    made: usize,
    c_options: Vec<String>,
    counts_masked: bool,
}

impl WorkingDirectory {
    fn beside(output: &Path, processor: Processor) -> Result<WorkingDirectory, Error> {
        let mut folder = output.as_os_str().to_owned();
        folder.push(".steps");
        let folder = PathBuf::from(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|cause| Error::file(&folder, cause))?;
        let features = features(processor.target())?;
        Ok(WorkingDirectory {
            folder,
            processor,
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

    /// Returns the objects of a crate. They are kept beside it: most crates are linked to many
    /// programs.
    fn compiled(&mut self, archive: &Path) -> Result<Compiled, Error> {
        let kept = self.kept_beside(archive);
        if let Some(kept) = kept.as_deref().filter(|kept| is_newer(kept, archive)) {
            return Compiled::read(kept);
        }
        let members = self.members(archive)?;
        let made = self.new_file("objects");
        fs::create_dir_all(&made).map_err(|cause| Error::file(&made, cause))?;
        for (number, module) in (0..).zip(members.bitcode) {
            let object = self.object(&module)?;
            let place = made.join(format!("{number:03}.o"));
            fs::rename(object, &place).map_err(|cause| Error::file(&place, cause))?;
        }
        if !members.objects.is_empty() {
            let mut archiver = Command::new("llvm-ar-22");
            run(archiver
                .arg("rcs")
                .arg(made.join(LIBRARY))
                .args(members.objects))?;
        }
        let Some(kept) = kept else {
            return Compiled::read(&made);
        };
        let _ = fs::remove_dir_all(&kept);
        // Whoever links the same crate at the same time may have been faster.
        let is_kept = fs::rename(&made, &kept).is_ok();
        Compiled::read(if is_kept { &kept } else { &made })
    }

    /// Returns where a crate's objects are kept; a program that counts has others.
    fn kept_beside(&self, archive: &Path) -> Option<PathBuf> {
        let is_crate = extension(archive) == "rlib" && !self.counts_masked;
        is_crate.then(|| archive.with_extension(format!("{:?}.objects", self.processor)))
    }

    /// Archives hold rustc's metadata too, which is none of these.
    fn members(&mut self, archive: &Path) -> Result<Members, Error> {
        let folder = self.new_file("members");
        fs::create_dir_all(&folder).map_err(|cause| Error::file(&folder, cause))?;
        let mut archiver = Command::new("llvm-ar-22");
        run(archiver.args(["x", "--output"]).arg(&folder).arg(archive))?;
        let mut members = Members::default();
        for file in sorted(&folder)? {
            if begins_with(&file, BITCODE) {
                members.bitcode.push(file);
            } else if extension(&file) != "rmeta" && begins_with(&file, ELF) {
                members.objects.push(file);
            }
        }
        Ok(members)
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
        let features = [&self.features, self.processor.only_assembled()].concat();
        assembler.args(["-triple", TRIPLE, "-filetype=obj", "-mattr", &features]);
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
        // Assembly of the source is for the assembler to read: it knows more registers.
        compiler.arg("-no-integrated-as");
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

fn is_archive(path: &Path) -> bool {
    matches!(extension(path), "rlib" | "a")
}

/// What files of these kinds begin with.
const BITCODE: &[u8] = b"BC\xC0\xDE";
const ELF: &[u8] = b"\x7FELF";
/// The name of an archive among the objects of another one.
const LIBRARY: &str = "library.a";

impl Compiled {
    fn read(folder: &Path) -> Result<Compiled, Error> {
        let mut compiled = Compiled::default();
        for file in sorted(folder)? {
            match extension(&file) {
                "a" => compiled.library = Some(file),
                _ => compiled.objects.push(file),
            }
        }
        Ok(compiled)
    }
}

fn begins_with(path: &Path, magic: &[u8]) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(magic))
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| Error::file(folder, cause);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let files: Result<Vec<_>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut files = files.map_err(unreadable)?;
    files.sort();
    Ok(files)
}

/// Returns whether what was made of a file is newer than the file, and than this program, which
/// makes it.
fn is_newer(made: &Path, file: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path)?.modified();
    let this = env::current_exe().and_then(|this| changed(&this));
    match (changed(made), changed(file), this) {
        (Ok(made), Ok(file), Ok(this)) => made > file && made > this,
        _ => false,
    }
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
