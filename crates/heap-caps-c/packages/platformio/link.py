"""Links the archive of the project's processor (PlatformIO runs this, see library.json)."""

import os

Import("env")  # noqa: F821: PlatformIO's own name


def target():
    """The folder of lib/ for the board of the project."""
    mcu = env.BoardConfig().get("build.mcu", "") if "BOARD" in env else ""  # noqa: F821
    if mcu == "":
        return "host"
    return "esp32" if mcu in ("esp32", "esp32s2", "esp32s3") else "esp32c3"


folder = os.path.join(os.path.dirname(os.path.realpath("link.py")), "lib", target())
if not os.path.isfile(os.path.join(folder, "libheap_caps.a")):
    raise SystemExit("heap_caps: no archive for this board: " + folder)
env.Append(LIBPATH=[folder], LIBS=["heap_caps"])  # noqa: F821
