"""ROS endpoints on Cyclone DDS without XTypes information in discovery, as rmw_cyclonedds has them too.

Fast DDS 3 (ROS 2 Kilted) cannot read the type information that Cyclone 11 sends, and then does not match. Python's
`Topic` always sends it, so topics, writers and readers are made by libddsc itself, which is in the same wheel.
"""

from __future__ import annotations

import ctypes as ct
import itertools
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cyclonedds
import numpy as np
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import make_idl_struct
from cyclonedds.idl import types as idl
from cyclonedds.qos import _CQos
from cyclonedds.topic import Topic
from cyclonedds.util import duration
from rosbags.interfaces import Nodetype

from streamer.sinks.ros2.types import store

POINTER = ct.c_void_p
XTYPES_FLAG = 1 << 6  # DDS_TOPIC_XTYPES_METADATA of dds_public_impl.h
LOCAL_DOMAIN = 1  # DDS_FIND_SCOPE_LOCAL_DOMAIN
SDK_DATA = 2  # a serdata with a key and content
BLOCKING_MS = 100
TAKE = 16  # samples at a time
BASIC = {"bool": bool, "string": str, "byte": idl.uint8, "octet": idl.uint8, "char": idl.uint8}


class _Bytes(ct.Structure):
    _fields_ = (("data", POINTER), ("size", ct.c_uint32))


class _Descriptor(ct.Structure):
    _fields_ = (
        ("size", ct.c_uint32), ("align", ct.c_uint32), ("flagset", ct.c_uint32), ("nkeys", ct.c_uint32),
        ("typename", ct.c_char_p), ("keys", POINTER), ("nops", ct.c_uint32), ("ops", POINTER), ("meta", POINTER),
        ("type_information", _Bytes), ("type_mapping", _Bytes), ("restrict", ct.c_uint32),
    )  # fmt: skip


class _Part(ct.Structure):
    _fields_ = (("base", POINTER), ("length", ct.c_size_t))


class _SampleInfo(ct.Structure):
    _fields_ = (
        ("sample_state", ct.c_uint32), ("view_state", ct.c_uint32), ("instance_state", ct.c_uint32),
        ("valid", ct.c_bool), ("time", ct.c_int64), ("instance", ct.c_uint64), ("publication", ct.c_uint64),
        ("generations", ct.c_uint32 * 5),
    )  # fmt: skip


class DdsError(RuntimeError):
    """Cyclone refused a call."""


@lru_cache(maxsize=1)
def library() -> Any:
    """libddsc of the wheel, with the types of the calls that are used."""
    calls = ct.CDLL(cyclonedds.__library__.library_path)
    entity, size = ct.c_int32, ct.c_size_t
    for name, result, *arguments in (
        ("ddsi_typeinfo_deser", POINTER, ct.c_char_p, ct.c_uint32),
        ("dds_create_topic_descriptor", entity, ct.c_int, entity, POINTER, ct.c_int64, POINTER),
        ("dds_create_topic", entity, entity, POINTER, ct.c_char_p, POINTER, POINTER),
        ("dds_create_writer", entity, entity, entity, POINTER, POINTER),
        ("dds_create_reader", entity, entity, entity, POINTER, POINTER),
        ("dds_create_readcondition", entity, entity, ct.c_uint32),
        ("dds_create_waitset", entity, entity),
        ("dds_waitset_attach", entity, entity, entity, ct.c_int64),
        ("dds_waitset_wait", entity, entity, POINTER, size, ct.c_int64),
        ("dds_get_entity_sertype", entity, entity, POINTER),
        ("ddsi_serdata_from_ser_iov", POINTER, POINTER, ct.c_int, ct.c_uint64, POINTER, size),
        ("ddsi_serdata_to_ser", None, POINTER, size, size, POINTER),
        ("ddsi_serdata_size", ct.c_uint32, POINTER),
        ("ddsi_serdata_unref", None, POINTER),
        ("dds_writecdr", entity, entity, POINTER),
        ("dds_takecdr", entity, entity, POINTER, ct.c_uint32, POINTER, ct.c_uint32),
        ("dds_get_matched_subscriptions", entity, entity, POINTER, size),
        ("dds_get_guid", entity, entity, POINTER),
        ("dds_delete", entity, entity),
    ):
        call = getattr(calls, name)
        call.restype, call.argtypes = result, arguments
    return calls


