"""Writes the model card of an exported folder from its training record and its evaluation."""

# The card is text for readers, with lines of its own.
# ruff: noqa: E501

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from notebook_agents.engine.training.export import EVALUATION, MODEL_ID
from notebook_agents.engine.training.plan import RECORD
from notebook_agents.engine.training.pools import all_pools
from notebook_agents.engine.training.replies import IDENTITY

_CARD = """---
license: bsd-3-clause
language: en
library_name: transformers
pipeline_tag: text-generation
---

# {model_id}

The tiny model inside `notebook-agents`: it turns simple English requests into calls of five tools
(`python_executor`, `database_query`, `file_reader`, `list_files`, `inspect_variable`) and copies their
results into a sentence. It is **not a general language model**. What it says about itself:

> {identity}

| | |
|---|---|
| date | {day} |
| architecture | Qwen3, width {width}, {layers} layers, {heads} heads, tied embeddings |
| parameters | {parameters:,} |
| training data | synthetic conversations of the project's own generator, version {version}, seed {seed} |
| phrasings | {n_train:,} patterns in {n_pools} pools for training, {n_held:,} patterns held out for evaluation |
| tokens | {tokens:,} ({targets:,} of them written by the assistant), no conversation repeated |
| hardware | {hardware} |
| time | {minutes:.0f} minutes |
| licence | BSD-3-Clause |

No other model and no downloaded text was used. {note}

## Use

The folder loads with `AutoModelForCausalLM` and `AutoTokenizer`. The chat template takes OpenAI-style
messages and tools, writes only the *names* of the tools, and keeps of system messages only lines that
begin with `Dataframes: ` (`df(price, qty); logs(host, latency)`) or `Files: `
(`data/a.csv(price, qty); notes.txt`). Decode greedily up to `<|im_end|>` and keep the special tokens; a
call stands between `<tool_call>` and `</tool_call>`. Some long texts of calls and all fixed sentences are
single tokens. `replies.json` has what it may say without a tool result.

## Limits

- English only, short requests only. It knows the words of its training phrasings; an unknown synonym is
  noise to it. See the rows of held-out phrasings and of natural requests below.
- It can misread a request and give a wrong number with confidence. Show the call and the raw result.
- Names of tools other than the five above are unknown to it.
- Trained on conversations of up to {longest:,} tokens (2,048 positions): results should be cut to 20 rows
  and about 1,500 characters.
- It refuses questions about the world; a refusal can also be a misunderstanding.

## Measured on own synthetic data

All numbers are per cent, greedy decoding, with seeds that training never used. *train* means training
phrasings and names, *vocabulary* training phrasings with held-out names, *templates* held-out names and
held-out phrasings throughout: pools of phrasings give only patterns that training never saw (until
version 3 of the data six of ten of them, so older numbers of that split are kinder). The exact matches are
teacher-forced on the exported bfloat16 weights (computed in float32); of a conversation with several
requests all context lines are shown, of one request those that the product would show. Everything else
went through the product as shipped: its engine, guard rails, parser, tools and sandbox. *end to end* means
that the calls were executed, gave what the reference calls give (numbers to three places), and that the
answer has every value of the result, in its order and nothing after them; a reply without a call, and one
about a figure, is the reference word by word. Conversations whose results no tool gives again (made-up
failures and variables, the clock) are only among the exact matches. *copying* asks for paths, columns and
numbers with held-out names and looks whether the call has them unchanged.

The *natural requests* were written by two people who had not seen the phrasings; some of the writers of the
phrasings saw a few dozen of them by accident (mostly calculations of the second set), and two rules of the
runtime were compared on them, so that set is not perfectly blind. They are right when the answer has the
expected values, whichever way it came to them. The *demo requests* come from the author of the first
phrasings and are no blind test. Of requests outside the domain, *invention* counts any reply that is neither
a call nor a fixed sentence: the runtime allows no other before a call. A *needless call* is one that nobody
asked for, and a *needless result* one whose result was then told, call and result shown as always: true as
a result, and no answer to what was asked.

{tables}"""


def write_card(model: Path, evaluation: Path, *, day: date, hardware: str, note: str) -> None:
    """Write `README.md` and the measured tables as data into the model folder."""
    record = json.loads((model / RECORD).read_text(encoding="utf-8"))
    tables = (evaluation / "evaluation.md").read_text(encoding="utf-8")
    measured = json.loads((evaluation / EVALUATION).read_text(encoding="utf-8"))["tables"]
    shares = json.dumps(measured, indent=1) + "\n"
    (model / EVALUATION).write_text(shares, encoding="utf-8")
    text = _CARD.format(
        model_id=MODEL_ID,
        identity=IDENTITY,
        day=day.isoformat(),
        hardware=hardware,
        note=note,
        tables=tables,
        **_phrasings(),
        **_facts(record),
    )
    (model / "README.md").write_text(text, encoding="utf-8")


def _phrasings() -> dict[str, int]:
    pools = all_pools().values()
    return {
        "n_pools": len(pools),
        "n_train": sum(len(pool.train) for pool in pools),
        "n_held": sum(len(pool.held) for pool in pools),
    }


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    plan, progress = record["plan"], record["progress"]
    return {
        **{name: plan[name] for name in ("width", "layers", "heads", "seed", "longest")},
        # Records of earlier versions do not say which data they were made of.
        "version": record.get("generator", "unknown"),
        "parameters": record["parameters"],
        "tokens": progress["tokens"],
        "targets": progress["targets"],
        "minutes": progress["seconds"] / 60,
    }
