"""Prompts are checked when they are loaded and rendered as they are written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from longhop.errors import PromptError
from longhop.kinds import KINDS
from longhop.markup import render_document
from longhop.prompting import load_prompts
from longhop.replies.answers import extract_answer
from longhop.replies.questions import read_questions

LOOSE = (
    "{type: object, additionalProperties: false, required: [a], properties: {a: {type: object, properties: {b: {}}}}}"
)
BOUND = "{type: object, additionalProperties: false, required: [a], properties: {a: {type: integer, maximum: votes}}}"
JUDGE = "---\nname: judge\ntakes: {question: q, reference: r, answer: a}\ngives: text\n---\n"


DOCUMENTS: list[dict[str, Any]] = [
    {"number": 1, "title": 'A "b"', "kind": "book", "text": "{{ not a template }}"},
    {"number": 2, "title": "C", "kind": "code", "text": "x"},
]
WRITE: dict[str, Any] = {
    "context": "".join(render_document(d["title"], d["kind"], d["text"]) for d in DOCUMENTS),
    "documents": DOCUMENTS,
    "count": 2,
    "wanted": {"bridge": 1, "comparison": 1},
    "kinds": {"bridge": 1, "comparison": 1},
    "min_documents": 2,
    "least_steps": 2,
    "most_steps": 7,
}


def test_every_prompt_with_a_context_begins_with_the_same_bytes() -> None:
    """One system message, then the context itself, so that a server computes it once; what differs comes last."""
    prompts = load_prompts()
    context = WRITE["context"]
    rendered = [
        prompts.render("answer", {"context": context, "question": "Who?"}),
        prompts.render("answer", {"context": context, "question": "Who?", "reasoning": "prompted"}),
        prompts.render("write_questions", WRITE),
        prompts.render("write_questions", WRITE | {"reply": "Sorry.", "problem": "no JSON"}),
    ]
    assert len({system["content"] for system, _ in rendered}) == 1
    assert all(user["content"].startswith(context) for _, user in rendered)
    assert all(system["role"] == "system" and user["role"] == "user" for system, user in rendered)


def test_the_prompt_for_answers_states_their_form() -> None:
    """The line of the answer comes last; without documents it says so, and reasoning is asked for where it must be."""
    prompts = load_prompts()

    def asked(context: str, **more: str) -> str:
        return prompts.render("answer", {"context": context, "question": "Who?", **more})[1]["content"]

    native, bare, prompted = asked("<document>"), asked(""), asked("<document>", reasoning="prompted")
    for text in (native, bare, prompted):
        assert text.endswith("\n\nAnswer: <the answer>")
        assert extract_answer(text) is None, "a model that repeats the prompt states no answer"
        assert "\n\n\n" not in text
    assert "no documents" in bare
    assert bare.startswith("Question: Who?")
    assert "no documents" not in native
    assert "Reasoning: <your reasoning>" in prompted
    assert "easoning" not in native
    assert asked("<document>", reasoning="native") == native


def test_the_prompt_for_questions_names_documents_kinds_and_form() -> None:
    """By number and title, only the kinds that are wanted, and a form that the reader of replies takes."""
    text = load_prompts().render("write_questions", WRITE)[1]["content"]
    assert "{{ not a template }}" in text
    assert '1. A "b" (book)\n2. C (code)\n' in text
    assert "Write 2 questions on them: 1 of the kind `bridge`, 1 of the kind `comparison`." in text
    assert "`calculation`:" not in text
    assert "\n\n\n" not in text
    form = text[text.index('{"questions"') :]
    assert msgspec.json.decode(form)
    (question,) = read_questions(form).questions
    assert [step.uses for step in question.steps] == [(), (0,)]


def test_every_kind_has_instructions_of_its_own() -> None:
    """Those of the table; a recipe's own kind is asked for by its name, and the prompt stays short."""
    prompts = load_prompts()
    for kind in KINDS:
        text = prompts.render("write_questions", WRITE | {"count": 1, "wanted": {kind: 1}})[1]["content"]
        assert f"\n`{kind}`: " in text
        assert len(text) - len(WRITE["context"]) < 2_700
    every = WRITE | {"count": len(KINDS), "wanted": dict.fromkeys(KINDS, 1)}
    assert len(prompts.render("write_questions", every)[1]["content"]) < 4_000, "some 900 tokens"
    own = prompts.render("write_questions", WRITE | {"count": 1, "wanted": {"riddle": 1}})[1]["content"]
    assert "1 of the kind `riddle`." in own
    assert "\n\n\n" not in own


