"""Lets compiled code use its caller's arrays and lists without counting references to them.

numba counts references atomically, at every call that is passed an array, even one that is inlined. In a walk, whose functions all
get the same arrays, that took four fifths of the time. The caller of compiled code holds its arguments until it returns, so nothing
has to be counted.

Uses numba's extension points and the layout of its lists, which is no public interface: `requirements/research.lock` pins the version.
"""

from __future__ import annotations

import operator
from typing import Any

from bot.backtest.light_imports import import_numba

numba = import_numba()

from numba.core import cgutils  # noqa: E402
from numba.core.datamodel.models import PrimitiveModel  # noqa: E402
from numba.core.typing.templates import AbstractTemplate, infer_global, signature  # noqa: E402
from numba.cpython.listobj import ListInstance  # noqa: E402
from numba.extending import intrinsic, lower_builtin, register_model  # noqa: E402

types: Any = numba.types


@intrinsic  # type: ignore[untyped-decorator]
def borrowed(_context: Any, value: Any) -> Any:
    """A tuple of arguments, and the tuples in it, without what owns their arrays and lists."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return _borrowed(context, builder, value, given[0])

    return _kind(value)(value), generate


def _kind(value: Any) -> Any:
    """The type of a borrowed value."""
    if isinstance(value, types.List):
        return Places(value.dtype)
    if isinstance(value, types.BaseNamedTuple):
        return types.NamedTuple([_kind(one) for one in value], value.instance_class)
    if isinstance(value, types.BaseTuple):
        return types.BaseTuple.from_types([_kind(one) for one in value])
    return value


def _borrowed(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.List):
        return ListInstance(context, builder, kind, value).data
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo, array.parent = (cgutils.get_null_value(one.type) for one in (array.meminfo, array.parent))
        return array._getvalue()  # noqa: SLF001 - there is no public name for it
    if isinstance(kind, types.BaseTuple):
        parts = zip(kind, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(builder, _kind(kind), [_borrowed(context, builder, *part) for part in parts])
    context.nrt.incref(builder, kind, value)
    return value


# -- borrowed lists ---------------------------------------------------------------------------------------------------
class Places(types.Type):  # type: ignore[misc]
    """The items of a borrowed list, to be read and replaced by their number, from 0. They must not hold references themselves."""

    def __init__(self, item: Any) -> None:
        self.item = item
        super().__init__(f"Places({item})")


@register_model(Places)
class _First(PrimitiveModel):  # type: ignore[misc]
    """A pointer to the first item."""

    def __init__(self, models: Any, places: Places) -> None:
        super().__init__(models, places, models.lookup(places.item).get_data_type().as_pointer())


@infer_global(operator.getitem)
class _Reading(AbstractTemplate):  # type: ignore[misc]
    def generic(self, arguments: Any, _named: Any) -> Any:
        places = arguments[0]
        return signature(places.item, places, types.intp) if isinstance(places, Places) else None


@infer_global(operator.setitem)
class _Writing(AbstractTemplate):  # type: ignore[misc]
    def generic(self, arguments: Any, _named: Any) -> Any:
        places = arguments[0]
        return signature(types.void, places, types.intp, places.item) if isinstance(places, Places) else None


@lower_builtin(operator.getitem, Places, types.intp)  # type: ignore[untyped-decorator]
def _read(context: Any, builder: Any, signed: Any, given: Any) -> Any:
    model = context.data_model_manager[signed.args[0].item]
    return model.load_from_data_pointer(builder, builder.gep(given[0], [given[1]]))


@lower_builtin(operator.setitem, Places, types.intp, types.Any)  # type: ignore[untyped-decorator]
def _write(context: Any, builder: Any, signed: Any, given: Any) -> Any:
    model = context.data_model_manager[signed.args[0].item]
    builder.store(model.as_data(builder, given[2]), builder.gep(given[0], [given[1]]))
    return context.get_dummy_value()
