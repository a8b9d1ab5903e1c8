"""Text-to-image pipelines of 14 classes of diffusers, tiny, with random weights: built from their configuration."""

import diffusers as d
import torch
import transformers as t
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from infodecomp.scenes.parts import make_tokenizer

SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PLAIN = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
CLIP = make_tokenizer()
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{m['role']}}\n{% if m['content'] is string %}{{m['content']}}{% else %}"
    "{% for c in m['content'] %}{{c['text']}}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer(longest=77, extra=()):
    """Each byte is a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<pad>", "</s>", "<unk>", *extra, *alphabet])}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    found = t.PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=longest, additional_special_tokens=list(extra), **names
    )
    found.chat_template = TEMPLATE
    return found


CHAT = ("<|im_start|>", "<|im_end|>")


def clip(projected=False, width=32):
    sizes = {"hidden_size": width, "intermediate_size": 37, "num_hidden_layers": 3, "num_attention_heads": 4}
    ids = {"bos_token_id": CLIP.bos_token_id, "eos_token_id": CLIP.eos_token_id, "pad_token_id": 1}
    config = t.CLIPTextConfig(vocab_size=len(CLIP), max_position_embeddings=24, projection_dim=width, **sizes, **ids)
    return (t.CLIPTextModelWithProjection if projected else t.CLIPTextModel)(config)


def t5(kind="T5"):
    sizes = {"vocab_size": 300, "d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}
    return getattr(t, f"{kind}EncoderModel")(getattr(t, f"{kind}Config")(**sizes))


def small(config, **changes):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    heads = {"num_key_value_heads": 2, "head_dim": 8, "vocab_size": 400, "max_position_embeddings": 2048}
    return config(**sizes | heads | changes)


def vae(channels=4, blocks=2, **changes):
    return d.AutoencoderKL(
        block_out_channels=(8, 16, 16, 16)[:blocks],
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        latent_channels=channels,
        norm_num_groups=4,
        layers_per_block=1,
        **changes,
    )


def unet(width=32, channels=4, **changes):
    return d.UNet2DConditionModel(
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=16,
        in_channels=channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=4,
        use_linear_projection=True,
        **changes,
    )


def stable_diffusion(kind=d.StableDiffusionPipeline, scheduler=None, **changes):
    scheduler = scheduler or d.PNDMScheduler(skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1, **SD_BETAS)
    parts = {"vae": vae(scaling_factor=0.18215), "text_encoder": clip(), "tokenizer": CLIP}
    return kind(**parts, unet=unet(**changes), scheduler=scheduler, **PLAIN)


def sdxl(**changes):
    embedded = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    net = unet(64, projection_class_embeddings_input_dim=80, transformer_layers_per_block=(1, 2), **embedded, **changes)
    texts = {"text_encoder": clip(), "text_encoder_2": clip(True), "tokenizer": CLIP, "tokenizer_2": CLIP}
    scheduler = d.EulerDiscreteScheduler(timestep_spacing="leading", steps_offset=1, **SD_BETAS)
    latents = vae(scaling_factor=0.13025, force_upcast=True)
    return d.StableDiffusionXLPipeline(vae=latents, unet=net, scheduler=scheduler, **texts)


def sd3():
    net = d.SD3Transformer2DModel(
        sample_size=16,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    )
    texts = {"text_encoder": clip(True), "text_encoder_2": clip(True), "text_encoder_3": t5()}
    texts |= {"tokenizer": CLIP, "tokenizer_2": CLIP, "tokenizer_3": byte_tokenizer()}
    scheduler, latents = d.FlowMatchEulerDiscreteScheduler(shift=3.0), vae(scaling_factor=1.5305, shift_factor=0.0609)
    return d.StableDiffusion3Pipeline(transformer=net, scheduler=scheduler, vae=latents, **texts)


def flux(guidance=False):
    net = d.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guidance,
    )
    texts = {"text_encoder": clip(), "tokenizer": CLIP, "text_encoder_2": t5(), "tokenizer_2": byte_tokenizer()}
    scheduler = d.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    pipe = d.FluxPipeline(
        transformer=net, scheduler=scheduler, vae=vae(scaling_factor=0.3611, shift_factor=0.1159), **texts
    )
    pipe.default_sample_size = 16
    return pipe


def flux2_klein():
    net = d.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    latents = d.AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    latents.bn.running_mean.normal_()
    latents.bn.running_var.uniform_(0.5, 2)
    text = t.Qwen3ForCausalLM(small(t.Qwen3Config, num_hidden_layers=28))
    scheduler = d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    texts = {"text_encoder": text, "tokenizer": byte_tokenizer(512, CHAT)}
    return d.Flux2KleinPipeline(transformer=net, vae=latents, scheduler=scheduler, is_distilled=False, **texts)


def chroma():
    net = d.ChromaTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=8,
        approximator_hidden_dim=16,
        approximator_layers=1,
    )
    texts = {"text_encoder": t5(), "tokenizer": byte_tokenizer()}
    latents = vae(scaling_factor=0.3611, shift_factor=0.1159)
    pipe = d.ChromaPipeline(transformer=net, vae=latents, scheduler=d.FlowMatchEulerDiscreteScheduler(), **texts)
    pipe.default_sample_size = 16
    return pipe


def pixart_sigma():
    net = d.PixArtTransformer2DModel(
        sample_size=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=32,
        cross_attention_dim=32,
        use_additional_conditions=False,
    )
    scheduler = d.DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear")
    texts = {"text_encoder": t5(), "tokenizer": byte_tokenizer()}
    return d.PixArtSigmaPipeline(transformer=net, vae=vae(scaling_factor=0.13025), scheduler=scheduler, **texts)


def sana():
    net = d.SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=16,
    )
    latents = d.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        scaling_factor=0.41407,
    )
    text = t.Gemma2Model(small(t.Gemma2Config, num_hidden_layers=1))
    scheduler = d.DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    texts = {"text_encoder": text, "tokenizer": byte_tokenizer(300)}
    return d.SanaPipeline(transformer=net, vae=latents, scheduler=scheduler, **texts)


def z_image():
    net = d.ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    texts = {"text_encoder": t.Qwen3Model(small(t.Qwen3Config)), "tokenizer": byte_tokenizer(512, CHAT)}
    latents = vae(channels=16, scaling_factor=0.3611, shift_factor=0.1159)
    return d.ZImagePipeline(
        transformer=net, vae=latents, scheduler=d.FlowMatchEulerDiscreteScheduler(shift=3.0), **texts
    )


def qwen_image():
    net = d.QwenImageTransformer2DModel(
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=3,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
    )
    latents = d.AutoencoderKLQwenImage(
        base_dim=24,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.1] * 4,
        latents_std=[1.5] * 4,
    )
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default", "rope_theta": 1e6}
    words = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    words |= {"num_key_value_heads": 2, "rope_parameters": rope, "vocab_size": 400}
    words |= {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    seen = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    ids = {"vision_end_token_id": 3, "vision_start_token_id": 3, "vision_token_id": 3}
    config = t.Qwen2_5_VLConfig(text_config=words, vision_config=seen, hidden_size=16, vocab_size=400, **ids)
    texts = {"text_encoder": t.Qwen2_5_VLForConditionalGeneration(config), "tokenizer": byte_tokenizer(2048, CHAT)}
    shifts = {"base_shift": 0.5, "max_shift": 0.9, "base_image_seq_len": 256, "max_image_seq_len": 8192}
    scheduler = d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02, **shifts)
    return d.QwenImagePipeline(transformer=net, vae=latents, scheduler=scheduler, **texts)


def lumina2():
    net = d.Lumina2Transformer2DModel(
        sample_size=16,
        in_channels=4,
        hidden_size=24,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=2,
        axes_dim_rope=[4, 2, 2],
        axes_lens=[300, 128, 128],
        cap_feat_dim=16,
    )
    text = t.Gemma2Model(small(t.Gemma2Config, sliding_window=2))
    latents = vae(blocks=4, scaling_factor=0.3611, shift_factor=0.1159)
    texts = {"text_encoder": text, "tokenizer": byte_tokenizer(256)}
    return d.Lumina2Pipeline(
        transformer=net, vae=latents, scheduler=d.FlowMatchEulerDiscreteScheduler(shift=6.0), **texts
    )


def aura_flow():
    net = d.AuraFlowTransformer2DModel(
        sample_size=16,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pos_embed_max_size=256,
    )
    scheduler, texts = d.FlowMatchEulerDiscreteScheduler(shift=1.73), {"tokenizer": byte_tokenizer()}
    texts["text_encoder"] = t5("UMT5")
    return d.AuraFlowPipeline(transformer=net, vae=vae(scaling_factor=0.13025), scheduler=scheduler, **texts)


def cogview4():
    net = d.CogView4Transformer2DModel(
        in_channels=4,
        num_layers=2,
        attention_head_dim=4,
        num_attention_heads=4,
        out_channels=4,
        text_embed_dim=16,
        time_embed_dim=8,
        condition_dim=4,
    )
    text = t.GlmModel(small(t.GlmConfig, pad_token_id=0))
    shifts = {"base_shift": 0.25, "max_shift": 0.75, "base_image_seq_len": 256, "time_shift_type": "linear"}
    scheduler = d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, **shifts)
    latents, texts = vae(scaling_factor=0.3611, shift_factor=0.1), {"tokenizer": byte_tokenizer(1024)}
    return d.CogView4Pipeline(transformer=net, vae=latents, scheduler=scheduler, text_encoder=text, **texts)


def hunyuan_dit():
    net = d.HunyuanDiT2DModel(
        sample_size=16,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        in_channels=4,
        cross_attention_dim=32,
        cross_attention_dim_t5=32,
        pooled_projection_dim=16,
        hidden_size=24,
        activation_fn="gelu-approximate",
        text_len=77,
        text_len_t5=256,
    )
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37}
    texts = {"text_encoder": t.BertModel(t.BertConfig(vocab_size=300, **sizes)), "tokenizer": byte_tokenizer(77)}
    texts |= {"text_encoder_2": t5(), "tokenizer_2": byte_tokenizer(256)}
    betas = {"beta_start": 0.00085, "beta_end": 0.018, "beta_schedule": "scaled_linear"}
    scheduler = d.DDPMScheduler(prediction_type="v_prediction", steps_offset=1, **betas)
    latents = vae(blocks=4, scaling_factor=0.13025)
    return d.HunyuanDiTPipeline(transformer=net, vae=latents, scheduler=scheduler, **texts, **PLAIN)


FLUXES = [flux, flux2_klein, chroma]
MAKERS = [stable_diffusion, sdxl, sd3, *FLUXES, pixart_sigma, sana, z_image, qwen_image, lumina2, aura_flow]
ALL = {make.__name__: make for make in [*MAKERS, cogview4, hunyuan_dit]}


def pipeline(name, **changes):
    """A pipeline of ALL; no weight of its network is zero, which would prove nothing."""
    torch.manual_seed(0)
    pipe = ALL[name](**changes)
    net = getattr(pipe, "unet", None) or pipe.transformer
    with torch.no_grad():
        for weights in net.parameters():
            if not weights.any():
                weights.normal_(0, 0.1)
    return pipe
