import pytest

from preview_report.configuration import ConfigurationFileError, Setting, compare
from preview_report.disclosure import SECRET

BEFORE = """
config:
  plinth:environment: development
  plinth:rest: {schemas: [public], max_rows: 1000}
"""


def settings(after: str, before: str | None = BEFORE) -> tuple[Setting, ...]:
    """What differs from the base."""
    return compare("main", before, after).settings


def test_the_same_settings_do_not_differ() -> None:
    assert settings(f"# a comment\n{BEFORE}") == ()


def test_a_changed_setting_is_told_by_its_path() -> None:
    assert settings(BEFORE.replace("1000", "50")) == (
        Setting("plinth:rest.max_rows", "1000", "50"),
    )


def test_a_new_setting_was_not_set() -> None:
    after = BEFORE + "  plinth:keys: {generation: 2}\n"
    assert settings(after) == (Setting("plinth:keys.generation", "not set", "2"),)


def test_a_removed_setting_is_not_set() -> None:
    after = BEFORE.replace(", max_rows: 1000", "")
    assert settings(after) == (Setting("plinth:rest.max_rows", "1000", "not set"),)


def test_an_encrypted_setting_is_never_shown() -> None:
    after = BEFORE + "  plinth:smtp: {secure: AAABAJcipher}\n"
    assert settings(after) == (Setting("plinth:smtp", "not set", SECRET),)


def test_a_plain_password_is_never_shown() -> None:
    after = BEFORE + "  plinth:smtp: {password: letmein-planted}\n"
    assert settings(after) == (Setting("plinth:smtp.password", "not set", SECRET),)


def test_a_file_that_did_not_exist_is_told() -> None:
    assert compare("main", None, BEFORE).problem == "the file does not exist in main"


def test_a_broken_file_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigurationFileError, match="line 2"):
        compare("main", BEFORE, "config: [\n}")
