"""A numba pipeline for functions that compiled code inlines and nothing else calls: it ends with LLVM code, since no machine code of
theirs would ever run. That saves an eighth of the time to compile a walk.

Uses numba's extension points (`CompilerBase.define_pipelines`, a lowering pass of its own) and its code libraries, which are no
public interface: `requirements/research.lock` pins the version.
"""

from __future__ import annotations

from typing import Any

from bot.backtest.light_imports import import_numba

import_numba()

from numba.core.codegen import JITCodeLibrary  # noqa: E402
from numba.core.compiler import CompilerBase, DefaultPassBuilder  # noqa: E402
from numba.core.compiler_machinery import register_pass  # noqa: E402
from numba.core.typed_passes import NativeLowering  # noqa: E402


class _NoEnvironment:
    """Stands for the code generator where numba registers a function's environment with the machine code, which inlined code lacks.
    Functions that are loaded from the cache have none either.
    """

    def set_env(self, name: str, env: object) -> None: ...


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function, to be linked into its callers' only."""

    @property
    def codegen(self) -> Any:
        return _NoEnvironment()

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002 - 0: there is no such machine code
        self._ensure_finalized()
        return 0

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):  # type: ignore[misc]
    _name = "inlined_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
        return bool(super().run_pass(state))


class Inlined(CompilerBase):  # type: ignore[misc]
    """The `pipeline_class` of an inlined function."""

    def define_pipelines(self) -> list[Any]:
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state, "inlined")
        manager.passes = [(_Lowering if one is NativeLowering else one, why) for one, why in manager.passes]
        manager._finalized = False  # noqa: SLF001 - there is no other way to replace a pass of a whole pipeline
        manager.finalize()
        return [manager]
