"""Makes my-plugin.wasm of app.py: `fillsync plugin build` runs this, and so can you.

With --stub-wasi the component imports nothing but the contract: it can reach no network, file, clock
or randomness, and the host proves it.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BINDINGS = HERE / "bindings"


def tool(*arguments: str) -> None:
    """Runs componentize-py of the same environment as this Python."""
    program = Path(sys.executable).with_name("componentize-py")
    wit = ["-d", str(HERE / "wit" / "v1"), "-w", "WORLD"]
    subprocess.run([program, *wit, *arguments], cwd=HERE, check=True)


def bindings() -> str:
    """The folder with the contract as Python classes, for tests and editors."""
    if not BINDINGS.exists():
        tool("bindings", str(BINDINGS))
    return str(BINDINGS)


if __name__ == "__main__":
    tool("componentize", "--stub-wasi", "app", "-o", "my-plugin.wasm")
