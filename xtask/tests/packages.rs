//! Packages of the C library: what each folder holds, and that CMake builds and runs a program with
//! its own.
//!
//! `xtask/tests/packages.py` has PlatformIO and ESP-IDF's component manager look at theirs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, and says what it leaves out"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

fn package(kind: &str, target: &Path, folder: &Path) {
    let mut clib = Command::new(env!("CARGO_BIN_EXE_xtask"));
    clib.args(["clib", "--package", kind, "--out"]).arg(folder);
    clib.env("CARGO_TARGET_DIR", target);
    let output = clib.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

const PROGRAM: &str = "#include <stdio.h>\n#include \"esp_heap_caps_init.h\"\n\
    static uint32_t memory[4096];\n\
    int main(void) {\n\
        const uint32_t caps[3] = {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT, 0, 0};\n\
        ESP_ERROR_CHECK(heap_caps_add_region_with_caps(caps, (intptr_t)memory, (intptr_t)(memory + 4096)));\n\
        void *block = heap_caps_malloc(100, MALLOC_CAP_8BIT);\n\
        printf(\"%u\\n\", (unsigned)heap_caps_get_allocated_size(block));\n\
        heap_caps_free(block);\n\
        return 0;\n}\n";

const PROJECT: &str = "cmake_minimum_required(VERSION 3.16)\nproject(app C)\nadd_subdirectory(heap_caps)\n\
    add_executable(app main.c)\ntarget_link_libraries(app PRIVATE heap_caps::heap_caps m)\n";

const FINDING: &str = "cmake_minimum_required(VERSION 3.16)\nproject(app C)\nfind_package(heap_caps REQUIRED)\n\
    add_executable(app main.c)\ntarget_link_libraries(app PRIVATE heap_caps::heap_caps m)\n";

#[test]
fn every_package_has_archives_headers_and_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    let kinds = [
        ("cmake", "CMakeLists.txt"),
        ("idf-component", "idf_component.yml"),
        ("platformio", "library.json"),
        ("zephyr", "zephyr/module.yml"),
    ];
    for (kind, description) in kinds {
        let package_folder = folder.path().join(kind).join("heap_caps");
        package(kind, &target, &package_folder);
        for file in [
            "lib/host/libheap_caps.a",
            "include/esp_heap_caps.h",
            "include/soc/soc_memory_layout.h",
            "include/heap_caps.hpp",
            "README.md",
            "LICENSE-MIT",
            description,
        ] {
            assert!(package_folder.join(file).is_file(), "{kind}: {file}");
        }
        let text = fs::read_to_string(package_folder.join(description)).unwrap();
        assert!(!text.contains('@'), "{kind}: {text}");
    }
    cmake_builds_a_program(folder.path());
}

fn cmake_builds_a_program(folder: &Path) {
    if Command::new("cmake").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "apt-get install cmake");
        eprintln!("CMake did not build a program: apt-get install cmake");
        return;
    }
    let project = folder.join("cmake");
    fs::write(project.join("main.c"), PROGRAM).unwrap();
    for (number, text) in [PROJECT, FINDING].into_iter().enumerate() {
        fs::write(project.join("CMakeLists.txt"), text).unwrap();
        let build = project.join(format!("build{number}"));
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(&project).arg("-B").arg(&build);
        configure.arg(format!(
            "-DCMAKE_PREFIX_PATH={}",
            project.join("heap_caps").display()
        ));
        let output = configure.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let output = Command::new("cmake")
            .arg("--build")
            .arg(&build)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let output = Command::new(build.join("app")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "100\n");
    }
}
