"""What mails say: templates in the form that GoTrue takes, `{{ .ConfirmationURL }}`.

Only values can be put in: `{{ .Name }}` and `{{ .Data.name }}` (a member of the user's metadata). A
template therefore computes nothing and reaches nothing. Values are escaped in HTML. Each kind of
mail has a subject, an HTML part and a text part; the built-in ones lie beside this module.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TemplateName = Literal[
    "confirmation", "email_change", "invite", "magic_link", "reauthentication", "recovery"
]
TEMPLATE_NAMES: tuple[TemplateName, ...] = get_args(TemplateName)

BUILT_IN_FOLDER = Path(__file__).with_name("built_in")
SUBJECTS: Mapping[TemplateName, str] = {
    "confirmation": "Confirm your email address",
    "email_change": "Confirm your new email address",
    "invite": "You've been invited",
    "magic_link": "Your sign-in link",
    "reauthentication": "{{ .Token }} is your verification code",
    "recovery": "Reset your password",
}

VALUES = frozenset(
    {
        "ConfirmationURL",
        "Email",
        "NewEmail",
        "RedirectTo",
        "SendingTo",
        "SiteURL",
        "Token",
        "TokenHash",
    }
)
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_VALUE = re.compile(r"-?\s*\.([A-Za-z]+)(?:\.([A-Za-z0-9_]+))?\s*-?")
_LARGEST_TEMPLATE_BYTES = 256 * 1024


class TemplateError(ValueError):
    """A template cannot be used; the message says which and how to mend it."""


@dataclass(frozen=True)
class Content:
    """A rendered mail. `text` is None when the template has no text part."""

    subject: str
    html: str
    text: str | None


@dataclass(frozen=True)
class Template:
    """One kind of mail, checked."""

    subject: str
    html: str
    text: str | None

    @classmethod
    def load(cls, name: TemplateName, *, subject: str = "", html_file: str = "") -> Template:
        """A template of the configuration, and the built-in one for what that leaves out.

        Args:
            name: Kind of mail.
            subject: Empty for the built-in subject.
            html_file: Path of the HTML part; a file beside it with the suffix `.txt` is the text
                part. Empty for the built-in parts.

        Raises:
            TemplateError: A file cannot be read, or a part asks for what there is not.
        """
        path = Path(html_file) if html_file else BUILT_IN_FOLDER / f"{name}.html"
        text_path = path.with_suffix(".txt")
        return cls(
            subject=_checked(subject or SUBJECTS[name], f"the subject of {name}"),
            html=_checked(_read(path), str(path)),
            text=_checked(_read(text_path), str(text_path)) if text_path.is_file() else None,
        )

    def render(self, values: Mapping[str, str], data: Mapping[str, Any]) -> Content:
        """Put values in. What is not known of this mail is empty.

        Args:
            values: By the names of `VALUES`.
            data: The user's metadata, for `{{ .Data.name }}`.
        """
        return Content(
            subject=" ".join(_render(self.subject, values, data, str).split()),
            html=_render(self.html, values, data, html.escape),
            text=None if self.text is None else _render(self.text, values, data, str),
        )


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TemplateError(f"the template {path} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_TEMPLATE_BYTES:
        raise TemplateError(f"the template {path} is larger than {_LARGEST_TEMPLATE_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise TemplateError(f"the template {path} is not UTF-8") from None


def _checked(template: str, where: str) -> str:
    for action in _ACTION.findall(template):
        match = _VALUE.fullmatch(action)
        usable = match is not None and (
            match[1] in VALUES if match[2] is None else match[1] == "Data"
        )
        if not usable:
            names = ", ".join(f".{name}" for name in sorted(VALUES))
            raise TemplateError(
                f"{where} holds {{{{{action[:64]}}}}}: only values can be put in ({names}, "
                ".Data.<member>)"
            )
    return template


def _render(
    template: str, values: Mapping[str, str], data: Mapping[str, Any], escape: Callable[[str], str]
) -> str:
    def value(action: re.Match[str]) -> str:
        match = _VALUE.fullmatch(action[1])
        if match is None:
            raise TemplateError("a template was not checked")
        if match[2] is None:
            return escape(values.get(match[1], ""))
        member = data.get(match[2])
        return escape(member if isinstance(member, str) else "")

    return _ACTION.sub(value, template)
