"""PlatformIO and ESP-IDF's component manager pack their packages of the C library, and accept the
manifests.

cargo xtask clib --package platformio --out FOLDER/platformio/heap_caps
cargo xtask clib --package idf-component --target esp32c3 --out FOLDER/idf-component/heap_caps
python3 packages.py FOLDER BIN        BIN has PlatformIO's pio and idf-component-manager's compote
"""

import json
import os
import pathlib
import subprocess
import sys
import tarfile

folder, programs = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
passed = failed = 0


def check(name, holds, output=""):
    global passed, failed
    passed += bool(holds)
    failed += not holds
    print("ok     " if holds else "FAILED ", name, "" if holds else output)


def run(place, *words):
    # Nothing is asked of the tools' servers.
    environment = dict(
        os.environ,
        PLATFORMIO_SETTING_ENABLE_TELEMETRY="no",
        PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL="9999",
        IDF_COMPONENT_NO_COLORS="1",
    )
    return subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True)


def members(archive):
    with tarfile.open(archive) as packed:
        return {name.removeprefix("./") for name in packed.getnames()}


place = folder / "platformio" / "heap_caps"
# PlatformIO fetches the list of licences to look ours up, which takes a network: packed without it.
manifest = json.loads((place / "library.json").read_text())
check("the licence is told", manifest.pop("license") == "MIT OR Apache-2.0")
(place / "library.json").write_text(json.dumps(manifest))
packed = run(folder, str(programs / "pio"), "pkg", "pack", str(place), "--output", str(folder))
check("PlatformIO packs the library", packed.returncode == 0, packed.stdout + packed.stderr)
archives = sorted(folder.glob("heap_caps-*.tar.gz"))
check(
    "the pack has archive, header and script",
    archives
    and {"library.json", "link.py", "include/esp_heap_caps.h", "lib/host/libheap_caps.a"}
    <= members(archives[0]),
    archives and sorted(members(archives[0])),
)

place = folder / "idf-component" / "heap_caps"
packed = run(place, str(programs / "compote"), "component", "pack", "--name", "heap_caps")
check(
    "the component manager packs the component",
    packed.returncode == 0,
    packed.stdout + packed.stderr,
)
archives = sorted(place.glob("**/heap_caps_*.tgz"))
check(
    "the pack has archive, header and build file",
    archives
    and {"idf_component.yml", "CMakeLists.txt", "include/esp_heap_caps.h"} <= members(archives[0])
    and any(name.endswith("libheap_caps.a") for name in members(archives[0])),
    archives and sorted(members(archives[0])),
)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
