from infra.config_reference import REFERENCE_FILE, render


def test_the_committed_reference_is_the_models() -> None:
    assert REFERENCE_FILE.read_text() == render(), "run: python -m infra.config_reference"


def test_a_setting_is_listed_with_range_and_default() -> None:
    assert "| `port` | 1 to 65535 | `8000` | Port on the host. |" in render()
