"""Writes a trained checkpoint as a standard transformers model folder.

The folder loads with `AutoModelForCausalLM` and `AutoTokenizer` and needs no code of ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from notebook_agents.engine.training import replies
from notebook_agents.engine.training.conversation import END
from notebook_agents.engine.training.model import Shape, TinyModel
from notebook_agents.engine.training.plan import CHECKPOINT, RECORD
from notebook_agents.engine.training.tokenizer import PADDING, check_sentences, load_tokenizer

MODEL_ID = "notebook-agents/tiny"
BUNDLED = Path(__file__).parents[1] / "bundled"
"""The folder of the model that the product ships."""
REPLIES = "replies.json"
"""What the model may say without a tool result; the engine holds it to that."""
EVALUATION = "evaluation.json"
"""The measured tables of the card, as data."""
TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def export(run_folder: Path, output: Path) -> None:
    """Write weights (bfloat16), configuration, tokenizer and chat template."""
    tokenizer = load_tokenizer(run_folder)
    check_sentences(tokenizer)
    output.mkdir(parents=True, exist_ok=True)
    model = transformers_model(load_checkpoint(run_folder), tokenizer)
    model.to(torch.bfloat16).save_pretrained(output)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PADDING,
        clean_up_tokenization_spaces=False,
        model_max_length=model.config.max_position_embeddings,
    )
    fast.chat_template = TEMPLATE.read_text(encoding="utf-8")
    fast.save_pretrained(output)
    record = json.loads((run_folder / RECORD).read_text(encoding="utf-8"))
    record["parameters"] = model.num_parameters()
    said = json.dumps(replies.SAID, indent=1, ensure_ascii=False) + "\n"
    (output / REPLIES).write_text(said, encoding="utf-8")
    for file in output.iterdir():
        file.chmod(0o644)
    (output / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load_checkpoint(run_folder: Path) -> TinyModel:
    """Read the last checkpoint of a run."""
    state = torch.load(run_folder / CHECKPOINT, weights_only=True)
    model = TinyModel(Shape(**state["shape"]))
    model.load_state_dict(state["model"])
    return model.eval()


def transformers_model(model: TinyModel, tokenizer: Tokenizer) -> Any:
    """The same network as `Qwen3ForCausalLM`, with greedy decoding up to the end of the turn."""
    shape, end = model.shape, tokenizer.token_to_id(END)
    padding = tokenizer.token_to_id(PADDING)
    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=shape.head_width,
        max_position_embeddings=shape.positions,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
        rms_norm_eps=shape.epsilon,
        tie_word_embeddings=True,
        attention_bias=False,
        use_sliding_window=False,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=padding,
    )
    twin = Qwen3ForCausalLM(config).eval()
    missing, unexpected = twin.load_state_dict(model.state_dict(), strict=False)
    assert set(missing) <= {"lm_head.weight"}
    assert not unexpected
    twin.tie_weights()
    settings = twin.generation_config
    settings.do_sample, settings.max_new_tokens = False, 512
    settings.eos_token_id, settings.pad_token_id = end, padding
    return twin
