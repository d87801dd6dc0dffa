"""Pictures of every pane in both themes at two sizes: `python -m tests.pictures FOLDER [FILE]`; the demo dataset if no file is named."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

SIZES = ((1440, 900), (1024, 700))


def main(folder: Path, files: list[str]) -> None:
    """Open and train once, then picture all panes for each theme and size."""
    from rmexplorer.gui.main import make_window
    from rmexplorer.gui.offscreen import open_and_train, pictures
    from rmexplorer.project import Project
    from rmexplorer.workflows.files import demo_path

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        window = make_window(Project(Path(scratch) / "pictures.rmx"), "light")
        try:
            window.show()
            open_and_train(window, files or [str(demo_path())])
            for theme in ("light", "dark"):
                window.set_theme(theme)
                for width, height in SIZES:
                    window.resize(width, height)
                    for path in pictures(window, folder, f"-{theme}-{width}"):
                        print(path)
        finally:
            window.desk.close()


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/pictures"), sys.argv[2:])
