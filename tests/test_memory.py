"""Memory that runs out: calls with fewer rows, the same numbers, and what fits is remembered for the model."""

import pytest
import torch

import infodecomp as idc
from infodecomp.attention import attention_maps
from infodecomp.calls import FITS, Evaluations
from infodecomp.flow import from_noise, to_noise


class Full:
    """A device with room for `room` rows, around a denoiser; `calls`: the rows of each call."""

    def __init__(self, inner, room=3):
        self.inner, self.room, self.calls = inner, room, []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __call__(self, z, logsnr, condition):
        self.calls.append(len(z))
        if len(z) > self.room:
            raise RuntimeError("CUDA out of memory")
        return self.inner(z, logsnr, condition)


MIXTURE = idc.exact.GaussianMixture([1.0, 2.0], torch.tensor([[0.0, 1.0], [2.0, 0.0]]), [0.5, 0.2])
X = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.rand(8, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("condition", [None, WEIGHTS, WEIGHTS[:1]])
@pytest.mark.parametrize("carry", [to_noise, from_noise])
def test_the_flow_sends_as_many_pictures_as_fit(carry, condition):
    full = Full(MIXTURE)
    found = carry(full, X, condition, steps=3, range=(-5.0, 5.0))
    assert torch.allclose(found, carry(MIXTURE, X, condition, steps=3, range=(-5.0, 5.0)), atol=1e-6)
    assert full.calls[:3] == [8, 4, 2] and set(full.calls[3:]) == {2} and FITS[full] == 4
    full.calls.clear()
    idc.nll(full, X, samples=4)
    assert set(full.calls) == {2}  # remembered for the model


def test_pictures_are_made_as_they_fit():
    model = idc.load("scenes-net")
    texts, inner, calls = ["the red cat", "the blue dog", "the red owl"], type(model).__call__, []
    FITS[model] = 1  # one by one from the beginning; rows together would differ in rounding
    expected = model.generate(texts, steps=1)
    del FITS[model]

    class Small(type(model)):
        def __call__(self, z, logsnr, condition=None):
            calls.append(len(z))
            if len(z) > 1:
                raise RuntimeError("out of memory")
            return inner(self, z, logsnr, condition)

    model.__class__ = Small
    assert all(
        one.tobytes() == other.tobytes() for one, other in zip(model.generate(texts, steps=1), expected, strict=True)
    )
    assert calls[0] == 3 and set(calls[1:]) == {1}


def test_attention_runs_out_once():
    full = Full(idc.load("scenes-net"), room=4)
    x = torch.randn(1, 12, 16, 16, generator=torch.Generator().manual_seed(0))
    for first in (16, 4):
        full.calls.clear()
        found = attention_maps(full, x, "the red cat", samples=16)
        assert full.calls[0] == first and max(full.calls[2:]) == 4
    assert torch.allclose(found, attention_maps(full.inner, x, "the red cat", samples=16), atol=1e-6)


def test_rows_begin_with_the_memory_that_is_free(monkeypatch):
    class There:
        """An x on a device with little memory."""

        device = torch.device("cuda", 0)

        def __getitem__(self, _):
            return torch.zeros(4, 64, 64)

    for free, rows in ((2**31, 16), (2**36, 64), (1, 1)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 2**40))
        assert Evaluations(lambda z, a, c: z, There()).rows == rows