def test_bridges_are_told_where_there_are_any() -> None:
    """With the documents that have them."""
    bridges = [{"name": "tide_gain", "documents": [1, 2]}, {"name": "Ines", "documents": [2, 3]}]
    text = load_prompts().render("write_questions", WRITE | {"bridges": bridges})[1]["content"]
    assert "have it: tide_gain (1, 2); Ines (2, 3).\n2. Write the steps" in text
    assert "For example" not in load_prompts().render("write_questions", WRITE | {"bridges": []})[1]["content"]


def test_what_is_kept_of_a_reply_is_not_asked_for_again() -> None:
    """The others alone."""
    again = WRITE | {"reply": "Sorry.", "problem": "no steps", "kept": ["Who was it?"]}
    text = load_prompts().render("write_questions", again)[1]["content"]
    assert "not all could be used: no steps." in text
    assert "do not write them again:\n- Who was it?\n\nWrite the others anew" in text


def test_a_bad_reply_and_what_was_wrong_stand_behind_the_same_prompt() -> None:
    """So asking again costs no second reading of the documents."""
    prompts = load_prompts()
    first = prompts.render("write_questions", WRITE)[1]["content"]
    again = prompts.render("write_questions", WRITE | {"reply": "Sorry.", "problem": "no JSON"})[1]["content"]
    assert again.startswith(first)
    assert "no JSON" in again[len(first) :]
    assert "Sorry." in again[len(first) :]


def test_bounds_of_a_schema_are_those_of_the_request() -> None:
    """Without a request they are left out; the order of properties is that of the file, since models write in it."""
    prompts = load_prompts()
    schema = prompts.schema("write_questions", WRITE)
    assert schema is not None
    questions = schema["properties"]["questions"]
    fields = questions["items"]["properties"]
    assert questions["maxItems"] == 2
    assert fields["kind"] == {"type": "string", "enum": ["bridge", "comparison"]}
    assert (fields["steps"]["minItems"], fields["steps"]["maxItems"]) == (2, 7)
    assert fields["steps"]["items"]["properties"]["evidence"]["items"]["properties"]["document"]["maximum"] == 2
    assert list(fields) == ["kind", "steps", "question", "answer", "answer_type", "aliases"]
    empty = prompts.schema("write_questions", WRITE | {"documents": [], "wanted": {}})
    assert empty is not None
    assert "maximum" not in str(empty).split("'quote'")[0].split("'document'")[1], "no number from 1 to 0"
    unbounded = prompts["write_questions"].schema
    assert unbounded is not None
    assert unbounded["properties"]["questions"]["items"]["properties"]["kind"] == {"type": "string"}
    assert prompts.schema("answer", {}) is None
    assert prompts.schema("judge", {}) == prompts["judge"].schema
    with pytest.raises(PromptError, match="needs the input `count`"):
        prompts.schema("write_questions", {name: value for name, value in WRITE.items() if name != "count"})


STRICT = frozenset("type properties required additionalProperties items enum minItems maxItems minimum maximum".split())
"""Keywords that OpenAI's strict mode and vLLM's xgrammar both take (platform.openai.com, vllm/v1/structured_output)."""


def keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            if key == "properties":
                for inner in value.values():
                    yield from keywords(inner)
            else:
                yield from keywords(value)


def test_schemas_use_what_servers_take() -> None:
    """No keyword beyond those that strict mode has, bounds filled or not."""
    prompts = load_prompts()
    for schema in (
        prompts.schema("write_questions", WRITE),
        prompts["write_questions"].schema,
        prompts["judge"].schema,
        prompts["compare"].schema,
    ):
        assert schema is not None
        assert set(keywords(schema)) <= STRICT


def test_a_folder_overrides_single_files(tmp_path: Path) -> None:
    """The rest stays, and the hash changes with the text."""
    (tmp_path / "judge.md").write_text(JUDGE + "{{ question }} {{ answer }}")
    prompts, shipped = load_prompts(tmp_path), load_prompts()
    assert prompts.render("judge", {"question": "Q", "reference": "R", "answer": "A"}) == [
        {"role": "user", "content": "Q A"}
    ]
    changed = {name for name in shipped.hashes if shipped.hashes[name] != prompts.hashes[name]}
    assert changed == {"judge"}


