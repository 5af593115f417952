"""The tokenizer of the bundled model: byte-level BPE that always cuts a name the same way.

Every digit, space, punctuation mark and JSON escape stands alone, so that a name has the same
pieces after a space, a quote, a slash or inside JSON, and copying it is copying tokens.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.engine.training import replies
from notebook_agents.engine.training.conversation import (
    CALL_CLOSE,
    CALL_OPEN,
    END,
    RESULT_CLOSE,
    RESULT_OPEN,
    START,
    TOOLS,
    Conversation,
    render,
)  # fmt: skip
from notebook_agents.engine.training.generator import Generator

PADDING = "<|endoftext|>"
SPECIAL = (PADDING, START, END)
TAGS = (CALL_OPEN, CALL_CLOSE, RESULT_OPEN, RESULT_CLOSE)
SCAFFOLD = ('{"name": "', '", "arguments": {"', '"}}', *TOOLS)
"""Texts of every call, one token each."""
CODE = (
    "SELECT * FROM '", "SELECT COUNT(*) FROM '", "SELECT ", ", COUNT(*) FROM '", " FROM '",
    " WHERE ", " GROUP BY ", " ORDER BY 1", " ORDER BY ", " DESC LIMIT ", " ASC LIMIT ", " LIMIT ",
    " HAVING ", "ROUND(AVG(", "ROUND(MEDIAN(", "ROUND(STDDEV(", "), 4)", "SUM(", "MIN(", "MAX(",
    "COUNT(DISTINCT ", "print(round(", ", 6))", ", 4))", "print(len(", "print(", ".groupby('",
    "']['", "'].", ".head(", ".to_csv(index=False))", ".to_csv())",
    "import plotly.express as px\\npx.", "import plotly.express as px\\n",
    "import pandas as pd\\n", "df = pd.read_csv('", "from datetime import date\\nprint(",
    "import math\\nprint(", "import statistics\\nprint(", ".reset_index(), ",
)  # fmt: skip
"""Texts of many queries and programs, one token each: short calls are quick to write."""
REPLIES = tuple(part for reply in replies.FIXED for part in reply.split("{a}"))
"""The fixed sentences, one token each: the model can say them whole or not at all."""

PIECES = r"""\\[nt"\\]|\p{L}+|\p{N}|[^\p{L}\p{N}]"""
"""The cut before BPE; the first alternative keeps `\\nplt` from becoming the letters `nplt`."""

N_ENTRIES = 1024
N_TRAINING_CONVERSATIONS = 15_000


def train_tokenizer(seed: int, n_conversations: int = N_TRAINING_CONVERSATIONS) -> Tokenizer:
    """Train the tokenizer on fresh conversations."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=N_ENTRIES,
        special_tokens=[*SPECIAL, *TAGS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made = islice(Generator(seed), n_conversations)
    tokenizer.train_from_iterator(("".join(p for p, _ in render(c)) for c in made), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    added = (*TAGS, *SCAFFOLD, *CODE, *REPLIES)
    ordinary = [AddedToken(t, special=False, normalized=False) for t in added]
    tokenizer.add_tokens(ordinary)
    return tokenizer


def letter_pieces(tokenizer: Tokenizer) -> tuple[str, ...]:
    """All entries made of ASCII letters; names glued from them make every entry a copy target."""
    known = tokenizer.get_vocab()
    return tuple(sorted(p for p in known if p.isascii() and p.isalpha() and p not in TOOLS))


def encode(tokenizer: Tokenizer, conversation: Conversation) -> tuple[list[int], list[bool]]:
    """The tokens of a conversation and which of them the model has to write."""
    ids: list[int] = []
    written: list[bool] = []
    for text, is_target in render(conversation):
        found = tokenizer.encode(text, add_special_tokens=False).ids
        ids += found
        written += [is_target] * len(found)
    return ids, written


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a run."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def check_sentences(tokenizer: Tokenizer) -> None:
    """Refuse a tokenizer of which a fixed sentence is not one token: no model could say it."""
    for part in REPLIES:
        if part and tokenizer.token_to_id(part) is None:
            raise InvalidRequest(
                f"the model was trained with other fixed sentences, not with {part!r}"
            )
