"""From text values to the fields of a model, with every mistake in its place."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from operator import getitem
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agent.definitions.mistakes import did_you_mean
from agent.definitions.source import Path, Report, Source, Tree

_SHAPES = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "one value",
}

ModelT = TypeVar("ModelT", bound=BaseModel)


class Fields(BaseModel):
    """Base of every model of a file: unknown keys are refused, values never change.

    Defaults are written as in a file, so that the schemas can show them, and validated.
    """

    # Built when it is first used: of many models a start needs few.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


def validate(
    model: type[ModelT], tree: Tree, source: Source, report: Report, context: object = None
) -> Mapping[str, Any]:
    """Return the fields that are right, by name; note a mistake for each of the others."""
    try:
        # Not dict(model): a field may be called `keys`.
        return dict(vars(model.model_validate(tree, context=context)))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=True)
    for detail in details:
        _note(detail, model, source, report)
    return _right_fields(model, tree, {str(detail["loc"][0]) for detail in details if detail["loc"]}, context)


def _right_fields(model: type[BaseModel], tree: Tree, wrong: set[str], context: object) -> Mapping[str, Any]:
    if not isinstance(tree, dict):
        return {}
    right: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in wrong:
            continue
        if key in tree:
            right[name] = _adapter(model, name).validate_python(tree[key], context=context)
        elif not info.is_required():
            default = info.get_default(call_default_factory=True, validated_data={})
            if info.validate_default:
                default = _adapter(model, name).validate_python(default, context=context)
            right[name] = default
    return right


@lru_cache(maxsize=512)
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotation: Any = info.annotation
    if info.metadata:
        annotation = getitem(Annotated, (annotation, *info.metadata))
    return TypeAdapter(annotation)


def _note(detail: ErrorDetails, model: type[BaseModel], source: Source, report: Report) -> None:
    path: Path = detail["loc"]
    kind, written, given = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "mistake":
        report.add(source.place(path), written["code"], written["text"], written["fix"])
    elif kind == "extra_forbidden":
        fix = did_you_mean(str(path[-1]), _keys(_model_at(model, path[:-1])))
        report.add(source.key_place(path), "unknown_key", f"nothing is called {path[-1]!r} here", fix)
    elif kind == "missing":
        fix = f"add {path[-1]}: {_description(model, path)}"
        report.add(source.place(path[:-1]), "missing_key", f"{path[-1]!r} is missing", fix)
    elif kind in {"enum", "literal_error"}:
        message = f"{str(given)[:80]!r} is none of the values this field takes"
        report.add(source.place(path), "not_one_of", message, f"write {written['expected']}")
    elif kind in _SHAPES:
        message = f"{_SHAPES[kind]} belongs here"
        report.add(source.place(path), "wrong_shape", message, f"write {_SHAPES[kind]}")
    else:
        report.add(source.place(path), "bad_value", detail["msg"], "write another value")


def _keys(model: type[BaseModel] | None) -> Iterator[str]:
    if model is not None:
        yield from (info.alias or name for name, info in model.model_fields.items())


def _description(model: type[BaseModel], path: Path) -> str:
    owner = _model_at(model, path[:-1])
    for name, info in owner.model_fields.items() if owner else ():
        if (info.alias or name) == path[-1]:
            return info.description or ""
    return ""


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    found: type[BaseModel] | None = model
    for step in path:
        if found is None:
            return None
        if isinstance(step, str) and step in (
            known := dict(zip(_keys(found), found.model_fields, strict=True))
        ):
            found = _model_in(found.model_fields[known[step]].annotation)
    return found


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
