"""The pass over noise: which noise, how often the denoiser is called, what waits for a device, how much memory."""

import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import infodecomp as idc
from infodecomp import scenes as sc
from infodecomp.estimates.measure import Quantity, measure
from infodecomp.estimates.sampling import Sampling
from infodecomp.noise import BLOCK, DRAWS, balance, draw_logsnr, generator

CAPTION = "the red cat above the blue dog"
EXACT, NET = idc.load("scenes"), idc.load("scenes-net")
IMAGES = [sc.render(scene) for scene in sc.sample(3, seed=4)[0]]
X = EXACT.encode(IMAGES)
GAUSSIAN = idc.exact.Gaussian(torch.zeros(3, 4, 4), torch.linspace(0.1, 2, 48))


class Watched:
    """A denoiser that keeps what it was called with."""

    def __init__(self, denoiser):
        self.denoiser, self.calls = denoiser, []

    def __call__(self, z, logsnr, condition):
        self.calls.append((z, logsnr, condition))
        return self.denoiser(z, logsnr, condition)


# ------------------------------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("batch_size", [None, 7, 100_000])
def test_noise_is_that_of_the_law_and_estimates_are_the_formula(batch_size):
    """Two chunks per image, whatever the batches; every quantity as its definition says, coordinate by coordinate."""
    samples, chunk = 100, BLOCK // 3072 // 2 * 2
    assert chunk == 84
    proposal, watched = EXACT.proposal, Watched(EXACT)
    conditions = [EXACT.condition(None), EXACT.condition(CAPTION)]
    kinds = [("density", 1, None), ("mass", 1, None), ("standard", 1, 0), ("orthogonal", 1, 0)]
    asked = [Quantity(*kind) for kind in kinds]
    pairs, sampling = [(watched, condition) for condition in conditions], Sampling(samples, 5, batch_size=batch_size)
    logsnr, weight, sums = measure(X[:2], pairs, asked, sampling, proposal, DRAWS)
    drawn = draw_logsnr(proposal, 5, DRAWS, range(2), samples // 2)
    assert all(map(torch.equal, drawn, (logsnr, weight)))
    part = lambda i, c, count: torch.randn(count, 12, 16, 16, generator=generator(5, DRAWS, i, c))  # noqa: E731
    noise = torch.stack([torch.cat([part(i, 0, 84), part(i, 1, 16)]) for i in (0, 1)])
    z = idc.channel.add_noise(X[:2].repeat_interleave(samples, 0), logsnr.flatten(), noise.flatten(0, 1))
    seen = {}
    place = {alpha: k for k, alpha in enumerate(logsnr.flatten().float().tolist())}
    assert len(place) == 2 * samples  # which tell the draws apart, in whatever order they come
    for rows, alpha, condition in watched.calls:
        where = torch.tensor([place[a] for a in alpha.tolist()])
        seen.setdefault(condition.data_ptr(), torch.full_like(z, torch.nan))[where] = rows
    assert all(torch.equal(rows, z) for rows in seen.values()) and len(seen) == 2
    guesses = [EXACT(z, logsnr.flatten().float(), condition) for condition in conditions]
    noise = noise.flatten(0, 1).double()
    prior, own = (noise - guess.double() for guess in guesses)
    signal = torch.sigmoid(logsnr.flatten())[:, None, None, None]
    integrands = (
        (own**2 - signal**2 * noise**2 - signal * (1 - signal)) / 2,
        own**2 / 2,
        (prior**2 - own**2) / 2,
        (prior - own) ** 2 / 2,
    )
    for values, found in zip(integrands, sums, strict=True):
        values = values.sum(1).unflatten(0, (2, samples))
        weighted = values * weight[..., None, None]
        assert torch.allclose(found.integrand, values.sum((2, 3)), rtol=1e-9, atol=1e-9)
        assert torch.allclose(found.total, weighted.sum(1), rtol=1e-9, atol=1e-9)
        spread = ((weighted[:, ::2] - weighted[:, 1::2]) ** 2).sum(1) / samples**2
        assert torch.allclose(found.variance, spread, rtol=1e-9, atol=1e-9)


def test_noise_of_an_image_is_keyed():
    pairs, asked = [(EXACT, None), (EXACT, CAPTION)], [Quantity("orthogonal", 1, 0)]
    each = (Sampling(20, items=range(i, 3)) for i in (0, 2))
    whole, last = (measure(X[s.items[0] :], pairs, asked, s, EXACT.proposal, DRAWS)[2][0] for s in each)
    assert torch.allclose(last.integrand, whole.integrand[2:], rtol=1e-9)


def test_one_images_estimate():
    three = idc.nll(EXACT, X, CAPTION, samples=20)
    for one, i in ((three[1], 1), (three[-2], 1), (three[1:2], 1)):
        assert torch.equal(one.nats, three.nats[i : i + 1]) and one.map_stderr.shape == (1, 16, 16)
        assert torch.equal(one.profile.stderr(), one.stderr) and (one - three[1]).nats == 0
    assert len(list(three)) == 3 and torch.equal(three[:2].map, three.map[:2]) and (three - three)[0].map_stderr is None
    with pytest.raises(ValueError, match="difference need"):
        three[0] - three[1]


def test_balanced_noise_is_standard_normal_and_sums_to_zero():
    many = torch.stack(
        [balance(torch.randn(24, 50, generator=torch.Generator().manual_seed(s)), 5) for s in range(400)]
    )
    groups = many.unflatten(1, (-1, 2)).split(5, 1)  # bins 5 + 5 + 2
    assert all(part.sum(1).abs().max() < 1e-5 for part in groups)
    error = (many.numel() / 2) ** -0.5  # of a variance that is 1
    assert many.mean().abs() < 1e-6 and abs(many.var().item() - 1) < 4 * error
    assert abs(many[:, 20:].var().item() - 1) < 4 * error * 6**0.5
    first, second = many[:, ::2], many[:, 1::2]
    assert abs((first * second).mean().item()) < 4 / (many.numel() / 2) ** 0.5
    plain = torch.randn(6, 3)
    assert torch.equal(balance(plain.clone(), 1), plain)


def joint(d, rows):
    """d pairs of correlation 0.8: denoiser, x, condition on their partners, and the true pointwise information."""
    cov = torch.eye(2 * d, dtype=torch.float64)
    cov[range(d), range(d, 2 * d)] = cov[range(d, 2 * d), range(d)] = 0.8
    both = torch.randn(rows, 2 * d, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    both = both @ torch.linalg.cholesky(cov).T
    model = idc.exact.JointGaussian(torch.zeros(2 * d), cov, d)
    x, y = both[:, :d], (both[:, d:], torch.ones(rows, d, dtype=torch.bool))
    return model, x, y, model.log_prob(x, y) - model.log_prob(x)


def test_balanced_noise_is_unbiased_and_its_standard_error_covers(accept):
    model, x, y, truth = joint(4, 400)
    options = {"noise": "balanced", "samples": 600, "seed": 3}
    accept(idc.pointwise_information(model, x, y, kind="standard", **options), truth)
    accept(idc.nll(model, x, y, **options), -model.log_prob(x, y))


def test_balanced_noise_saves_samples():
    """16 pairs that count alike: what is linear in the noise was most of it (means of 400 images' squared errors)."""
    model, x, y, truth = joint(16, 400)
    errors = {}
    for noise in ("plain", "balanced"):
        found = idc.pointwise_information(model, x, y, kind="standard", noise=noise, samples=100)
        errors[noise] = (found.nats - truth).square()
        ratio = found.profile.spread()[0].square().mean() / errors[noise].mean()  # it knows how good it is
        assert abs(ratio.item() - 1) < 4 * (2 / 400 + 2 / (400 * 25)) ** 0.5
    assert errors["balanced"].mean() < 0.6 * errors["plain"].mean()


@pytest.mark.parametrize("batch_size", [3, 7, 64])
def test_balanced_noise_in_any_batches(batch_size):
    whole, parts = (
        idc.word_maps(EXACT, IMAGES[0], CAPTION, ["red"], noise="balanced", samples=104, batch_size=b).cmi[0]
        for b in (None, batch_size)
    )
    for name in ("nats", "stderr", "map", "map_stderr"):
        assert torch.allclose(getattr(whole, name), getattr(parts, name), rtol=1e-5, atol=1e-9)
    assert torch.equal(whole[0].profile.stderr(), whole.stderr) and whole.profile.group == 2
    with pytest.raises(ValueError, match="difference need"):
        whole - idc.pointwise_information(EXACT, X[:1], CAPTION, "the cat above the blue dog", samples=104)
    with pytest.raises(ValueError, match="noise must be"):
        idc.nll(EXACT, X, noise="quiet")
    with pytest.raises(ValueError, match="noise must be"):
        idc.pointwise_information(EXACT, X[:1], CAPTION, idc.scenes.alternatives(CAPTION, "red"), noise="balanced")


# --------------------------------------------------------------------------------------- evaluations, checks, memory


def test_conditions_that_are_equal_are_evaluated_once():
    encoded = EXACT.condition(CAPTION)
    same = [CAPTION, encoded, encoded.clone(), [CAPTION], None, "", "the red cat above the dog"]
    watched = Watched(EXACT)
    watched.encode, watched.condition = EXACT.encode, EXACT.condition
    found = idc.compare(watched, X[:1], same, samples=10, proposal=EXACT.proposal)
    assert sum(len(z) for z, *_ in watched.calls) == 3 * 10
    alone = idc.compare(EXACT, X[:1], [CAPTION, None], samples=10)
    assert torch.allclose(found.information(2, 4).nats, alone.information(0, 1).nats, rtol=1e-9)
    assert (found.information(0, 1).nats == 0).all() and torch.equal(found.nll(3).nats, found.nll(0).nats)


def test_conditions_that_are_not_equal_are_not_taken_for_it():
    watched = Watched(lambda z, logsnr, condition: z)
    some = [torch.tensor([1, 2]), torch.tensor([1.0, 2.0]), torch.tensor([2, 1]), ["a", "b"], ["b", "a"], "a", None, ""]
    pairs = [(torch.tensor([1, 2]), ["a", "b"]), (torch.tensor([1, 2]), ["a", "c"])]
    idc.compare(watched, torch.zeros(2, 3), [*some, *pairs], samples=2)
    assert len(watched.calls) == 10


def test_a_words_maps_evaluate_each_text_once(monkeypatch):
    rows = []
    solve = EXACT._rows_at_once
    monkeypatch.setattr(EXACT, "_rows_at_once", lambda z, *args: rows.append(len(z)) or solve(z, *args))
    maps = idc.word_maps(EXACT, IMAGES[0], CAPTION, samples=10)
    assert len(maps.words) == 7 and sum(rows) == 10 * (2 * 7 + 2 - 2)  # "the" twice, and to the world it is no word


class Waits(TorchDispatchMode):
    """Counts operations that make the host wait for a device."""

    NAMES = ("_local_scalar_dense", "item", "is_nonzero", "nonzero", "equal", "masked_select", "unique")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        for name in ("tolist", "cpu"):  # of a tensor on a CPU they dispatch nothing
            self.patch.setattr(torch.Tensor, name, self._counted(getattr(torch.Tensor, name)))
        return super().__enter__()

    def __exit__(self, *error):
        self.patch.undo()
        return super().__exit__(*error)

    def _counted(self, function):
        def counted(tensor):
            self.count += 1
            return function(tensor)

        return counted

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function.name().removeprefix("aten::").split(".")[0] in self.NAMES
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("model", [EXACT, NET, GAUSSIAN], ids=["exact", "network", "gaussian"])
def test_nothing_waits_for_the_device_inside_the_loop(model, monkeypatch):
    EXACT.expect([None])
    monkeypatch.setattr(EXACT, "expect", lambda conditions: None)  # what is shared is compared, on a CPU only
    x = X[:2] if hasattr(model, "encode") else torch.zeros(2, 3, 4, 4)
    conditions = [None, CAPTION, ["the red cat above the dog", CAPTION]] if hasattr(model, "encode") else [None]
    counts = []
    for samples in (2, 12):
        with Waits() as waits:
            idc.compare(model, x, conditions, samples=samples, batch_size=2)
        counts.append(waits.count)
    assert counts[0] == counts[1] > 0


def test_a_callable_with_encode_alone_is_no_model():
    class Wrapper:
        condition = "a picture of"

        def encode(self, image):
            return image

        def __call__(self, z, logsnr, condition):
            return z * 0.5 if condition == "x" else z * 0.1

    assert idc.pointwise_information(Wrapper(), torch.ones(1, 3), "x", samples=4).nats > 0


def test_flow_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite numbers"):
        idc.flow.to_noise(lambda z, logsnr, c: z * torch.nan, torch.ones(1, 3), range=(-4.0, 4.0), steps=2)


def test_nan_is_found_in_the_first_call_at_once_and_in_others_at_the_end():
    calls = []

    def denoiser(z, logsnr, condition, bad=0):
        calls.append(len(z))
        return z * torch.nan if len(calls) == bad + 1 else z

    for bad in (0, 3, 9):
        calls.clear()
        with pytest.raises(ValueError, match="finite numbers, got NaN"):
            idc.nll(lambda *a, bad=bad: denoiser(*a, bad=bad), torch.zeros(1, 3), samples=20, batch_size=2)
        assert len(calls) == (10 if bad else 1)


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError("full"), RuntimeError("MPS backend out of memory")])
@pytest.mark.parametrize("most", [1, 3, 20])
def test_batches_are_halved_when_memory_runs_out(most, error):
    sizes = []

    def small(z, logsnr, condition):
        sizes.append(len(z))
        if len(z) > most:
            raise error
        return GAUSSIAN(z, logsnr)

    x = torch.ones(5, 3, 4, 4)
    found, whole = idc.nll(small, x, samples=20, proposal=GAUSSIAN.proposal), idc.nll(GAUSSIAN, x, samples=20)
    for name in ("nats", "stderr", "map", "map_stderr"):
        assert torch.allclose(getattr(found, name), getattr(whole, name), rtol=1e-9, atol=1e-12)
    assert sum(size > most for size in sizes) <= 7 and sum(size for size in sizes if size <= most) == 100
    sizes.clear()
    idc.nll(small, x, samples=20, proposal=GAUSSIAN.proposal)
    assert max(sizes) <= most  # it is remembered
    idc.nll(small, x, samples=20, proposal=GAUSSIAN.proposal, batch_size=40)
    assert max(sizes) == 40  # unless the caller asks for more
    alternatives = idc.Alternatives([None, "a"])
    some = {"samples": 8, "proposal": GAUSSIAN.proposal}
    found = idc.pointwise_information(small, x, "a", alternatives, **some)
    assert torch.equal(found.nats, torch.zeros(5))


def test_other_errors_and_one_row_without_memory_are_raised():
    sizes = []

    def fails(z, logsnr, condition):
        sizes.append(len(z))
        raise RuntimeError(condition)

    for says, expected in (("no kernel", [8]), ("CUBLAS_STATUS_ALLOC_FAILED", [8, 4, 2, 1])):
        sizes.clear()
        with pytest.raises(RuntimeError, match=says):
            idc.nll(fails, torch.zeros(2, 3), says, samples=4)
        assert sizes == expected


PEAK = """
import re, torch, infodecomp as idc
denoiser, x = lambda z, logsnr, condition: 0.9 * z, torch.zeros(2, 4, 64, 64)
denoiser.logsnr_range = (-5.0, 7.0)
for samples in (1000, 1000, 4000):
    idc.pointwise_information(denoiser, x, "a", "b", samples=samples)
    print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])  # ru_maxrss includes the parent's
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_samples():
    """3,000 draws more of this noise are 393 MB in float32; a draw's integrand, log-SNR and weight are 24 bytes."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PEAK], stdout=subprocess.PIPE, text=True, check=True)
    _, before, after = map(int, done.stdout.split())
    assert after - before < 50_000