def checked(code: int, what: str) -> int:
    if code < 0:
        raise DdsError(f"{what}: Cyclone DDS answered {code}")
    return code


def qos(*, depth: int, latched: bool, kind: str) -> Any:
    """Reliable and bounded; `latched` is ROS' transient local. The type's hash is in the user data, as ROS has it."""
    policies = [
        Policy.Reliability.Reliable(duration(milliseconds=BLOCKING_MS)),
        Policy.History.KeepLast(depth),
        Policy.Durability.TransientLocal if latched else Policy.Durability.Volatile,
        Policy.DataRepresentation(use_cdrv0_representation=True),
    ]
    if latched:
        policies.append(
            Policy.DurabilityService(
                cleanup_delay=0,
                history=Policy.History.KeepLast(depth),
                max_samples=-1,
                max_instances=-1,
                max_samples_per_instance=-1,
            )
        )
    if kind in store().fielddefs and not kind.startswith("rmw_dds_common"):
        policies.append(Policy.Userdata(f"typehash={store().hash_rihs01(kind)};".encode()))
    return Qos(*policies)


@lru_cache(maxsize=128)
def idl_class(kind: str) -> Any:
    """A class of Cyclone's IDL for a type of ROS: the C layer checks each sample against it."""
    package, folder, name = kind.split("/")
    fields = {field: _idl_type(described) for field, described in store().fielddefs[kind][1]}
    fields = fields or {"structure_needs_at_least_one_member": idl.uint8}
    return make_idl_struct(f"{name}_", f"{package}::{folder}::dds_::{name}_", fields)


def _idl_type(described: Any) -> Any:
    node, rest = described
    if node == Nodetype.BASE:
        name, bound = rest
        if name == "string" and bound:
            return idl.bounded_str[bound]
        return BASIC.get(name) or getattr(idl, name)
    if node == Nodetype.NAME:
        return idl_class(rest)
    below, count = rest
    inner = _idl_type(below)
    if node == Nodetype.ARRAY:
        return idl.array[inner, count]
    return idl.sequence[inner, count] if count else idl.sequence[inner]


@lru_cache(maxsize=16)
def _domain(number: int, config: str) -> Any:
    """A domain is configured once for each process; CYCLONEDDS_URI, where it is set, is its configuration."""
    return None if os.environ.get("CYCLONEDDS_URI") else Domain(number, config)


class Participant:
    """This program in one domain. `close` ends all of its endpoints."""

    def __init__(self, domain: int, config: str) -> None:
        self._domain = _domain(domain, config)
        self._participant = DomainParticipant(domain, qos=Qos(Policy.Userdata(b"enclave=/;")))
        self.ref: int = self._participant._ref
        self._kept: list[Any] = []
        self._numbers = itertools.count()
        self._closed = False

    def topic(self, name: str, kind: str) -> int:
        """A topic without type information; raises DdsError."""
        described = idl_class(kind)
        known = Topic(self._participant, f"aux_{next(self._numbers)}", described)  # fills the local type library
        data = described.__idl__._xt_bytedata[0]
        information = library().ddsi_typeinfo_deser(data, len(data))
        descriptor = ct.POINTER(_Descriptor)()
        made = library().dds_create_topic_descriptor(LOCAL_DOMAIN, self.ref, information, 0, ct.byref(descriptor))
        checked(made, f"the type {kind}")
        descriptor[0].flagset &= ~XTYPES_FLAG
        descriptor[0].type_information = descriptor[0].type_mapping = _Bytes(None, 0)
        self._kept.append((known, descriptor))
        return checked(library().dds_create_topic(self.ref, descriptor, name.encode(), None, None), f"topic {name}")

    def endpoint(self, create: Callable[..., int], name: str, kind: str, *, depth: int, latched: bool) -> int:
        """A writer or a reader."""
        settings = _CQos.qos_to_cqos(qos(depth=depth, latched=latched, kind=kind))
        try:
            return checked(create(self.ref, self.topic(name, kind), settings, None), f"an endpoint of {name}")
        finally:
            _CQos.cqos_destroy(settings)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            library().dds_delete(self.ref)


