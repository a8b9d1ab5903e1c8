"""The rules of the house, read off the source: sizes, floors, private names, public names, annotations."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import torch

import infodecomp as idc

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "infodecomp"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}  # {"estimates.measure": path}; "" is the package itself, "estimates" its folder's __init__

# From the ground up. A room may import what stands on lower floors; after a colon: the modules of a room, bottom up.
FLOORS = [
    "checks, extras",
    "channel, captions, progress",
    "integrate, denoiser",
    "calls, products",
    "exact, flow, noise, saved",
    "estimates: sampling, measure, estimate, alternatives, information",
    "bands, numbers",
    "lights, prune",
    "models: pictures, network, kinds, parts, base, diffusers, rows, asking, lesson, told, asked, pretrained, examine",
    "words, vocabulary, attention, plot, world, drawings",
    "concepts, joint, pairs",
    "scenes, emoji",
    "loading",
    "datasets",
    "experiments",
    "widget, cli",
    "__main__",
]
CORE = "channel", "integrate", "denoiser", "exact", "estimates"


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def room_of(module):
    return module.split(".")[0]


def place_of(module):
    """(floor, place inside the room): where a module stands, bottom up."""
    room, _, inner = module.partition(".")
    for floor, rooms in enumerate(FLOORS):
        if ":" in rooms and room == rooms.split(":")[0]:
            order = rooms.split(": ")[1].split(", ")
            return floor, order.index(inner) if inner else -1
        if room in rooms.split(", "):
            return floor, 0
    raise ValueError(f"{module} stands on no floor")


def imports(module):
    """(module of the package, name or None) for each import in a module, wherever it stands."""
    folder = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "infodecomp":
                    yield alias.name.removeprefix("infodecomp").lstrip("."), None
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parts = folder.split(".") if folder else []
                source = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [source])])
            elif source.split(".")[0] == "infodecomp":
                source = source.removeprefix("infodecomp").lstrip(".")
            else:
                continue
            for alias in node.names:
                inner = f"{source}.{alias.name}".lstrip(".")
                yield (inner, None) if inner in MODULES else (source, alias.name)


def below(module, imported):
    """Whether a module may import another one: from a lower floor, or inside its room (there, in the room's order)."""
    own, other = place_of(module), place_of(imported)
    if room_of(module) == room_of(imported):
        return other <= own
    return other[0] < own[0]


def test_imports_are_read():
    assert ("measure", "Quantity") not in imports("lights")
    assert ("channel", "add_noise") in imports("estimates.measure")
    assert ("estimates.sampling", "Sampling") in imports("estimates.measure")
    assert ("widget", "HeatMaps") in imports("") and ("scenes", None) in imports("")
    assert below("words", "estimates.estimate") and below("estimates.measure", "estimates.sampling")
    assert not below("estimates.sampling", "estimates.measure") and not below("channel", "words")
    assert not below("words", "attention") and below("scenes.model", "scenes.grammar")


def test_no_import_points_upwards():
    found = {(module, imported) for module in MODULES if module for imported, _ in imports(module) if imported}
    assert len(found) > 100
    assert not sorted(f"{module} imports {imported}" for module, imported in found if not below(module, imported))


def test_floors_are_drawn_in_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.search(r"^## Architecture\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE).group(1)
    assert len(section.strip().splitlines()) + 1 <= 30
    drawn = [re.split(r"\s{2,}", line.strip())[0] for line in section.splitlines() if line.startswith("    ")]
    assert drawn == FLOORS[::-1]
    rooms = {room for floor in FLOORS for room in floor.split(":")[0].split(", ")}
    assert rooms == {room_of(m) for m in MODULES if m}


def test_private_names_stay_in_their_module():
    found = []
    for module in MODULES:
        found += [f"{module} imports {n} of {m}" for m, n in imports(module) if n and re.match(r"_(?!_)", n)]
        bound = {
            alias.asname or alias.name
            for node in ast.walk(tree(module))
            if isinstance(node, ast.ImportFrom) and node.level
            for alias in node.names
            if any(m and m.rpartition(".")[2] == alias.name for m in MODULES)
        }
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound:
                if re.match(r"_(?!_)", node.attr):
                    found.append(f"{module} uses {node.value.id}.{node.attr}")
    assert not found


def test_functions_have_40_lines_at_most():
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    spans = {
        f"{module}.{node.name}": node.end_lineno - node.lineno + 1
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, kinds)
    }
    assert len(spans) > 300 and not {name: span for name, span in spans.items() if span > 40}


def test_modules_have_300_lines_at_most():
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert not {module: count for module, count in lines.items() if count > 300}


def test_the_core_stays_small():
    """Lines that are not blank."""
    core = [path for module, path in MODULES.items() if room_of(module) in CORE]
    lines = [line for path in core for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(core) >= 10 and len(lines) < 1500


def public(module):
    """Public functions of a module and public methods of its public classes, by name."""
    for node in tree(module).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and (not inner.name.startswith("_") or inner.name == "__init__"):
                    yield f"{node.name}.{inner.name}", inner


def test_public_functions_are_annotated():
    bare = []
    for module in filter(None, MODULES):
        for name, node in public(module):
            arguments = [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]
            given = [a for a in arguments if a is not None and a.arg not in ("self", "cls")]
            if node.returns is None or any(a.annotation is None for a in given):
                bare.append(f"{module}.{name}")
    assert not bare


# ------------------------------------------------------------------------------------------------------- public names

PUBLIC = """Alternatives Comparison ConceptMaps EmojiLab Estimate HeatMaps Posterior SceneLab WordMaps channel
compare concept_maps denoiser exact flow integrate load load_maps matched_gap nll pointwise_information posterior
scenes shuffled_gap vocabulary word_maps""".split()
DESIGNED = """nll pointwise_information compare load Alternatives Estimate word_maps HeatMaps channel.add_noise
exact.Gaussian exact.JointGaussian exact.GaussianMixture exact.FiniteSet scenes.scenes scenes.render scenes.mask
scenes.captions scenes.log_prob scenes.information scenes.alternatives
exact.Gaussian.log_prob exact.FiniteSet.log_prob Comparison.nll Comparison.information""".split()


def test_no_public_name_is_lost():
    assert set(PUBLIC) <= set(idc.__all__) and idc.__all__ == sorted(idc.__all__)
    assert all(hasattr(idc, name) for name in idc.__all__)


@pytest.mark.parametrize("name", DESIGNED)
def test_names_of_the_design_resolve(name):
    found = idc
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)


def test_models_and_estimates_have_their_parts():
    model = idc.load("scenes")
    assert all(callable(getattr(model, name)) for name in ("encode", "decode", "condition", "generate"))
    estimate = idc.nll(idc.exact.Gaussian([0.0, 0.0], 1.0), torch.zeros(1, 2), samples=4)
    parts = "nats stderr map map_stderr profile range tail samples bits".split()
    assert all(getattr(estimate, name) is not None for name in parts)
    assert len(list(estimate.profile)) == 3
