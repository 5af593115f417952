"""A model that turns texts into vectors: a BERT encoder and the mean over its tokens.

Source: the modules of sentence-transformers/all-MiniLM-L6-v2 (Transformer, mean pooling,
normalization).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer

DEFAULT_TOKENS = 256


class Encoder:
    """The model in memory; used from one thread at a time."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        settings = folder / "sentence_bert_config.json"
        told = json.loads(settings.read_text("utf-8")) if settings.is_file() else {}
        self._max_tokens = int(told.get("max_seq_length", DEFAULT_TOKENS))
        self._device = device
        self._tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
        self._model = model.eval().to(device)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text; of a long one its first tokens count."""
        batch = self._tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self._max_tokens,
            return_tensors="pt",
        ).to(self._device)
        hidden = self._model(**batch).last_hidden_state  # [batch, seq, width]
        mask = batch["attention_mask"].unsqueeze(-1)  # [batch, seq, 1]
        means = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)  # [batch, width]
        vectors: list[list[float]] = normalize(means, dim=1).tolist()
        return vectors
