"""What a release promises is said once: its version, the oldest packages, the checks, the actions of the workflows."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import infodecomp as idc

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def test_one_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", idc.__version__)
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == idc.__version__
    assert 'dynamic = ["version"]' in PROJECT and not re.search(r'^version = "', PROJECT, re.MULTILINE)


def test_the_oldest_versions_are_the_bounds():
    """Each package that the package itself needs has a bound, and the file with the oldest ones repeats every bound."""
    promised = PROJECT[PROJECT.index("\ndependencies") : PROJECT.index("\nbook = [")]
    needed = set(re.findall(r'"([\w-]+>=[\d.]+)"', promised))
    oldest = [line for line in (ROOT / "tests" / "oldest.txt").read_text().splitlines() if not line.startswith("#")]
    assert {line.replace("==", ">=") for line in oldest} == needed and len(oldest) == len(needed)


def test_commits_are_checked_as_make_test_checks():
    recipe = re.search(r"^test: setup.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    (hooks,) = [r["hooks"] for r in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]]
    assert [hook["entry"] for hook in hooks] == [
        line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()
    ]


def test_workflows_use_one_version_of_each_action():
    steps = [step for flow in WORKFLOWS.values() for job in flow["jobs"].values() for step in job["steps"]]
    used = {step["uses"] for step in steps if "uses" in step}
    assert len(used) > 5 and len({name.split("@")[0] for name in used}) == len(used)
    names = [name.split("@")[0] for name in used]
    assert all(name.startswith(("actions/", "pypa/")) for name in names)


@pytest.mark.parametrize(
    "tag, entry, passes", [("v{}", "- All.", True), ("v9.9.9", "- All.", False), ("v{}", "", False)]
)
def test_a_release_needs_its_tag_and_its_notes(tmp_path, tag, entry, passes):
    """The release's first step, run as it stands: the tag must be the version, and the changelog must describe it."""
    (step,) = [s for s in WORKFLOWS["release"]["jobs"]["build"]["steps"] if "changelog" in s.get("name", "")]
    (tmp_path / "infodecomp").mkdir()
    (tmp_path / "infodecomp" / "__init__.py").write_text(
        (ROOT / "infodecomp" / "__init__.py").read_text(encoding="utf-8")
    )
    log = f"# Changelog\n\n## Unreleased\n\n- Later.\n\n## {idc.__version__}\n\n{entry}\n\n## 0.0.1\n\n- First.\n"
    (tmp_path / "CHANGELOG.md").write_text(log)
    given = {"GITHUB_REF_NAME": tag.format(idc.__version__), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=given, capture_output=True)
    assert (done.returncode == 0) == passes
    if passes:
        assert (tmp_path / "release" / "notes.md").read_text().strip() == entry


def test_the_release_finds_the_readmes_first_example():
    (step,) = [s for s in WORKFLOWS["release"]["jobs"]["build"]["steps"] if "first example" in s.get("name", "")]
    awk = re.search(r"awk '.*' README.md", step["run"]).group()
    found = subprocess.run(["bash", "-c", awk], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found == re.search(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    ).group(1)


def test_the_registrys_page_has_no_dead_links(tmp_path):
    """The release's step, run as it stands: relative addresses of the README become those of the tag, and no more."""
    (step,) = [s for s in WORKFLOWS["release"]["jobs"]["build"]["steps"] if "registry" in s.get("name", "")]
    before = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(before, encoding="utf-8")
    given = {"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "v1.2.3", "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=given, check=True)
    after = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"\]\((?!https://)", after)
    at = f"https://github.com/{given['GITHUB_REPOSITORY']}/"
    assert f"({at}raw/v1.2.3/book/_static/preface.png)" in after and f"({at}blob/v1.2.3/CONTRIBUTING.md)" in after
    assert re.sub(rf"{at}(raw|blob)/v1.2.3/", "", after) == before


def test_mathjax_is_as_it_came():
    """Each file that is not ours has its record, and is what the record says; the licence stands beside it."""
    folder = ROOT / "book" / "_static" / "mathjax"
    record = (folder / "SHA256SUMS").read_text().splitlines()
    wanted = {name: total for total, name in (line.split("  ") for line in record if not line.startswith("#"))}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    found = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert found == wanted and {"LICENSE", "tex-chtml-full.js"} < found.keys()


def test_every_file_of_the_package_is_installed():
    """What is not Python and lies in the package is named by a pattern of package-data."""
    section = re.search(r"\[tool.setuptools.package-data\]\n(.*?)\n\n", PROJECT, re.DOTALL).group(1)
    named = set()
    for package, patterns in re.findall(r'^"([\w.]+)" = (\[.*\])$', section, re.MULTILINE):
        for pattern in re.findall(r'"(.*?)"', patterns):
            named |= {path for path in ROOT.joinpath(*package.split(".")).glob(pattern) if path.is_file()}
    there = {path for path in (ROOT / "infodecomp").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in there if path.suffix != ".py"} == named
