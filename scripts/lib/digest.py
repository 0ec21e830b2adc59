"""Print one SHA-256 over the names and contents of the files and folders given."""

import hashlib
import sys
from pathlib import Path

SKIPPED = {"node_modules", "__pycache__"}


def files(root: Path) -> list[Path]:
    """The file itself, or all files below a folder except installed packages, in order."""
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise FileNotFoundError(root)
    return sorted(
        path for path in root.rglob("*") if path.is_file() and not SKIPPED & set(path.parts)
    )


def digest(roots: list[Path]) -> str:
    """Hex digest; a changed, added, removed or renamed file changes it."""
    total = hashlib.sha256()
    for root in roots:
        for path in files(root):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(root.parent).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest([Path(argument).resolve() for argument in sys.argv[1:]]) + "\n")
