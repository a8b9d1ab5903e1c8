"""Small real data sets of scikit-learn and scikit-image, as tensors for a denoiser."""

from typing import Any

import torch

from ..checks import refuse, shown, whole


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """scikit-learn's 1,797 handwritten digits: images (1797, 1, 8, 8) in [−1, 1], float32, and labels (1797,) 0–9."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(data.target)


def photograph(name: str = "astronaut", size: int | None = None) -> torch.Tensor:
    """A photograph of scikit-image ("astronaut", "chelsea", "coffee", "rocket", …): (1, 3, h, w) in [−1, 1], float32.

    size: cut the largest square from the middle and shrink it to size × size pixels. Raises ValueError unless name is
    one of the package's colour pictures.
    """
    from skimage import data

    picture = getattr(data, name)() if isinstance(name, str) and name in data.__all__ else None
    if picture is None or getattr(picture, "ndim", 0) != 3:
        raise ValueError(f"name must be a colour photograph in skimage.data, got {shown(name)}")
    image = torch.tensor(picture[..., :3], dtype=torch.float32).permute(2, 0, 1)[None] / 127.5 - 1
    if size is None:
        return image
    size = whole("size", size, 1)
    side = min(image.shape[-2:])
    top, left = ((n - side) // 2 for n in image.shape[-2:])
    square = image[..., top : top + side, left : left + side]
    return torch.nn.functional.interpolate(square, (size, size), mode="bilinear", antialias=True)


def drawn(fit: Any, count: int, seed: int = 0) -> torch.Tensor:
    """Points (count, d) float64 from scikit-learn's GaussianMixture, fitted with full covariances.

    Drawn through a Cholesky factor, unlike its own `sample`: a seed gives the same numbers with any BLAS.
    """
    if not all(hasattr(fit, name) for name in ("weights_", "means_", "covariances_")):
        refuse("fit", "a fitted GaussianMixture of scikit-learn", fit)
    count, seed = whole("count", count, 1), whole("seed", seed, 0)
    weights, means, covs = (torch.tensor(v).double() for v in (fit.weights_, fit.means_, fit.covariances_))
    generator = torch.Generator().manual_seed(seed)
    which = weights.multinomial(count, replacement=True, generator=generator)
    noise = torch.randn(count, means.shape[1], 1, dtype=torch.float64, generator=generator)
    return means[which] + (torch.linalg.cholesky(covs)[which] @ noise)[..., 0]