def test_a_system_message_is_part_of_what_uses_it(tmp_path: Path) -> None:
    """Another system text, other prompts."""
    (tmp_path / "system.md").write_text("---\nname: system\ntakes: {}\ngives: text\n---\nBe brief.")
    prompts, shipped = load_prompts(tmp_path), load_prompts()
    assert {name for name in shipped.hashes if shipped.hashes[name] != prompts.hashes[name]} == {
        "answer",
        "system",
        "write_questions",
    }


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("judge", JUDGE + "{{ question }}\n{{ answr }}", "line 7: unknown variable `answr`; the prompt takes question"),
        ("judge", JUDGE + "{% if %}", "line 6"),
        ("judge", "Is it so?", "no front matter"),
        ("judge", "---\n: [\n---\nx", "no YAML"),
        ("judge", "---\nname: jury\n---\nx", "`name` being `judge`"),
        ("judge", "---\nname: judge\ntake: {}\n---\nx", "the keys gives, name, system, takes"),
        ("judge", "---\nname: judge\nsystem: nobody\n---\nx", "`system: nobody` names no prompt"),
        ("judge", "---\nname: judge\ntakes: {mood: m}\n---\n{{ mood }}", "takes `mood`, which is not given"),
        ("judge", "---\nname: judge\nsystem: [system]\n---\nx", "`system` is a name"),
        ("judge", "---\nname: judge\ntakes: {1: x}\n---\nx", "`takes` maps inputs"),
        ("judge", "---\nname: judge\ngives: json\n---\nx", "`gives` is `text` or a JSON schema"),
        ("judge", "---\nname: judge\ngives: {type: array}\n---\nx", "`gives` is an object with `properties`"),
        ("judge", JUDGE.replace("text", LOOSE), "`gives.properties.a` is an object with `properties`"),
        ("judge", JUDGE.replace("text", BOUND), "`gives` has `votes` for a bound"),
        ("judge", JUDGE + "{% include 'answer' %}", "stands in one file"),
        ("judge", JUDGE + "{{ question | shout }}", "line 6: No filter named 'shout'"),
        ("system", "---\nname: system\nsystem: judge\n---\nx", "it takes no inputs"),
        ("jury", JUDGE, "overrides no prompt"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_said_when_it_is_loaded(tmp_path: Path, name: str, text: str, says: str) -> None:
    """With the file, the line where there is one, and what is allowed."""
    (tmp_path / f"{name}.md").write_text(text)
    with pytest.raises(PromptError, match=f"{name}.md") as caught:
        load_prompts(tmp_path)
    assert says in str(caught.value)


def test_a_missing_folder_and_a_missing_input_are_said(tmp_path: Path) -> None:
    """Neither ends in a stack trace of Jinja2."""
    with pytest.raises(PromptError, match="is no folder"):
        load_prompts(tmp_path / "nowhere")
    with pytest.raises(PromptError, match="'answer' is undefined"):
        load_prompts().render("judge", {"question": "Q", "reference": "R"})
    with pytest.raises(PromptError, match="there are answer"):
        load_prompts().render("summarise", {})


def test_a_template_that_fails_on_its_inputs_is_named(tmp_path: Path) -> None:
    """Not only where Jinja2 itself refuses."""
    (tmp_path / "judge.md").write_text(JUDGE + "{{ question + 1 }}")
    with pytest.raises(PromptError, match="judge.md: can only concatenate"):
        load_prompts(tmp_path).render("judge", {"question": "Q"})


def test_a_file_of_an_editor_on_windows_is_read(tmp_path: Path) -> None:
    """With a byte order mark and carriage returns."""
    (tmp_path / "judge.md").write_bytes(b"\xef\xbb\xbf" + (JUDGE + "{{ question }}\n?").replace("\n", "\r\n").encode())
    assert load_prompts(tmp_path).render("judge", {"question": "Q"}) == [{"role": "user", "content": "Q\n?"}]


def test_a_context_of_megabytes_is_data() -> None:
    """It is no template, nothing in it is escaped, and rendering it takes no longer than copying."""
    context = '<document title="a">\n{{ 7 * 7 }} {% raw %} & < > # line\n' * 100_000
    message = load_prompts().render("answer", {"context": context, "question": "Who?"})[1]["content"]
    assert message.startswith(context)


def test_a_template_cannot_reach_out(tmp_path: Path) -> None:
    """A recipe's prompt folder may come from anywhere: the sandbox holds."""
    (tmp_path / "judge.md").write_text(JUDGE + "{{ question.__class__.__mro__ }}")
    with pytest.raises(PromptError, match="unsafe"):
        load_prompts(tmp_path).render("judge", {"question": "Q", "reference": "R", "answer": "A"})
