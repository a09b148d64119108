"""What mails say, and what a template may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.auth.mail.templates import TEMPLATE_NAMES, Template, TemplateError, TemplateName

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {"Token": "123456", "Email": "<script>\"&'", "ConfirmationURL": "https://a/?b=c&d=e"}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The HTML part of a template of one's own."""
    return tmp_path / "invite.html"


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_built_in_mail_has_both_parts(name: TemplateName) -> None:
    content = Template.load(name).render(HOSTILE, {})
    assert all([content.subject, content.html, content.text])


def test_values_are_escaped_in_html(written: Path) -> None:
    written.write_text("<p>{{ .Email }}</p>")
    content = Template.load("invite", html_file=str(written)).render(HOSTILE, {})
    assert content.html == "<p>&lt;script&gt;&quot;&amp;&#x27;</p>"


def test_values_are_as_they_are_in_text(written: Path) -> None:
    written.write_text("x")
    written.with_suffix(".txt").write_text("{{ .ConfirmationURL }}")
    content = Template.load("invite", html_file=str(written)).render(HOSTILE, {})
    assert content.text == "https://a/?b=c&d=e"


def test_a_template_without_a_text_file_has_no_text_part(written: Path) -> None:
    written.write_text("x")
    assert Template.load("invite", html_file=str(written)).text is None


def test_metadata_are_put_in_by_name(written: Path) -> None:
    written.write_text("{{.Data.name}}")
    content = Template.load("invite", html_file=str(written)).render({}, {"name": "Ann & Bob"})
    assert content.html == "Ann &amp; Bob"


@pytest.mark.parametrize("member", [None, 1, {"a": "b"}, ["x"]])
def test_metadata_that_are_no_text_are_left_out(written: Path, member: object) -> None:
    written.write_text("<{{ .Data.name }}>")
    content = Template.load("invite", html_file=str(written)).render({}, {"name": member})
    assert content.html == "<>"


def test_what_a_value_holds_is_not_rendered_again(written: Path) -> None:
    written.write_text("{{ .Data.name }}")
    content = Template.load("invite", html_file=str(written)).render(
        HOSTILE, {"name": "{{ .Token }}"}
    )
    assert content.html == "{{ .Token }}"


def test_a_subject_is_one_line() -> None:
    template = Template.load("invite", subject="Hello {{ .Data.name }}")
    content = template.render({}, {"name": "Ann\r\nBcc: all@example.com"})
    assert content.subject == "Hello Ann Bcc: all@example.com"


@pytest.mark.parametrize(
    "action",
    [
        ".Emial",
        ".Token.x",
        ".Data",
        "if .Token",
        "range .Data",
        'template "x"',
        ".__class__",
        ".Data.__class__.mro",
        "printf .Token",
    ],
)
def test_anything_but_a_value_is_refused(written: Path, action: str) -> None:
    written.write_text("{{ " + action + " }}")
    with pytest.raises(TemplateError, match="only values can be put in"):
        Template.load("invite", html_file=str(written))


def test_a_template_that_is_not_there_is_named(written: Path) -> None:
    with pytest.raises(TemplateError, match=r"invite\.html cannot be read"):
        Template.load("invite", html_file=str(written))


def test_a_template_that_is_not_text_is_refused(written: Path) -> None:
    written.write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateError, match="is not UTF-8"):
        Template.load("invite", html_file=str(written))


def test_a_huge_template_is_refused(written: Path) -> None:
    written.write_text("x" * 300_000)
    with pytest.raises(TemplateError, match="is larger than"):
        Template.load("invite", html_file=str(written))