class Writer:
    """Publishes messages of one type; `name` is DDS' own, such as `rt/camera/labels`."""

    def __init__(
        self, participant: Participant, name: str, kind: str, *, depth: int = 5, latched: bool = False
    ) -> None:
        self.kind = kind
        self._ref = participant.endpoint(library().dds_create_writer, name, kind, depth=depth, latched=latched)
        self._type = POINTER()
        checked(library().dds_get_entity_sertype(self._ref, ct.byref(self._type)), kind)

    def close(self) -> None:
        library().dds_delete(self._ref)

    @property
    def readers(self) -> int:
        """How many there are now."""
        return int(library().dds_get_matched_subscriptions(self._ref, None, 0))

    @property
    def guid(self) -> bytes:
        return guid_of(self._ref)

    def write(self, message: Any) -> None:
        """Raises DdsError."""
        data = np.frombuffer(store().serialize_cdr(message, self.kind), np.uint8)
        padding = -len(data) % 4
        if padding:  # its length stands in the header
            data = np.concatenate((data, np.zeros(padding, np.uint8)))
            data[3] = padding
        part = _Part(data.ctypes.data, data.size)
        sample = library().ddsi_serdata_from_ser_iov(self._type, SDK_DATA, 1, ct.byref(part), data.size)
        if not sample:
            raise DdsError(f"{self.kind}: Cyclone DDS does not take the bytes of a message")
        checked(library().dds_writecdr(self._ref, sample), f"a message of {self.kind}")


class Reader:
    """Takes messages of one type."""

    def __init__(self, participant: Participant, name: str, kind: str, *, depth: int = 10) -> None:
        self.kind = kind
        self._ref = participant.endpoint(library().dds_create_reader, name, kind, depth=depth, latched=False)
        self.condition = checked(library().dds_create_readcondition(self._ref, 0), kind)

    def close(self) -> None:
        library().dds_delete(self._ref)

    def take(self) -> list[Any]:
        """Messages that have come; raises DdsError."""
        samples, infos = (POINTER * TAKE)(), (_SampleInfo * TAKE)()
        count = checked(library().dds_takecdr(self._ref, samples, TAKE, infos, 0), self.kind)
        found = []
        for sample, info in zip(samples[:count], infos[:count], strict=True):
            if info.valid:
                data = ct.create_string_buffer(library().ddsi_serdata_size(sample))
                library().ddsi_serdata_to_ser(sample, 0, len(data), data)
                found.append(store().deserialize_cdr(data.raw, self.kind))
            library().ddsi_serdata_unref(sample)
        return found


class Waiting:
    """Waits until one of several readers has a message."""

    def __init__(self, participant: Participant, readers: list[Reader]) -> None:
        self._ref = checked(library().dds_create_waitset(participant.ref), "a waitset")
        for number, reader in enumerate(readers):
            checked(library().dds_waitset_attach(self._ref, reader.condition, number), reader.kind)

    def wait(self, timeout_s: float) -> None:
        """Raises DdsError once the participant was closed."""
        checked(library().dds_waitset_wait(self._ref, None, 0, int(timeout_s * 1e9)), "waiting")


def guid_of(ref: int) -> bytes:
    """The identity of an endpoint or participant."""
    data = (ct.c_uint8 * 16)()
    checked(library().dds_get_guid(ref, data), "an identity")
    return bytes(data)
