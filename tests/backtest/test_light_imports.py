"""What is imported without the packages that a backtest has no use for."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from bot.backtest.light_imports import absent


def test_a_package_is_absent_for_as_long_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "heavy_one.py").write_text("VALUE = 1")
    monkeypatch.syspath_prepend(tmp_path)
    with absent("heavy_one", "json"):
        with pytest.raises(ModuleNotFoundError):
            import_module("heavy_one")
        assert import_module("json") is sys.modules["json"], "what is loaded already stays"
    assert import_module("heavy_one").VALUE == 1
    with absent("heavy_one"):
        assert import_module("heavy_one").VALUE == 1
    monkeypatch.delitem(sys.modules, "heavy_one")


def test_it_comes_back_after_an_error_too() -> None:
    with pytest.raises(KeyError), absent("no_such_package"):
        raise KeyError
    assert "no_such_package" not in sys.modules
