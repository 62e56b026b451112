"""A message with a field of every kind that JSON treats differently, made at run time: no proto of the house needs them all."""

from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64",
    "bool", "string", "bytes",
]  # fmt: skip
_WELL_KNOWN = [
    "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "StringValue", "BoolValue", "Int32Value",
    "UInt32Value", "Int64Value", "UInt64Value", "DoubleValue", "FloatValue", "BytesValue",
]  # fmt: skip
_MODULES = (duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
_PACKAGE = "chassis.tests"


def _kind(name: str) -> dict[str, Any]:
    if name in _SCALARS:
        return {"type": _Field.Type.Value(f"TYPE_{name.upper()}")}
    if name == "Color":
        return {"type": _Field.TYPE_ENUM, "type_name": f".{_PACKAGE}.Color"}
    package = _PACKAGE if name == "Everything" or "." in name else "google.protobuf"
    return {"type": _Field.TYPE_MESSAGE, "type_name": f".{package}.{name}"}


def _define() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="chassis/tests/everything.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.extend(module.DESCRIPTOR.name for module in _MODULES)
    colors = file.enum_type.add(name="Color")
    for number, name in enumerate(("COLOR_UNSPECIFIED", "RED", "GREEN")):
        colors.value.add(name=name, number=number)
    message = file.message_type.add(name="Everything")

    def add(name: str, kind: str, label: int = _Field.LABEL_OPTIONAL, **options: Any) -> None:
        number = len(message.field) + 1
        message.field.add(name=name.lower(), number=number, label=label, **_kind(kind), **options)

    message.oneof_decl.add(name="choice")
    for name in ("string", "Everything", "Color"):
        add(f"choose_{name}", name, oneof_index=0)
    for name in [*_SCALARS, "Color", *_WELL_KNOWN, "Everything"]:
        add(f"one_{name}", name)
        add(f"many_{name}", name, _Field.LABEL_REPEATED)
    for name in (*_SCALARS, "Color"):
        add(f"maybe_{name}", name, oneof_index=len(message.oneof_decl), proto3_optional=True)
        message.oneof_decl.add(name=f"_maybe_{name.lower()}")
    for key, value in (("string", "int32"), ("int64", "Everything"), ("bool", "Color"), ("string", "Timestamp")):
        # The compiler names the entry after the field, and the pool checks that.
        entry = f"By{key.title()}To{value.title()}Entry"
        nested = message.nested_type.add(name=entry, options=descriptor_pb2.MessageOptions(map_entry=True))
        nested.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL, **_kind(key))
        nested.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL, **_kind(value))
        add(f"by_{key}_to_{value}", f"Everything.{entry}", _Field.LABEL_REPEATED)
    pool = descriptor_pool.Default()
    return GetMessageClass(pool.AddSerializedFile(file.SerializeToString()).message_types_by_name["Everything"])


Everything: Any = _define()
