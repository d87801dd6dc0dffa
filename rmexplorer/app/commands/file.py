"""Commands on files: datasets, projects, exports."""

from __future__ import annotations

from pathlib import Path

from rmexplorer.app.commands import command, with_read, with_rewards, with_whole
from rmexplorer.app.desk import Desk
from rmexplorer.app.ui import DATA_KINDS
from rmexplorer.data.layouts import LAYOUTS


@command("Open dataset…", "Ctrl+O", "File")
def open_dataset(desk: Desk) -> None:
    """Choose a file of preference data, or several that are read as one dataset, and open them."""
    paths = desk.ui.choose_several("Open preference data", DATA_KINDS)
    if paths:
        desk.open(paths)


@command("Open from the Hub…", "", "File")
def open_hub(desk: Desk) -> None:
    """Open a dataset of the Hugging Face Hub by its address, hf://datasets/OWNER/NAME."""
    address = desk.ui.ask_address()
    if address:
        desk.open([address])


@command("Open folder…", "Ctrl+Shift+O", "File")
def open_folder(desk: Desk) -> None:
    """Choose a folder and read all its data files as one dataset."""
    path = desk.ui.choose_folder("Open a folder of preference data")
    if path:
        desk.open([path])


@command("Open the demo", "", "File")
def open_demo(desk: Desk) -> None:
    """Open the demo dataset, whose faults are planted and documented."""
    desk.opening.open_demo()


@command("Paste pairs", "Ctrl+Shift+V", "File")
def paste_pairs(desk: Desk) -> None:
    """Read pairs from the clipboard: JSONL, JSON or a table."""
    desk.opening.open_text(desk.ui.clipboard())


@command("Export pairs…", "Ctrl+E", "File", with_read)
def export_pairs(desk: Desk) -> None:
    """Write the selected pairs, or else those that pass the filter, for TRL or OpenRLHF, as Parquet or CSV."""
    kind = desk.ui.choose_layout(desk.to_export())
    if not kind:
        return
    title, suffix, _ = LAYOUTS[kind]
    path = desk.ui.choose_save("Export pairs", f"pairs{suffix}", f"{title} (*{suffix})")
    if not path:
        return
    if not Path(path).suffix:  # the dialog asked about the name as it was written
        path += suffix
        if Path(path).exists() and not desk.ui.confirm(f"{Path(path).name} is there already.", "Writing replaces it.", "Replace it"):
            return
    desk.export_pairs(path, kind)


@command("Take a sample of pairs", "", "File", with_read)
def take_sample(desk: Desk) -> None:
    """Draw a million pairs of a larger dataset at random and go on with these."""
    desk.opening.take_sample()


@command("Save head…", "Ctrl+Shift+S", "File", with_rewards)
def save_head(desk: Desk) -> None:
    """Write the current head as a safetensors file that scores text elsewhere."""
    path = desk.ui.choose_save("Save head", "head.safetensors", "Reward head (*.safetensors)")
    if path:
        desk.save_head(path)


@command("Load head…", "", "File", with_whole)
def load_head(desk: Desk) -> None:
    """Score this dataset with a head that was saved before."""
    path = desk.ui.choose_open("Load head", "Reward head (*.safetensors)")
    if path:
        desk.load_head(path)


@command("Open project…", "", "File")
def open_project(desk: Desk) -> None:
    """Open another project file with its stars, notes and runs."""
    path = desk.ui.choose_open("Open project", "Project (*.rmx)")
    if path:
        desk.projects.open(path)


@command("Save project as…", "Ctrl+S", "File")
def save_project(desk: Desk) -> None:
    """Give this project a file of its own; everything is kept there from then on."""
    path = desk.ui.choose_save("Save project", "project.rmx", "Project (*.rmx)")
    if path:
        desk.projects.save(path)


@command("Quit", "Ctrl+Q", "File")
def quit_program(desk: Desk) -> None:
    """Close the window; asks while a job runs."""
    desk.ui.quit()
