//! The C headers as programs include them: alone and together, in C and C++, with every installed
//! compiler.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, and says what it leaves out"
)]

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Compilers that take the same options. `.ci/run` installs one of each family.
const COMPILERS: [&str; 3] = ["gcc", "clang", "clang-22"];
const STANDARDS: [[&str; 3]; 6] = [
    ["-x", "c", "-std=gnu89"],
    ["-x", "c", "-std=c99"],
    ["-x", "c", "-std=gnu17"],
    ["-x", "c++", "-std=gnu++98"],
    ["-x", "c++", "-std=c++17"],
    ["-x", "c++", "-std=gnu++20"],
];
const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror"];

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

fn is_installed(program: &&str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// All headers, as a program includes them: `soc/soc_memory_layout.h`.
fn headers() -> Vec<String> {
    let (root, mut folders, mut found) = (include(), vec![include()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "h") {
                let name = path.strip_prefix(&root).unwrap();
                found.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Compiles a text without making anything of it; what the compiler says, if it does not like it.
fn complaint(compiler: &str, standard: [&str; 3], text: &str) -> Option<String> {
    let mut command = Command::new(compiler);
    command.args(standard).args(STRICT).arg("-fsyntax-only");
    // Clang calls `bool` and `inline` extensions of the older languages; GCC's dialects have them.
    if compiler.starts_with("clang") && matches!(standard[2], "-std=gnu89" | "-std=gnu++98") {
        command.arg("-Wno-pedantic");
    }
    command.arg("-I").arg(include()).arg("-");
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(stderr)
}

fn accepted_by_every_compiler(what: &str, text: &str) {
    let installed: Vec<_> = COMPILERS.into_iter().filter(is_installed).collect();
    if installed.is_empty() {
        eprintln!("{what} was not compiled: install one with apt-get install gcc clang-22");
    }
    for compiler in installed {
        for standard in STANDARDS {
            let stderr = complaint(compiler, standard, text);
            assert_eq!(
                stderr,
                None,
                "{what} with {compiler} {}",
                standard.join(" ")
            );
        }
    }
}

#[test]
fn every_header_stands_alone_in_c_and_in_cpp() {
    let headers = headers();
    assert!(headers.len() >= 12, "{headers:?}");
    for header in headers {
        accepted_by_every_compiler(&header, &format!("#include \"{header}\"\n"));
    }
}

#[test]
fn all_headers_agree_with_each_other_and_may_be_included_twice() {
    let every: String = headers()
        .iter()
        .map(|header| format!("#include \"{header}\"\n"))
        .collect();
    accepted_by_every_compiler("all headers", &every.repeat(2));
}

/// The variadic functions are functions of the header: a call, and a pointer to each.
#[test]
fn functions_with_further_arguments_can_be_called_and_pointed_to() {
    let program = "#include \"esp_heap_caps.h\"\n\
        void *(*malloc_prefer)(size_t, size_t, ...) = heap_caps_malloc_prefer;\n\
        void *(*calloc_prefer)(size_t, size_t, size_t, ...) = heap_caps_calloc_prefer;\n\
        void *(*realloc_prefer)(void *, size_t, size_t, ...) = heap_caps_realloc_prefer;\n\
        void *both(void);\n\
        void *both(void) { return heap_caps_malloc_prefer(16, 2, MALLOC_CAP_SPIRAM, MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL); }\n";
    accepted_by_every_compiler("a program", program);
}

/// Numbers that programs have compiled in: ESP-IDF's.
#[test]
fn constants_have_the_values_of_esp_idf() {
    let numbers = [
        ("MALLOC_CAP_EXEC", "1u"),
        ("MALLOC_CAP_32BIT", "2u"),
        ("MALLOC_CAP_8BIT", "4u"),
        ("MALLOC_CAP_DMA", "8u"),
        ("MALLOC_CAP_PID2", "0x10u"),
        ("MALLOC_CAP_PID7", "0x200u"),
        ("MALLOC_CAP_SPIRAM", "0x400u"),
        ("MALLOC_CAP_INTERNAL", "0x800u"),
        ("MALLOC_CAP_DEFAULT", "0x1000u"),
        ("MALLOC_CAP_IRAM_8BIT", "0x2000u"),
        ("MALLOC_CAP_RETENTION", "0x4000u"),
        ("MALLOC_CAP_RTCRAM", "0x8000u"),
        ("MALLOC_CAP_SPM", "0x10000u"),
        ("MALLOC_CAP_TCM", "0x10000u"),
        ("MALLOC_CAP_DMA_DESC_AHB", "0x20000u"),
        ("MALLOC_CAP_DMA_DESC_AXI", "0x40000u"),
        ("MALLOC_CAP_CACHE_ALIGNED", "0x80000u"),
        ("MALLOC_CAP_SIMD", "0x100000u"),
        ("MALLOC_CAP_SPIRAM_NO_ENC", "0x200000u"),
        ("MALLOC_CAP_INVALID", "0x80000000u"),
        ("MALLOC_CAP_SPISRAM", "0x400u"),
        ("ESP_OK", "0u"),
        ("ESP_FAIL", "0xFFFFFFFFu"),
        ("ESP_ERR_NO_MEM", "0x101u"),
        ("ESP_ERR_INVALID_ARG", "0x102u"),
        ("ESP_ERR_INVALID_STATE", "0x103u"),
        ("ESP_ERR_INVALID_SIZE", "0x104u"),
        ("ESP_ERR_NOT_FOUND", "0x105u"),
        ("ESP_ERR_NOT_SUPPORTED", "0x106u"),
        ("SOC_MEMORY_TYPE_NO_PRIOS", "3u"),
        ("NUM_HEAP_TASK_CAPS", "4u"),
        ("HEAPREGIONS_MAX_TAGCOUNT", "16u"),
        ("HEAP_TRACE_ALL", "0u"),
        ("HEAP_TRACE_LEAKS", "1u"),
    ];
    let mut program = String::from(
        "#include \"esp_heap_alloc_caps.h\"\n#include \"esp_heap_trace.h\"\n\
         #include \"esp_heap_task_info.h\"\n#include \"soc/soc_memory_layout.h\"\n\
         #include \"freertos/heap_regions.h\"\n",
    );
    for (name, value) in numbers {
        program += &format!("typedef char is_{name}[(uint32_t)({name}) == {value} ? 1 : -1];\n");
    }
    accepted_by_every_compiler("the constants", &program);
}

/// Structures that programs and the library share, member by member: as ESP-IDF lays them out where
/// pointers have `W` bytes.
#[test]
fn structures_are_laid_out_as_esp_idfs() {
    let program = "#include \"esp_heap_alloc_caps.h\"\n#include \"esp_heap_trace.h\"\n\
        #include \"esp_heap_task_info.h\"\n#include \"soc/soc_memory_layout.h\"\n\
        #include \"freertos/heap_regions.h\"\n\
        #define W sizeof(void *)\n\
        #define AT(type, member, offset) typedef char at_##type##_##member[offsetof(type, member) == (offset) ? 1 : -1]\n\
        #define SIZE(type, bytes) typedef char size_of_##type[sizeof(type) == (bytes) ? 1 : -1]\n\
        AT(multi_heap_info_t, total_allocated_bytes, W); AT(multi_heap_info_t, largest_free_block, 2 * W);\n\
        AT(multi_heap_info_t, minimum_free_bytes, 3 * W); AT(multi_heap_info_t, allocated_blocks, 4 * W);\n\
        AT(multi_heap_info_t, free_blocks, 5 * W); AT(multi_heap_info_t, total_blocks, 6 * W); SIZE(multi_heap_info_t, 7 * W);\n\
        AT(walker_heap_into_t, end, W); SIZE(walker_heap_into_t, 2 * W);\n\
        AT(walker_block_info_t, size, W); AT(walker_block_info_t, used, 2 * W); SIZE(walker_block_info_t, 3 * W);\n\
        AT(soc_memory_type_desc_t, caps, W); AT(soc_memory_region_t, size, W); AT(soc_memory_region_t, type, 2 * W);\n\
        AT(soc_memory_region_t, iram_address, 3 * W); AT(soc_memory_region_t, startup_stack, 4 * W); SIZE(soc_memory_region_t, 5 * W);\n\
        AT(soc_reserved_region_t, end, W); AT(HeapRegionTagged_t, xSizeInBytes, W); AT(HeapRegionTagged_t, xTag, 2 * W);\n\
        AT(HeapRegionTagged_t, xExecAddr, 2 * W + 4);\n\
        AT(heap_task_totals_t, size, W); AT(heap_task_totals_t, count, 5 * W); SIZE(heap_task_totals_t, 9 * W);\n\
        AT(heap_task_block_t, address, W); AT(heap_task_block_t, size, 2 * W);\n\
        AT(heap_task_info_params_t, mask, 16); AT(heap_task_info_params_t, tasks, 32); SIZE(heap_task_info_params_t, 32 + 7 * W);\n\
        AT(heap_stat_t, caps, W); AT(heap_stat_t, size, 2 * W); AT(heap_stat_t, alloc_stat, 6 * W); SIZE(heap_stat_t, 7 * W);\n\
        AT(task_stat_t, handle, 16); AT(task_stat_t, is_alive, 16 + W); AT(task_stat_t, heap_stat, 16 + 5 * W);\n\
        AT(heap_trace_record_t, address, W); AT(heap_trace_record_t, size, 2 * W); AT(heap_trace_record_t, freed, 3 * W);\n\
        AT(heap_trace_record_t, alloced_by, 4 * W); AT(heap_trace_record_t, freed_by, 6 * W);\n\
        AT(heap_trace_summary_t, total_allocations, W); AT(heap_trace_summary_t, has_overflowed, 6 * W);\n";
    accepted_by_every_compiler("the structures", program);
}

/// What each header of ESP-IDF makes visible, in any of its versions: names that programs use
/// without a further include.
#[test]
fn every_header_shows_what_esp_idfs_header_of_that_name_shows() {
    const VISIBLE: [(&str, &[&str]); 9] = [
        // v3.0 to v4.4 had the chip's memory in there, v5 and later the capabilities.
        (
            "esp_heap_caps_init.h",
            &[
                "heap_caps_malloc(4, MALLOC_CAP_DMA)",
                "soc_get_available_memory_region_max_count()",
                "esp_ptr_internal(0)",
                "esp_err_to_name(ESP_FAIL)",
                "sizeof(soc_memory_region_t)",
                "malloc(SOC_MEMORY_TYPE_NO_PRIOS)",
            ],
        ),
        (
            "esp_heap_caps.h",
            &[
                "sizeof(multi_heap_info_t)",
                "esp_err_to_name(ESP_OK)",
                "printf(\"x\")",
                "malloc(1)",
                "SIZE_MAX",
            ],
        ),
        (
            "esp_heap_alloc_caps.h",
            &[
                "pvPortMallocCaps(4, MALLOC_CAP_SPISRAM)",
                "heap_caps_malloc(4, MALLOC_CAP_8BIT)",
            ],
        ),
        (
            "multi_heap.h",
            &["multi_heap_free_size(0)", "(bool)1", "malloc(1)"],
        ),
        (
            "esp_system.h",
            &["esp_get_free_heap_size()", "(bool)ESP_OK"],
        ),
        (
            "esp_memory_utils.h",
            &[
                "esp_ptr_in_drom(0)",
                "esp_ptr_in_rom(0)",
                "esp_stack_ptr_in_dram(0)",
                "esp_stack_ptr_in_extram(0)",
                "esp_stack_ptr_is_sane(0)",
                "esp_task_stack_is_sane_cache_disabled()",
                "malloc(1)",
            ],
        ),
        (
            "soc/soc_memory_layout.h",
            &[
                "sizeof(soc_memory_type_desc_t)",
                "esp_ptr_dma_capable(0)",
                "SOC_MEM_BT_DATA_START",
                "SOC_MEM_BT_EM_BREDR_NO_SYNC_END",
                "SOC_MEM_BT_MISC_END",
            ],
        ),
        (
            "esp_heap_trace.h",
            &["sizeof(heap_trace_record_t)", "ESP_ERR_NOT_SUPPORTED"],
        ),
        (
            "esp_err.h",
            &[
                "esp_err_to_name(1)",
                "printf(\"x\")",
                "(uint8_t)1",
                "malloc(1)",
            ],
        ),
    ];
    for (header, uses) in VISIBLE {
        let mut program = format!("#include \"{header}\"\nvoid uses(void);\nvoid uses(void)\n{{\n");
        for used in uses {
            program += &format!("    (void)({used});\n");
        }
        accepted_by_every_compiler(header, &(program + "}\n"));
    }
}

/// `ESP_ERROR_CHECK` and its like, with and without `NDEBUG`, and the macros of `esp_check.h` where
/// the language has them.
#[test]
fn errors_are_checked_by_esp_idfs_macros() {
    let program = "#include \"esp_check.h\"\n#include \"esp_heap_caps_init.h\"\n\
        esp_err_t add(intptr_t start);\n\
        esp_err_t add(intptr_t start)\n{\n\
            esp_err_t ret = ESP_OK;\n\
            ESP_ERROR_CHECK(heap_caps_add_region(start, start + 4096));\n\
            ret = ESP_ERROR_CHECK_WITHOUT_ABORT(heap_caps_add_region(start, start));\n\
        #ifdef ESP_RETURN_ON_ERROR\n\
            ESP_RETURN_ON_ERROR(ret, \"app\", \"no heap at %lx\", (long)start);\n\
            ESP_RETURN_ON_FALSE(start != 0, ESP_ERR_INVALID_ARG, \"app\", \"no start\");\n\
            ESP_GOTO_ON_ERROR(heap_caps_add_region(start, start), out, \"app\", \"no heap\");\n\
            ESP_GOTO_ON_FALSE_ISR(start > 4, ESP_FAIL, out, \"app\", \"%d is low\", (int)start);\n\
        out:\n\
        #endif\n\
            return ret;\n}\n";
    accepted_by_every_compiler("checks", program);
    accepted_by_every_compiler("checks", &format!("#define NDEBUG\n{program}"));
}

/// The header for C++ is no C, and takes C++11.
#[test]
fn the_header_for_cpp_stands_alone() {
    for compiler in COMPILERS.iter().filter(|compiler| is_installed(compiler)) {
        for standard in ["-std=c++11", "-std=c++17", "-std=gnu++20"] {
            let text = "#include \"heap_caps.hpp\"\n#include \"heap_caps.hpp\"\n";
            let stderr = complaint(compiler, ["-x", "c++", standard], text);
            assert_eq!(stderr, None, "heap_caps.hpp with {compiler} {standard}");
        }
    }
}
