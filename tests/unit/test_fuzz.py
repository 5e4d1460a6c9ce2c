"""Bytes from anybody: refused with an error of ours, whatever they are."""

import contextlib

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.bus.messages import VERSION, unpack
from streamer.bus.requests import MAX_COMMANDS, pack_request, unpack_reply, unpack_request
from streamer.errors import CommandError, WireError
from streamer.rate_limit import TokenBucket
from streamer.types import Prompt

settings.register_profile("ours", max_examples=150, deadline=None)  # a shared machine may pause at any time
settings.load_profile("ours")
REFUSALS = (WireError, CommandError)
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=40),
)
nested = st.recursive(
    odd,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=20,
)
fields = st.sampled_from(
    ["verb", "object_id", "mode", "points", "labels", "box", "mask", "size", "data", "v", "commands"]
)
commands = st.dictionaries(fields, nested, max_size=7)
verbs = st.sampled_from(["prompt", "remove", "reset", "pause", "resume", "find", "undo", "status", "nonsense"])


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused_or_mean_something(data):
    for reader in (unpack_request, unpack, unpack_reply):
        with contextlib.suppress(*REFUSALS):
            reader(data)


@given(st.lists(st.tuples(verbs, commands), min_size=1, max_size=4), st.sampled_from([VERSION, VERSION, 0, -1, 2**40]))
def test_a_request_with_any_fields_is_refused_or_holds_only_what_can_be_meant(entries, version):
    data = msgpack.packb({"v": version, "commands": [{**entry, "verb": verb} for verb, entry in entries]})
    try:
        asked = unpack_request(data)
    except REFUSALS as error:
        assert len(str(error)) < 2000
        assert "\n" not in str(error)
        return
    assert asked is None or 1 <= len(asked) <= MAX_COMMANDS


@given(st.binary(min_size=1, max_size=4), st.integers(0, 200), st.integers(0, 3))
def test_a_request_with_a_few_bytes_changed_does_no_harm(noise, at, cut):
    data = bytearray(pack_request([Prompt(1, points=((1.0, 2.0),), labels=(1,), box=(1.0, 1.0, 9.0, 9.0))]))
    data[at % len(data) : at % len(data) + len(noise)] = noise
    with contextlib.suppress(*REFUSALS):
        unpack_request(bytes(data[: len(data) - cut]))


@given(st.lists(st.floats(0, 0.05), min_size=1, max_size=300))
def test_no_more_is_allowed_than_the_rate_and_the_burst(gaps_s):
    allowance, now_s, taken = TokenBucket(10.0, 5.0), 100.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        taken += allowance.take(now_s)
    assert taken <= 5 + (now_s - 100.0) * 10 + 1
