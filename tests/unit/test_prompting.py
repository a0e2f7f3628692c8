"""Prompts are checked when they are loaded and rendered as they are written."""

from pathlib import Path

import pytest

from longhop.errors import PromptError
from longhop.prompting import load_prompts

JUDGE = "---\nname: judge\ntakes: {question: q, reference: r, answer: a}\ngives: text\n---\n"


def test_every_shipped_prompt_loads_and_renders() -> None:
    """Context first, then the question; prompts with a context share one system message."""
    prompts = load_prompts()
    system, user = prompts.render("answer", {"context": "<document>\nx\n</document>\n\n", "question": "Who?"})
    assert system["role"] == "system"
    assert user["content"].startswith("<document>\nx\n</document>\n\nQuestion: Who?")
    assert user["content"].endswith("Answer: <the answer>")
    documents = [{"number": 1, "title": 'A "b"', "kind": "book", "text": "{{ not a template }}"}]
    inputs = {
        "documents": documents,
        "count": 2,
        "kinds": {"bridge": 1},
        "min_documents": 2,
        "least_steps": 2,
        "most_steps": 7,
    }
    written = prompts.render("write_questions", inputs)
    assert written[0] == system
    assert "{{ not a template }}" in written[1]["content"]
    assert prompts["write_questions"].schema is not None
    assert prompts["answer"].schema is None


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
