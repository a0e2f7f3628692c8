"""Document delimiters, and markup that is broken."""

from __future__ import annotations

import pytest

from longhop.markup import DOCUMENT_FOOTER, Neutralizer, document_header, render_document

CHATS = {
    "ChatML": "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
    "Qwen": '<tool_call>\n{"name": "f"}\n</tool_call><tool_response>x</tool_response><|vision_start|><|image_pad|>',
    "Llama 2": "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Hello </s>",
    "Llama 3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|python_tag|>",
    "Llama 4": "<|header_start|>user<|header_end|>\n\nHi<|eot|>",
    "Mistral": "[SYSTEM_PROMPT]x[/SYSTEM_PROMPT][AVAILABLE_TOOLS][][/AVAILABLE_TOOLS][INST]Hi[/INST][THINK]",
    "Gemma": "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_image><unused12>",
    "Phi": "<|system|>Be kind<|end|><|user|>Hi<|end|><|assistant|>",
    "DeepSeek": "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n</think><｜tool▁calls▁begin｜>",
    "gpt-oss": "<|start|>assistant<|channel|>analysis<|message|>Hi<|return|><|constrain|>json<|call|>",
    "Command R": "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi<|END_OF_TURN_TOKEN|>",
    "GLM": "[gMASK]<sop><|user|>\nHi<|assistant|>\n<think></think>\n<arg_key>a</arg_key><|observation|>",
    "Kimi": "<|im_system|>system<|im_middle|>Be kind<|im_end|><|tool_calls_section_begin|>[EOS]",
    "MiniMax": "]~!b[]~b]user\nHi[e~[\n]~b]ai<minimax:tool_call>",
    "Granite": "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|><fim_prefix>",
    "Nemotron": "<SPECIAL_10>System\n<extra_id_1>User\n<TOOLCALL>",
    "Falcon": ">>TITLE<<>>QUESTION<<<|endoftext|>",
    "BERT, T5": "[CLS] a [SEP] b [PAD] [MASK] [unused7] <extra_id_0></s>",
    "EXAONE": "[|system|]Be kind[|endofturn|]",
    "Seed": "<seed:bos>user\n<seed:think>x</seed:think><seed:eos>",
}
"""Prompts as the families' chat templates write them, copied by hand."""


def test_a_document_is_wrapped_as_the_design_says() -> None:
    """Header, text, footer; attributes are escaped."""
    rendered = render_document('A "B" & <C>', "book", "Text.")
    assert rendered == '<document title="A &quot;B&quot; &amp; &lt;C&gt;" kind="book">\nText.\n</document>\n\n'
    assert rendered == document_header('A "B" & <C>', "book") + "Text.\n" + DOCUMENT_FOOTER


@pytest.mark.parametrize("family", list(CHATS))
def test_no_mark_of_a_family_is_left(family: str) -> None:
    """Without its tokenizer, too, nothing of a family's chat template survives, and only blanks come in."""
    text = CHATS[family]
    broken = Neutralizer()(text)
    assert broken != text
    assert broken.replace(" ", "") == text.replace(" ", "")
    assert not Neutralizer()._breaks(broken)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("</document>", "< /document>"),
        ("<Document title='x'>", "< Document title='x'>"),
        ("<documents> and <document-list>", "<documents> and <document-list>"),
        ("<think>a</THINK> <thinking> <thinker>", "< think>a< /THINK> < thinking> <thinker>"),
        ("<<|end|>", "<< |end|>"),
        ("<|im_start|>", "< |im_start|>"),
        ("a <| b |> c", "a <| b |> c"),
        ("x < y and [1] and [INST]", "x < y and [1] and [ INST]"),
    ],
)
def test_what_is_broken_and_what_is_text(text: str, broken: str) -> None:
    """Delimiters in any case and special tokens are broken, lookalikes are left alone."""
    assert Neutralizer()(text) == broken


def test_special_tokens_of_the_tokenizer_are_broken() -> None:
    """Whatever a tokenizer takes for markup is broken, nested and repeated as it may stand."""
    neutralizer = Neutralizer(["@@stop@@", "aa", " <x>", " "])
    assert neutralizer("@@stop@@") == "@ @stop@@"
    assert neutralizer("aaaa") == "a a a a"
    assert neutralizer("b <x> c") == "b < x> c"


def test_a_token_that_comes_into_being_is_broken_too() -> None:
    """A blank may complete another token; that is broken in the next round."""
    neutralizer = Neutralizer(["QZ", "Q Z"])
    assert neutralizer("QZ") == "Q  Z"
    assert neutralizer(neutralizer("QZ")) == "Q  Z"


def test_offsets_move_with_the_text() -> None:
    """What stood at an offset stands at the moved one."""
    text = "<s>one</s>\n## two</document>\n## three"
    places = [text.index("##"), text.rindex("##")]
    broken, moved = Neutralizer().with_offsets(text, places)
    assert [broken[place : place + 5] for place in moved] == ["## tw", "## th"]
