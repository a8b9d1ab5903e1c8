"""`pytest book`: nbval compares what the last `make book` printed with what the notebooks say. Nothing is executed."""

import runpy
from pathlib import Path

from nbval.plugin import IPyNbFile

executed = runpy.run_path(str(Path(__file__).parent / "maintain.py"))["executed"]


class Replay:
    """What nbval takes for a kernel: asked to execute a cell, it answers with the outputs of the build."""

    def __init__(self, notebook):
        self.cells = iter(notebook.cells)

    def execute_cell_input(self, source, allow_stdin=None):
        cell = next(cell for cell in self.cells if cell.source == source)
        answers = [
            {"msg_type": output.output_type, "content": output}
            for output in cell.outputs
        ]
        self.messages = [
            *answers,
            {"msg_type": "status", "content": {"execution_state": "idle"}},
        ]
        return "a cell"

    def get_message(self, stream, timeout=None):
        return self.messages.pop(0) | {"parent_header": {"msg_id": "a cell"}}

    def await_reply(self, msg_id, timeout=None):
        pass

    def is_alive(self):
        return True

    def stop(self):
        pass


class Notebook(IPyNbFile):
    """One test for each cell; only outputs of cells tagged nbval-check-output are compared."""

    def collect(self):
        self.kernel = Replay(executed(self.path)[0])
        self.compare_outputs = False
        for item in super().collect():
            if item.options["check"]:
                item.cell.execution_count = 1  # nbval would not compare a cell without it: one whose text is not stored
            yield item

    def setup(self):
        self.setup_sanitize_files()


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".ipynb":
        return Notebook.from_parent(parent, path=file_path)
