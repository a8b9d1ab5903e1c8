import torch
from sklearn.mixture import GaussianMixture

from infodecomp import datasets


def test_drawn_follows_the_fit():
    """Mean and covariance of 20,000 points against those of the mixture, and the same points for the same seed."""
    images, _ = datasets.digits()
    fit = GaussianMixture(2, reg_covar=0.1, random_state=0).fit(images.flatten(1)[:, :12].double().numpy())
    points = datasets.drawn(fit, 20_000, seed=3)
    weights, means, covs = (torch.tensor(v) for v in (fit.weights_, fit.means_, fit.covariances_))
    mean = weights @ means
    cov = torch.einsum("k,kij->ij", weights, covs + (means - mean)[:, :, None] * (means - mean)[:, None])
    z = (points.mean(0) - mean) / (cov.diagonal() / 20_000).sqrt()
    assert z.abs().max() < 4.5
    assert (points.T.cov() - cov).abs().max() < 0.05 * cov.diagonal().max()
    assert torch.equal(points, datasets.drawn(fit, 20_000, seed=3))
    assert not torch.equal(points, datasets.drawn(fit, 20_000, seed=4))
