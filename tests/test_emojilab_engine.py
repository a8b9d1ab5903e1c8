"""The emoji lab's JavaScript beside the package: node's test runner compares it with values that Python makes."""

import base64
import json
import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from infodecomp.drawings import names
from infodecomp.widget import emojipack
from infodecomp.widget.emojilab import EmojiLab
from infodecomp.widget.emojistate import checked, link, read
from infodecomp.widget.page import HERE, bundle

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node here, which runs the engine's tests")
TESTS = Path(__file__).parent / "js" / "emoji"
MODULES = {
    "finite.mjs": bundle("finite/estimate.js") + "export { Estimate, Gram, Pixels, kernels, plainKernels, random };\n",
    "worker.js": bundle("finite/worker.js"),
    "page.mjs": "".join(map(bundle, ("emojilab/world.js", "emojilab/case.js", "emojilab/state.js")))
    + "export { World, keysOf, distance, caseOf, parseState, formatState };\n",
}
CASES = {
    "sunglasses": ("😎", "sunglasses", None),
    "medium": ("👩🏽‍🚒", "medium", None),
    "three": ("🕒", "three", None),
    "firefighter": ("👩🏽‍🚒", "firefighter", None),
    "woman": ("👩🏽‍🚒", "woman", "woman firefighter skin tone"),
}
WRONG = ["", "x", "a/b/c", "a/b?alone=1", "a/b?seed=-1", "a/b?seed=x", "a/b?seed=4294967296", "a/b?language=xx",
         "a/b?other=1", "a/b?alone&alone", "a/b?caption", "%zz/b"]  # fmt: skip


def test_the_kernels_are_their_text_assembled():
    from wasmtime import wat2wasm

    text = (HERE / "js" / "kernels" / "products.wat").read_text(encoding="utf-8")
    code = (HERE / "js" / "kernels" / "code.js").read_text(encoding="utf-8")
    assert base64.b64decode("".join(code.split('"')[1::2])) == bytes(wat2wasm(text))
    assert wat2wasm(text.replace("i32.const 32)", "i32.const 48)", 1)) != wat2wasm(text)


def case(folder, name, character, word, caption):
    """A context's pictures in a file, the seen one first; which of them fit; the truth."""
    world = emojipack.world()
    caption = caption or world.captions(character)[0]
    rest = " ".join(w for w in caption.split() if w != word)
    context, fits, place = world.fits(rest), world.fits(caption), world.position(character)
    places = [place, *(i for i in context.nonzero()[:, 0].tolist() if i != place)]
    (folder / f"{name}.bin").write_bytes(np.ascontiguousarray(world.levels[places]).tobytes())
    truth = math.log(len(places) / int(fits.sum()))
    return {"file": f"{name}.bin", "fits": fits[places].int().tolist(), "truth": truth}


def stored(state):
    """The map that the lab stores, (48 · 48)."""
    found = EmojiLab(state=state)._first["map"]
    return (np.frombuffer(base64.b64decode(found["pixels"]), "<u2") / 65535 * found["high"]).tolist()


def counted(languages, each=120):
    """Captions of one to three words of a name, and how many pictures they fit."""
    generator, found = np.random.default_rng(1), []
    for language in languages:
        world = emojipack.world(language)
        for i in generator.integers(len(world), size=each):
            words = world.names[i][0].split()
            some = generator.permutation(words)[: generator.integers(1, 4)]
            caption = " ".join(some)
            try:
                found.append({"language": language, "caption": caption, "count": world.count(caption)})
            except ValueError:  # a mark that stands alone
                continue
    return found


def links():
    generator, found = np.random.default_rng(2), []
    for language in ("en", "de", "ar"):
        world = emojipack.world(language)
        for i in generator.integers(len(world), size=10):
            name = world.names[i][0]
            words = [w for w in emojipack.keys(name) if emojipack.keys(w) == [w]]
            options = {"alone": bool(i % 2), "seed": int(i % 3), "language": language}
            options["caption"] = words[0] if i % 5 == 0 and words else ""
            found.append(checked(name, words[0] if words else "", **options))
    return [{"link": link(state), "state": state._asdict()} for state in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emoji")
    cases = {name: case(folder, name, *about) for name, about in CASES.items()}
    cases["sunglasses"]["map"] = stored("😎/sunglasses")
    cases["three"]["map"] = stored("🕒/three")
    caption, world = "cat with", emojipack.world()
    fit = [world.pictures()[i] for i in world.fits(caption).nonzero()[:, 0].tolist()]
    several = [case(folder, f"several{i}", c, "with", caption) for i, c in enumerate(fit)]
    packs = {language: emojipack.pack(f"emoji-names-{language}") for language in names().LANGUAGES}
    pictures = {k: v for k, v in emojipack.pack(emojipack.PICTURES).items() if k != "levels"}
    words = {
        language: {
            "names": {n: emojipack.keys(n) for n in "\t".join(pack["names"][::7]).split("\t")},
            "keys": pack["keys"],
        }
        for language, pack in packs.items()
    }
    values = {"cases": cases, "several": several, "pictures": pictures, "words": words, "links": links()}
    values |= {"names": {k: packs[k] for k in ("en", "de", "ja", "ar")}, "wrongLinks": WRONG}
    values |= {"counts": counted(("en", "de", "ja", "ar"))}
    write(folder, MODULES)
    (folder / "values.json").write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
    return folder


def write(folder, modules):
    for name, text in modules.items():
        (folder / name).write_text(text, encoding="utf-8")


def run(folder, name, tests="."):
    command = [NODE, "--test", f"--test-name-pattern={tests}", str(TESTS / f"{name}.test.js")]
    return subprocess.run(command, env=os.environ | {"EMOJI_VALUES": str(folder)}, capture_output=True, text=True)


@needs_node
@pytest.mark.parametrize("name", sorted(file.name.removesuffix(".test.js") for file in TESTS.glob("*.test.js")))
def test_in_node(folder, name):
    done = run(folder, name)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "# fail 0" in done.stdout and "# pass 0" not in done.stdout


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_links_are_refused_by_the_package_too(wrong):
    with pytest.raises(ValueError):
        read(wrong)


# Changes that break the engine, and the tests that must see them.
BROKEN = {
    "noise without its spread": ("into[j] = u * s;", "into[j] = 0.9 * u * s;", "estimate", "sunglasses"),
    "a root of something else": ("sum -= root[k * count + j]", "sum += root[k * count + j]", "estimate", "sunglasses"),
    "densities of one": ("share / this.width]", "1 / this.width / 48]", "estimate", "medium"),
    "weights that do not add up": ("return 1 / sum;", "return 1.02 / sum;", "estimate", "firefighter"),
    "all of the map but a half": ("(i < k ? 2 : 1)", "1", "estimate", "sunglasses"),
    "fits that count as context": ("if (fits[k]) fitting", "fitting", "estimate", "medium"),
    "a pause that does nothing": ("working.paused = paused", "working.paused = false", "worker", "pause"),
}


@needs_node
@pytest.mark.slow  # seven runs of node
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_engine_is_found(folder, tmp_path, what):
    find, change, file, tests = BROKEN[what]
    shutil.copytree(folder, tmp_path / "broken")
    broken = {name: text.replace(find, change) for name, text in MODULES.items()}
    assert broken != MODULES
    write(tmp_path / "broken", broken)
    done = run(tmp_path / "broken", file, tests)
    assert done.returncode != 0 and "AssertionError" in done.stdout, what
