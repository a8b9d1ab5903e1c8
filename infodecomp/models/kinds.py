"""What a pipeline says of itself: its network, what that predicts at which log-SNRs, and whether it was distilled."""

from typing import Any

import numpy as np

from ..channel import alpha_bar_to_logsnr
from ..checks import refuse
from .network import FLOW, PREDICTIONS

WHY = "a distilled network is trained to imitate guided samples, not by squared error: its errors are no information"
HINT = "guidance=… or check=False loads it all the same"


def kind(part: Any) -> str:
    """Name of a part's diffusers or transformers class; for a class of another library, that of its base."""
    for base in type(part).__mro__:
        if base.__module__.split(".")[0] in ("diffusers", "transformers"):
            return base.__name__
    return type(part).__name__


def network(pipe: Any) -> Any:
    """The denoising network of a pipeline, None if it has none."""
    return getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)


def marks(pipeline: dict, scheduler: str, config: dict) -> list[str]:
    """What says that a network is distilled: the pipeline's configuration, the scheduler's class, the network's
    configuration."""
    found = []
    if config.get("guidance_embeds"):
        found.append("its network is told a guidance scale (guidance_embeds)")
    if config.get("time_cond_proj_dim") is not None:
        found.append("its network is told a guidance scale (time_cond_proj_dim)")
    if pipeline.get("is_distilled"):
        found.append("the pipeline says is_distilled")
    if scheduler in ("LCMScheduler", "TCDScheduler"):
        found.append(f"its scheduler is {scheduler}")
    return found


def refuse_distilled(found: list[str], guidance: float | None, check: bool = True) -> None:
    """ValueError, if `check`, for marks of a distilled network, unless it takes the guidance scale that is given; and
    for a scale given to a network that takes none."""
    scaled = any("guidance scale" in mark for mark in found)
    if guidance is not None and not scaled:
        refuse("guidance", "None, the network is told no guidance scale", guidance)
    if check and found and not (scaled and guidance is not None):
        raise ValueError(f"name_or_path must lead to a model that is not distilled, {'; '.join(found)}: {WHY} ({HINT})")


def refuse_inputs(net: Any, vae: Any) -> None:
    """ValueError for a UNet that takes more than noisy latents, a time and what its pipeline tells it."""
    config, latent, odd = net.config, vae.config.get("latent_channels"), []
    if "UNet2D" not in type(net).__name__:
        return
    if latent is not None and config.in_channels != latent:
        odd.append(f"{config.in_channels} channels of input")
    if config.get("class_embed_type") is not None or config.get("num_class_embeds") is not None:
        odd.append(f"class_embed_type {config.get('class_embed_type')!r}")
    if config.get("time_embedding_type") == "learned":
        odd.append("time_embedding_type 'learned', which knows no fractional timesteps")
    if odd:
        raise ValueError(f"the network must take pictures, log-SNR and one condition, got {', '.join(odd)}")


def flows(scheduler: Any) -> bool:
    """Whether a scheduler's pictures are (1 − s)·x + s·ε, of flow matching."""
    config = scheduler.config
    declared = config.get("prediction_type") == FLOW or config.get("use_flow_sigmas")
    return bool(declared) or "FlowMatch" in type(scheduler).__name__


def trained_schedule(scheduler: Any) -> tuple[str, np.ndarray]:
    """(prediction type, log-SNRs at timesteps 0, 1, …) that a scheduler of diffusion declares.

    ValueError for another prediction type, for one without alphas_cumprod, and where log-SNRs do not fall.
    """
    prediction, diffusion = scheduler.config.get("prediction_type", "epsilon"), [k for k in PREDICTIONS if k != FLOW]
    if prediction not in diffusion:
        raise ValueError(f"prediction_type must be one of {', '.join(diffusion)}, got {prediction!r}")
    if getattr(scheduler, "alphas_cumprod", None) is None:
        raise ValueError(f"the scheduler must have alphas_cumprod, got {kind(scheduler)}")
    schedule = alpha_bar_to_logsnr(scheduler.alphas_cumprod.cpu()).numpy()
    finite = schedule[np.isfinite(schedule)]  # a schedule rescaled to zero SNR ends at −∞
    if len(finite) < 2 or not (np.diff(schedule) < 0).all():
        raise ValueError("the scheduler's log-SNRs must fall from timestep to timestep, they do not")
    return prediction, schedule
