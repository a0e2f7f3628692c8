"""Markup of model families: what their chat templates and tokenizers treat as more than text.

A text that carries one of these strings could end a turn, open a tool call or start reasoning in the model that is
trained on it, so `longhop.markup` breaks them all, whichever tokenizer a recipe names. Strings with bars, `<|…|>` with
plain or full-width bars, are found by their form (`PATTERNS`); the others stand here.
The strings come from the tokenizers and chat templates that the families' publishers give out.
"""

from __future__ import annotations

__all__ = ["FAMILIES", "PATTERNS"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "BERT": ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"),
    "RoBERTa, T5, Llama 1 and 2": (
        "<s>",
        "</s>",
        "<unk>",
        "<pad>",
        "<mask>",
        "<<SYS>>",
        "<</SYS>>",
        "[INST]",
        "[/INST]",
    ),
    "Gemma": (
        "<bos>",
        "<eos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
        "<audio_soft_token>",
        "[multimodal]",
    ),
    "Mistral": (
        "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]",
        "[TOOL_CALLS]",
        "[TOOL_RESULTS]",
        "[/TOOL_RESULTS]",
        "[TOOL_CONTENT]",
        "[CALL_ID]",
        "[ARGS]",
        "[SYSTEM_PROMPT]",
        "[/SYSTEM_PROMPT]",
        "[MODEL_SETTINGS]",
        "[/MODEL_SETTINGS]",
        "[THINK]",
        "[/THINK]",
        "[IMG]",
        "[IMG_BREAK]",
        "[IMG_END]",
        "[AUDIO]",
        "[BEGIN_AUDIO]",
        "[PREFIX]",
        "[MIDDLE]",
        "[SUFFIX]",
        "[REF]",
        "[/REF]",
    ),
    "Qwen, Hermes": (
        "<tool_call>",
        "</tool_call>",
        "<tool_response>",
        "</tool_response>",
        "<tools>",
        "</tools>",
        "<scratch_pad>",
        "</scratch_pad>",
    ),
    "Command R": (
        "<BOS_TOKEN>",
        "<EOS_TOKEN>",
        "<EOP_TOKEN>",
        "<MASK_TOKEN>",
        "<PAD>",
        "<UNK>",
        "<CLS>",
        "<SEP>",
    ),
    "GLM": (
        "[gMASK]",
        "[sMASK]",
        "<sop>",
        "<eop>",
        "<arg_key>",
        "</arg_key>",
        "<arg_value>",
        "</arg_value>",
        "/nothink",
    ),
    "Kimi": ("[BOS]", "[EOS]", "[EOT]", "[start_header_id]", "[end_header_id]", "[extra_id_0]"),
    "MiniMax": (
        "]~!b[",
        "]~b]",
        "[e~[",
        "]!p~[",
        "]!d~[",
        "<beginning_of_sentence>",
        "<end_of_sentence>",
        "<end_of_document>",
        "<minimax:tool_call>",
        "</minimax:tool_call>",
    ),
    "StarCoder, Granite, SmolLM": (
        "<fim_prefix>",
        "<fim_middle>",
        "<fim_suffix>",
        "<fim_pad>",
        "<filename>",
        "<repo_name>",
        "<reponame>",
        "<file_sep>",
        "<gh_stars>",
        "<issue_start>",
        "<issue_comment>",
        "<issue_closed>",
        "<jupyter_start>",
        "<jupyter_text>",
        "<jupyter_code>",
        "<jupyter_output>",
        "<jupyter_script>",
        "<empty_output>",
        "<commit_before>",
        "<commit_msg>",
        "<commit_after>",
    ),
    "DeepSeek": ("<DSML", "</DSML", "<end▁of▁sentence>"),
    "Falcon": (
        ">>TITLE<<",
        ">>ABSTRACT<<",
        ">>INTRODUCTION<<",
        ">>SUMMARY<<",
        ">>COMMENT<<",
        ">>ANSWER<<",
        ">>QUESTION<<",
        ">>DOMAIN<<",
        ">>PREFIX<<",
        ">>SUFFIX<<",
        ">>MIDDLE<<",
    ),
    "Nemotron": ("<TOOLCALL>", "</TOOLCALL>", "<AVAILABLE_TOOLS>", "</AVAILABLE_TOOLS>", "<TOOL_RESPONSE>"),
    "EXAONE": ("[|system|]", "[|user|]", "[|assistant|]", "[|tool|]", "[|endofturn|]", "[BOS]", "[EOS]"),
    "InternLM": ("<eoh>", "<eoa>", "<TOKENS_UNUSED_0>"),
    "Seed": (
        "<seed:bos>",
        "<seed:eos>",
        "<seed:pad>",
        "<seed:think>",
        "</seed:think>",
        "<seed:tool_call>",
        "</seed:tool_call>",
        "<seed:cot_budget_reflect>",
        "</seed:cot_budget_reflect>",
    ),
    "Vision models": ("<image>", "</image>", "<img>", "</img>", "<video>", "<audio>"),
}

PATTERNS: tuple[str, ...] = (
    r"<\|[^\s<>]{1,100}?\|>",  # ChatML and Qwen, Llama 3 and 4, Phi, gpt-oss, Command R, GLM, Kimi, Granite, …
    r"<｜[^\s<>]{1,100}?｜>",  # DeepSeek, Hunyuan: full-width bars
    r"<extra_id_\d+>",  # T5, Nemotron
    r"<SPECIAL_\d+>",  # Nemotron, Mistral
    r"<unused_?\d+>",  # Gemma
    r"\[unused\d+\]",  # BERT
    r"<reserved_?\d+>",  # Baichuan
)
