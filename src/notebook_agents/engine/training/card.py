"""Writes the model card of an exported folder from its training record and its evaluation."""

# The card is text for readers, with lines of its own.
# ruff: noqa: E501

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from notebook_agents.engine.training import generator
from notebook_agents.engine.training.export import MODEL_ID
from notebook_agents.engine.training.replies import IDENTITY
from notebook_agents.engine.training.trainer import RECORD

_CARD = """---
license: bsd-3-clause
language: en
library_name: transformers
pipeline_tag: text-generation
---

# {model_id}

The tiny model inside `notebook-agents`: it turns simple English requests into calls of four tools
(`python_executor`, `database_query`, `file_reader`, `list_files`) and copies their results into a
sentence. It is **not a general language model**. What it says about itself:

> {identity}

| | |
|---|---|
| date | {day} |
| architecture | Qwen3, width {width}, {layers} layers, {heads} heads, tied embeddings |
| parameters | {parameters:,} |
| training data | synthetic conversations of the project's own generator, version {version}, seed {seed} |
| tokens | {tokens:,} ({targets:,} of them written by the assistant), no conversation repeated |
| hardware | {hardware} |
| time | {minutes:.0f} minutes |
| licence | BSD-3-Clause |

No other model and no downloaded text was used. The generator was widened twice during the run
({note}); patterns that were held out stayed held out.

## Use

The folder loads with `AutoModelForCausalLM` and `AutoTokenizer`. The chat template takes OpenAI-style
messages and tools, writes only the *names* of the tools, and keeps of system messages only lines that
begin with `Dataframes: ` (`df(price, qty); logs(host, latency)`) or `Files: ` (`data/a.csv, notes.txt`).
Decode greedily up to `<|im_end|>` and keep the special tokens; a call stands between `<tool_call>` and
`</tool_call>`.

## Limits

- English only, short requests only. It knows the words of its training phrasings; an unknown synonym is
  noise to it. See the rows of held-out phrasings below.
- It can misread a request and give a wrong number with confidence. Show the call and the raw result.
- Names of tools other than the four above are unknown to it.
- Trained on conversations of up to {longest:,} tokens (2,048 positions): results should be cut to 20 rows
  and about 1,500 characters.
- It refuses questions about the world; a refusal can also be a misunderstanding.
- Column names of several words are often cut to their first word, long error messages confuse it, and a
  text it does not understand can lead to a needless call or to garbled text (*invention* below counts
  any reply that is neither a call nor one of its fixed sentences).

## Measured on own synthetic data

All numbers are per cent, greedy decoding, measured on the exported bfloat16 weights (computed in float32)
with seeds that training never used. *train* means training phrasings and names, *vocabulary* training
phrasings with held-out names, *templates* held-out phrasings with held-out names. *end to end* means that
the calls were executed and the answer contains every value of the result. The hand-written requests come
from the author of the phrasings, who saw the failures of an interim checkpoint on them and widened the
context lines of the generator after that: they are demos, not a blind test.

{tables}"""


def write_card(model: Path, evaluation: Path, *, day: date, hardware: str, note: str) -> None:
    """Write `README.md` into the model folder."""
    record = json.loads((model / RECORD).read_text(encoding="utf-8"))
    tables = (evaluation / "evaluation.md").read_text(encoding="utf-8")
    text = _CARD.format(
        model_id=MODEL_ID,
        identity=IDENTITY,
        day=day.isoformat(),
        version=generator.VERSION,
        hardware=hardware,
        note=note,
        tables=tables,
        **_facts(record),
    )
    (model / "README.md").write_text(text, encoding="utf-8")


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    plan, progress = record["plan"], record["progress"]
    return {
        **{name: plan[name] for name in ("width", "layers", "heads", "seed", "longest")},
        "parameters": record["parameters"],
        "tokens": progress["tokens"],
        "targets": progress["targets"],
        "minutes": progress["seconds"] / 60,
    }
